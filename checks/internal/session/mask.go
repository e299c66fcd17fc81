package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Masked bytes are the control of every SIP probe: the same length plus eight,
// the same ports, and nothing in them that content inspection could know as
// SIP or as an address. It is not encryption; it only has to be unreadable to
// something that looks for text.
//
//	"sdm1" | 4-byte nonce | payload XOR keystream(nonce)
var maskMagic = []byte("sdm1")

// MaskOverhead is how many bytes Mask adds.
const MaskOverhead = 8

// Mask returns p in masked form. Every nonce gives other bytes.
func Mask(p []byte, nonce uint32) []byte {
	out := make([]byte, MaskOverhead+len(p))
	copy(out, maskMagic)
	binary.BigEndian.PutUint32(out[4:], nonce)
	xorStream(out[8:], p, nonce)
	return out
}

// Unmask returns the payload of masked bytes; ok is false when b is not
// masked.
func Unmask(b []byte) (p []byte, ok bool) {
	return UnmaskInto(nil, b)
}

// UnmaskInto is Unmask into a buffer of the caller's: where it is long enough, a
// flood of masked bytes costs no memory.
func UnmaskInto(buf, b []byte) (p []byte, ok bool) {
	if len(b) < MaskOverhead || !bytes.Equal(b[:4], maskMagic) {
		return nil, false
	}
	n := len(b) - MaskOverhead
	p = slices.Grow(buf[:0], n)[:n]
	xorStream(p, b[8:], binary.BigEndian.Uint32(b[4:]))
	return p, true
}

// WriteMasked writes p in masked form to a stream, its length before it.
func WriteMasked(w io.Writer, p []byte) error {
	m := Mask(p, rand.Uint32())
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...))
	return err
}

// ReadMasked reads what WriteMasked wrote.
func ReadMasked(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > sip.MaxMessage {
		return nil, fmt.Errorf("masked frame of %d bytes", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	p, ok := Unmask(frame)
	if !ok {
		return nil, errors.New("the answer is not in masked form")
	}
	return p, nil
}

// xorStream is xorshift32: it must only differ from byte to byte and never
// leave the text readable, so speed and size decide.
func xorStream(dst, src []byte, nonce uint32) {
	x := nonce | 1
	for i := range src {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		dst[i] = src[i] ^ (byte(x>>11) | 0x80) // the high bit flips in every byte: no ASCII survives
	}
}
