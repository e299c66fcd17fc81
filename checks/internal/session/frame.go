package session

import (
	"bytes"
	"compress/flate"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Control over UDP, for networks that let no TCP through to the control port:
// the calls of the HTTPS channel in masked datagrams, on every UDP port of the
// responder that answers probes.
//
// The responder keeps nothing about a source and never answers more than it
// was asked with, until the source has returned a cookie: requests are padded
// to FrameSize, replies are never longer, and long ones are fetched in pieces.
//
// The frames are masked, not encrypted: somebody on the path who knows this
// format can read a session's secret and pretend to be its probes. The
// responder's certificate signs the open reply, so nobody on the path can
// pretend to be the responder. What is at stake is the outcome of one test.

const (
	// FrameVersion is the version of the frame's layout.
	FrameVersion = 1
	// FrameSize is the length of a request datagram, bytes. It fits every path
	// that carries IPv6 (RFC 8200, 5: 1280 bytes with all headers).
	FrameSize = 1200
	// MaxChunk is how many bytes of a reply one datagram carries: in base64 and
	// with the other fields it stays below FrameSize.
	MaxChunk = 680
	// CookieLen is the length of a cookie, bytes.
	CookieLen = 16
)

// StatusCookie in a FrameReply means: call again with the cookie enclosed.
const StatusCookie = 421

// A Frame is one request datagram of the control channel.
type Frame struct {
	Version int    `json:"v"`
	Call    string `json:"id"` // 32 hex digits, random, the same in every repetition
	Op      string `json:"op"`
	Cookie  []byte `json:"cookie,omitempty"`
	Session string `json:"session,omitempty"`
	Proof   []byte `json:"proof,omitempty"` // of the session's secret, see Sign
	Offset  int    `json:"offset,omitempty"`
	Body    []byte `json:"body,omitempty"`
}

// A FrameReply is one piece of the reply to a call.
type FrameReply struct {
	Version int    `json:"v"`
	Call    string `json:"id"`
	Cookie  []byte `json:"cookie,omitempty"` // with StatusCookie
	Status  int    `json:"status"`           // as in HTTP
	Offset  int    `json:"offset"`
	Total   int    `json:"total"` // length of the whole reply, compressed
	Data    []byte `json:"data,omitempty"`
}

// Sign sets the proof that the sender holds the session's secret.
func (f *Frame) Sign(secret []byte) { f.Proof = f.proof(secret) }

// Signed reports whether the proof was made with secret.
func (f *Frame) Signed(secret []byte) bool { return hmac.Equal(f.Proof, f.proof(secret)) }

func (f *Frame) proof(secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	// Only the body may hold a zero byte or any other, and it stands last.
	fmt.Fprintf(m, "sipdoctor control\x00%q\x00%q\x00%x\x00%s\x00", f.Call, f.Op, f.Cookie, strconv.Itoa(f.Offset))
	m.Write(f.Body)
	return m.Sum(nil)
}

// Seal returns the masked datagram of exactly FrameSize bytes; it is an error
// of the program when the frame does not fit.
func (f *Frame) Seal(nonce uint32) ([]byte, error) {
	f.Version = FrameVersion
	return sealed(f, FrameSize, nonce)
}

// sealed is a frame, filled up with blanks to a size; 0 is as long as it is.
func sealed(frame any, size int, nonce uint32) ([]byte, error) {
	b, err := json.Marshal(frame)
	if err != nil {
		return nil, fmt.Errorf("writing a control frame: %w", err)
	}
	room := size - MaskOverhead - len(b)
	if size > 0 && room < 0 {
		return nil, fmt.Errorf("writing a control frame: %d bytes too long", -room)
	}
	return Mask(append(b, bytes.Repeat([]byte(" "), max(0, room))...), nonce), nil
}

// IsFrame reports whether unmasked bytes are a control frame, not a probe: no
// SIP message begins like that.
func IsFrame(p []byte) bool { return bytes.HasPrefix(p, []byte(`{"v":`)) }

func parseFrame[T Frame | FrameReply](p []byte) (f T, err error) {
	if !IsFrame(p) {
		return f, errors.New("not a control frame")
	}
	if err := json.Unmarshal(p, &f); err != nil {
		return f, fmt.Errorf("reading a control frame: %w", err)
	}
	return f, nil
}

// ParseFrame reads an unmasked request.
func ParseFrame(p []byte) (Frame, error) {
	f, err := parseFrame[Frame](p)
	if err != nil {
		return f, err
	}
	if f.Version != FrameVersion || len(f.Call) != 32 || f.Offset < 0 || len(f.Cookie) > CookieLen {
		return f, errors.New("reading a control frame: unknown version or malformed fields")
	}
	return f, nil
}

// Seal returns the masked datagram of the reply.
func (r *FrameReply) Seal(nonce uint32) ([]byte, error) {
	r.Version = FrameVersion
	return sealed(r, 0, nonce)
}

// ParseFrameReply reads an unmasked reply. The numbers in it are within
// bounds: a responder cannot make its client reserve more than MaxReply bytes.
func ParseFrameReply(p []byte) (FrameReply, error) {
	r, err := parseFrame[FrameReply](p)
	if err != nil {
		return r, err
	}
	if r.Version != FrameVersion || r.Offset < 0 || r.Total < 0 || r.Total > MaxReply ||
		r.Offset > r.Total || len(r.Data) > r.Total-r.Offset {
		return r, errors.New("reading a control frame: unknown version or numbers out of bounds")
	}
	return r, nil
}

// Pack compresses the reply of a call for its way in pieces: SIP messages
// resemble each other, so an arrivals reply shrinks to a tenth.
func Pack(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestSpeed) // only an invalid level makes an error
	_, _ = w.Write(b)                              // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// Unpack is the reverse of Pack; what would become longer than MaxReply is
// refused.
func Unpack(b []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(b))
	out, err := io.ReadAll(io.LimitReader(r, MaxReply+1))
	if err != nil {
		return nil, fmt.Errorf("unpacking a control reply: %w", err)
	}
	if len(out) > MaxReply {
		return nil, fmt.Errorf("unpacking a control reply: longer than %d bytes", MaxReply)
	}
	return out, nil
}
