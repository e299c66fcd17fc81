package checks

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// The version of an observation is a fingerprint of its shape, and of the
// shape of the host facts that judges read beside it. Nobody has to remember
// to raise a number: a field that is added, renamed or removed makes another
// version, and what another version observed is never judged as if every field
// that it does not have had been seen empty.

// Observes returns the version of what c observes, as Result.Observes has it.
func (c *Check) Observes() string { return c.observes }

// Nothing returns what c stores when it has seen nothing, for tests of its
// judge.
func (c *Check) Nothing() json.RawMessage { return c.nothing }

// versionOf fingerprints the JSON form of T and of the host facts.
func versionOf[T any]() string {
	var b strings.Builder
	shapes := shaper{out: &b, seen: map[reflect.Type]bool{}}
	shapes.write(reflect.TypeFor[T]())
	shapes.write(reflect.TypeFor[netinfo.Host]())
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}

// shaper writes a type as the names and kinds that its JSON form has.
type shaper struct {
	out  *strings.Builder
	seen map[reflect.Type]bool // structs on the way down, against recursion
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func (s shaper) write(t reflect.Type) {
	if p, ok := reflect.Zero(t).Interface().(interface{ holds() reflect.Type }); ok && t.Kind() == reflect.String {
		s.write(p.holds())
		return
	}
	if t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		fmt.Fprintf(s.out, "%s;", t)
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		fmt.Fprintf(s.out, "%s ", t.Kind())
		s.write(t.Elem())
	case reflect.Map:
		fmt.Fprintf(s.out, "map %s ", t.Key().Kind())
		s.write(t.Elem())
	case reflect.Struct:
		s.writeStruct(t)
	default:
		fmt.Fprintf(s.out, "%s;", t.Kind())
	}
}

func (s shaper) writeStruct(t reflect.Type) {
	if s.seen[t] {
		fmt.Fprintf(s.out, "again %s;", t.Name())
		return
	}
	s.seen[t] = true
	defer delete(s.seen, t)
	s.out.WriteString("{")
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name := f.Name
		if tag != "" {
			name = tag
		}
		fmt.Fprintf(s.out, "%s:", name)
		s.write(f.Type)
	}
	s.out.WriteString("}")
}

// errForeign is an observation that this version of the program did not write.
var errForeign = errors.New("it does not have the form that this program writes")

// decodeOwn reads what this run has observed.
func decodeOwn(raw json.RawMessage, into any) error {
	if json.Unmarshal(raw, into) != nil {
		return errForeign
	}
	return nil
}

// decodeStrictly reads what was observed. Writing it again must give the same
// JSON: a field that is unknown here, or one that is missing there, would
// otherwise be judged as something that was looked at and not found.
func decodeStrictly(raw json.RawMessage, into any) error {
	if err := decodeOwn(raw, into); err != nil {
		return err
	}
	again, err := json.Marshal(into)
	if err != nil {
		return errForeign
	}
	if bytes.Equal(again, raw) {
		return nil
	}
	if was := anyJSON(raw); was == nil || !reflect.DeepEqual(was, anyJSON(again)) {
		return errForeign
	}
	return nil
}

// anyJSON is JSON without regard to spaces and the order of keys.
func anyJSON(raw []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	_ = dec.Decode(&v) // nil, which equals nothing, where it is not JSON
	return v
}
