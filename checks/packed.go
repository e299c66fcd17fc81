package checks

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"reflect"
	"slices"
)

// Packed is a part of an observation that is compressed: JSON, gzip, base64. It
// belongs to the observation's version as if it stood there openly. Redacting
// a report empties it, for what cannot be read cannot be redacted.
type Packed[T any] string

// maxPacked bounds what Open unpacks: a report may come from a stranger.
const maxPacked = 16 << 20

// Pack packs v; ok is false when its JSON is longer than limit.
func Pack[T any](v T, limit int) (p Packed[T], ok bool) {
	raw, err := json.Marshal(v)
	if err != nil || len(raw) > min(limit, maxPacked) {
		return "", false
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(raw) // into memory: neither fails
	_ = z.Close()
	return Packed[T](base64.StdEncoding.EncodeToString(b.Bytes())), true
}

// Open unpacks it; ok is false when there is nothing in it, or no T.
func (p Packed[T]) Open() (v T, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(string(p))
	if err != nil {
		return v, false
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return v, false
	}
	text, err := io.ReadAll(io.LimitReader(z, maxPacked+1))
	if err != nil || len(text) > maxPacked || json.Unmarshal(text, &v) != nil {
		var none T
		return none, false
	}
	return v, true
}

// holds is for the version of the observation.
func (Packed[T]) holds() reflect.Type { return reflect.TypeFor[T]() }

// settler is an observation that its judge evaluates first. Settle keeps what
// comes of that instead of what was read.
type settler[O any] interface{ Settle() O }

// Settle returns a copy of r that holds, where a check can tell it, what came of
// what was read instead of what was read. Only that can be redacted: with a
// stand-in for each address, an address is not in the same networks any more.
func Settle(r *Report, list []*Check) *Report {
	settled := *r
	settled.Results = slices.Clone(r.Results)
	for _, c := range list {
		res := settled.Result(c.ID)
		if res == nil || c.settle == nil || res.Observes != c.observes {
			continue
		}
		if raw, err := c.settle(res.Observed); err == nil {
			res.Observed = raw
		}
	}
	return &settled
}
