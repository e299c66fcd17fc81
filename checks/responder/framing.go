package responder

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// What a stream carries, one after the other:
//
//	message  SIP, its body as long as Content-Length says (RFC 3261, 18.3)
//	masked   uint32 length | Mask(message); the first byte is 0, as in no SIP message
//	ping     CR LF CR LF, answered with CR LF (RFC 5626, 3.5.1)
const (
	// maxHead is the longest header of a message that is waited for, bytes.
	maxHead = 16 << 10
	// maxBody is the longest body, bytes.
	maxBody = maxRaw - maxHead
)

// An item is one thing cut out of a stream.
type item struct {
	kind string // "": more bytes are needed
	raw  []byte // unmasked; valid until the next Write
}

// A splitter cuts a stream into items.
type splitter struct{ sip.Framer }

func newSplitter() splitter {
	return splitter{sip.Framer{MaxHead: maxHead, MaxBody: maxBody}}
}

// next returns the next item. After an error the stream cannot be followed any
// further; Rest is what is left.
func (f *splitter) next() (it item, err error) {
	if rest := f.Rest(); len(rest) > 0 && rest[0] == 0 {
		return f.masked(rest)
	}
	it.raw, it.kind, _, err = f.Next()
	return it, err
}

func (f *splitter) masked(rest []byte) (item, error) {
	if len(rest) < 4 {
		return item{}, nil
	}
	n := int(binary.BigEndian.Uint32(rest))
	if n < session.MaskOverhead || n > maxRaw {
		return item{}, fmt.Errorf("a masked frame of %d bytes", n)
	}
	if len(rest) < 4+n {
		return item{}, nil
	}
	p, ok := session.Unmask(f.Take(4 + n)[4:])
	if !ok {
		return item{}, errors.New("a frame that is not masked")
	}
	return item{"masked", p}, nil
}
