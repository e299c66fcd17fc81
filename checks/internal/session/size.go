package session

import (
	"bytes"
	"fmt"
	"slices"
)

// A SizeProbe is a datagram whose length is all that matters. The responder
// answers with another one of Want bytes, when the client has sent as many:
// asking for a long answer costs several requests of ordinary length.
//
//	SIZE <token> <sequence> <wanted length> LF, filled up with dots
type SizeProbe struct {
	Token string
	Seq   int // told back, 0..65535
	Want  int // length of the answer, bytes of UDP payload; 0: as short as possible
}

// A SizeReply is the answer to a SizeProbe.
//
//	SIZED <token> <sequence> <length that arrived> <length of the answer> LF, filled up
type SizeReply struct {
	Token string
	Seq   int
	Got   int // length of the request as it arrived, bytes of UDP payload
	Want  int // what the answer was filled up to; 0: it is as short as possible
}

// MaxSize is the longest datagram of a SizeProbe or SizeReply, bytes: longer
// than any SIP message that a phone would send.
const MaxSize = 8192

// MinSize is the shortest, masked: its text is shorter in every case.
const MinSize = 128

// Bytes is the unmasked message that becomes size bytes long when masked.
func (p SizeProbe) Bytes(size int) []byte {
	return fill(fmt.Sprintf("SIZE %s %d %d\n", p.Token, p.Seq, p.Want), size)
}

// Bytes is the unmasked message.
func (r SizeReply) Bytes() []byte {
	return fill(fmt.Sprintf("SIZED %s %d %d %d\n", r.Token, r.Seq, r.Got, r.Want), max(r.Want, MinSize))
}

func fill(text string, size int) []byte {
	return append([]byte(text), bytes.Repeat([]byte("."), max(0, size-MaskOverhead-len(text)))...)
}

// IsSize reports whether an unmasked message is a SizeProbe.
func IsSize(raw []byte) bool { return bytes.HasPrefix(raw, []byte("SIZE sdt")) }

// ParseSizeProbe reads a request; the token is not proved by that.
func ParseSizeProbe(raw []byte) (p SizeProbe, ok bool) {
	ok = sizeLine(raw, "SIZE %s %d %d\n", &p.Token, &p.Seq, &p.Want)
	return p, ok
}

// ParseSizeReply reads an answer; the token is not proved by that.
func ParseSizeReply(raw []byte) (r SizeReply, ok bool) {
	ok = sizeLine(raw, "SIZED %s %d %d %d\n", &r.Token, &r.Seq, &r.Got, &r.Want)
	return r, ok
}

// sizeLine reads the first line: a token and some numbers of 0 to 65535.
func sizeLine(raw []byte, format string, token *string, numbers ...*int) bool {
	into := []any{token}
	for _, n := range numbers {
		into = append(into, n)
	}
	_, err := fmt.Sscanf(string(raw[:min(len(raw), MinSize)]), format, into...)
	return err == nil && !slices.ContainsFunc(numbers, func(n *int) bool { return *n < 0 || *n > 65535 })
}
