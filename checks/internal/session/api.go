package session

import (
	"crypto/hmac"
	"encoding/hex"
	"strings"
)

// The control calls. Over HTTPS each is a POST of JSON to Path(op); over
// masked UDP the same JSON travels in a Frame.
const (
	OpHello    = "hello" // UDP only: asks for a cookie
	OpOpen     = "open"
	OpArrivals = "arrivals"
	OpInvite   = "invite"
	OpRTP      = "rtp"
	OpSweep    = "sweep"
	OpBitmap   = "bitmap"
	OpClose    = "close"
)

// Header fields of the HTTPS control channel.
const (
	// HeaderProtocol stands in every reply of a responder: without it, some
	// other web server answers at that port.
	HeaderProtocol = "Sipdoctor-Protocol"
	// HeaderCall names a call, the same in every repetition, so that a repeated
	// call is not done twice. net/http repeats a POST that carries it when a
	// kept connection turns out to be closed.
	HeaderCall = "Idempotency-Key"
)

// MaxBody bounds the body of a control call, bytes.
const MaxBody = 4096

// MaxReply bounds what a client reads of one reply, bytes: ten times what a
// whole run of the checks leaves at the responder.
const MaxReply = 4 << 20

// Path is the HTTP path of a control call.
func Path(op string) string { return "/v1/" + op }

// ArrivalsReply is what reached the responder so far.
type ArrivalsReply struct {
	Arrivals []Arrival `json:"arrivals"`
	// Dropped counts messages that came with a valid token but were not kept,
	// because the session or the responder had no memory left for them. With
	// any, a probe missing in Arrivals proves nothing.
	Dropped int `json:"dropped,omitempty"`
	// Limits is what else was left undone because of the responder's limits.
	Limits Limits `json:"limits,omitzero"`
}

// Bearer is the value of the Authorization header field of a session's calls.
func Bearer(id string, secret []byte) string {
	return "Bearer " + id + "." + hex.EncodeToString(secret)
}

// ParseBearer reads an Authorization header field.
func ParseBearer(v string) (id string, secret []byte, ok bool) {
	v, ok = strings.CutPrefix(v, "Bearer ")
	if !ok {
		return "", nil, false
	}
	id, h, ok := strings.Cut(v, ".")
	if !ok || len(h) > 256 {
		return "", nil, false
	}
	secret, err := hex.DecodeString(h)
	return id, secret, err == nil && len(secret) > 0
}

// SameSecret compares secrets in constant time.
func SameSecret(a, b []byte) bool { return hmac.Equal(a, b) }
