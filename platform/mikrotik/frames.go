package mikrotik

import (
	"context"
	"errors"
	"net"
	"time"
)

// maxWord bounds one word of the API, bytes: scripts are the longest values of RouterOS.
const maxWord = 4 << 20

var errBadFrame = errors.New("this is not the API of RouterOS")

// A frames is a connection of the API that looks at the length of each word before the
// reader of sentences does, which would take any length on trust. It is read by one.
type frames struct {
	net.Conn
	head  []byte // of a length that is not complete
	left  int    // bytes of the word that is being read
	total int    // of the answer
	words int    // of the answer
	fault error
}

// answerBegins starts the count of an answer anew. No answer is being read then.
func (f *frames) answerBegins(ctx context.Context) {
	f.total, f.words = 0, 0
	end := time.Now().Add(answerPatience)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	_ = f.SetDeadline(end) // a closed connection tells itself
}

func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.fault == nil {
		f.fault = f.check(p[:n])
	}
	if f.fault != nil {
		return 0, f.fault
	}
	if n > 0 {
		_ = f.SetDeadline(time.Now().Add(answerPatience)) // it goes on
	}
	return n, err
}

// check follows the words in b.
func (f *frames) check(b []byte) error {
	if f.total += len(b); f.total > maxAnswer {
		return errTooMuch
	}
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left, b = f.left-n, b[n:]
			continue
		}
		f.head, b = append(f.head, b[0]), b[1:]
		n, whole := wordLength(f.head)
		switch {
		case n < 0 || n > maxWord:
			return errBadFrame
		case whole:
			f.left, f.head = n, f.head[:0]
			if f.words++; f.words > maxWords {
				return errTooMuch
			}
		}
	}
	return nil
}

// wordLength is the length that its first bytes say, in one to five of them; it is
// negative where nothing begins so.
func wordLength(b []byte) (n int, whole bool) {
	size, first := 1, int(b[0])
	switch {
	case first < 0x80:
	case first < 0xc0:
		size, first = 2, first&0x3f
	case first < 0xe0:
		size, first = 3, first&0x1f
	case first < 0xf0:
		size, first = 4, first&0x0f
	case first == 0xf0:
		size, first = 5, 0
	default:
		return -1, false
	}
	if len(b) < size {
		return 0, false
	}
	n = first
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	if uint64(n) > maxWord {
		return -1, false
	}
	return n, true
}
