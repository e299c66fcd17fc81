// Package pcap reads captures: the files that tcpdump, Wireshark, routers and
// switches write. It follows the file formats and the headers down to what UDP
// and TCP carry, one frame at a time, in memory that does not grow with the file.
package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Frame is one frame as it was captured. Data belongs to the reader and is
// valid until its next frame.
type Frame struct {
	Number    int   // from 1, as Wireshark counts
	Time      int64 // nanoseconds since 1970; 0 where the file does not say
	Link      Link
	Interface int    // of this file, from 0
	Length    int    // bytes on the wire; more than Data where the capture cut it
	Data      []byte // from the link layer's header on
}

// Link is a link type, a number of tcpdump.org/linktypes.html.
type Link uint16

const (
	bufferSize = 1 << 20
	// maxFrame is Wireshark's largest frame (WTAP_MAX_PACKET_SIZE_STANDARD): more
	// is a damaged length.
	maxFrame = 256 << 10
)

// A Reader reads the frames of one file.
type Reader struct {
	in     *bufio.Reader
	ahead  []byte // in the buffer of in, and not taken yet
	held   int    // how long ahead was at first
	close  func()
	format format
	pos    int64 // of the beginning of ahead, as it was at first
	frame  Frame
	err    error

	Interfaces []Interface // seen so far; those of a pcapng file have names
	Drops      uint64      // frames that the capturing machine says it lost
}

// An Interface is where frames were captured.
type Interface struct {
	Name string
	Link Link
	// SnapLength is the longest part of a frame that was kept; 0 is all.
	SnapLength int
	ticks      ticks
}

// format is the layout of a file.
type format interface {
	// next reads up to the end of the next frame into r.frame.
	next(r *Reader) error
}

// ErrFormat says that bytes do not begin like any capture.
var ErrFormat = errors.New("this is no capture: it begins like neither pcap nor pcapng")

// CutError says where a capture ended or stopped making sense. What was read before
// that is good.
type CutError struct {
	Offset int64 // of the uncompressed file, bytes
	Frame  int   // the frame that could not be read
	Why    string
}

func (e *CutError) Error() string {
	return fmt.Sprintf("frame %d, at byte %d: %s", e.Frame, e.Offset, e.Why)
}

// NewReader reads the beginning of a capture, compressed or not. It returns
// io.EOF for an empty file and ErrFormat for one that is something else.
func NewReader(from io.Reader) (*Reader, error) {
	in, closer, err := Decompress(from)
	if err != nil {
		return nil, err
	}
	r := &Reader{in: in, close: closer}
	if r.format, err = r.detect(); err != nil {
		closer()
		return nil, err
	}
	return r, nil
}

// IsCapture reports whether what follows begins like a capture.
func IsCapture(in *bufio.Reader) bool {
	b, _ := in.Peek(4)
	if len(b) < 4 {
		return false
	}
	_, ok := classicKind(b)
	return ok || binary.BigEndian.Uint32(b) == blockSection
}

func (r *Reader) detect() (format, error) {
	b, err := r.in.Peek(4)
	if len(b) == 0 {
		return nil, err
	}
	if len(b) < 4 {
		return nil, ErrFormat
	}
	if binary.BigEndian.Uint32(b) == blockSection {
		return &pcapng{}, nil
	}
	return classic(r)
}

// NextFrame returns the next frame, io.EOF after the last, and a *CutError where the
// file ends within a frame or is damaged.
func (r *Reader) NextFrame() (*Frame, error) {
	if r.err == nil {
		r.frame.Number++
		r.err = r.format.next(r)
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.frame, nil
}

// Close frees what decompressing holds; the file itself belongs to the caller.
func (r *Reader) Close() { r.close() }

// peek returns the next n bytes, which are valid until the next call; fewer with the
// error that stands in the way. What the buffer holds is found without asking it.
func (r *Reader) peek(n int) ([]byte, error) {
	if n <= len(r.ahead) {
		return r.ahead[:n], nil
	}
	r.drop()
	b, err := r.in.Peek(n)
	r.ahead, _ = r.in.Peek(r.in.Buffered())
	r.held = len(r.ahead)
	return b, err
}

// drop lets go of what was taken.
func (r *Reader) drop() {
	n, _ := r.in.Discard(r.held - len(r.ahead)) // the buffer holds them
	r.pos += int64(n)
	r.ahead, r.held = nil, 0
}

// take returns the next n bytes, which are valid until the next call. It returns
// io.EOF where the file ends before the first of them.
func (r *Reader) take(n int, what string) ([]byte, error) {
	b, err := r.peek(n)
	if err != nil {
		if len(b) == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, r.cut("the file ends within %s", what)
		}
		return nil, r.cut("%v", err)
	}
	r.ahead = r.ahead[n:]
	return b, nil
}

// skip goes on after the next n bytes.
func (r *Reader) skip(n int) error {
	r.drop()
	n, err := r.in.Discard(n)
	r.pos += int64(n)
	return err
}

// rest is take for what must follow.
func (r *Reader) rest(n int, what string) ([]byte, error) {
	b, err := r.take(n, what)
	if errors.Is(err, io.EOF) {
		err = r.cut("the file ends before %s", what)
	}
	return b, err
}

func (r *Reader) cut(format string, args ...any) error {
	return &CutError{Offset: r.pos + int64(r.held-len(r.ahead)), Frame: r.frame.Number, Why: fmt.Sprintf(format, args...)}
}

// setTime turns a count of an interface's ticks into the frame's time.
func (r *Reader) setTime(i *Interface, count uint64) { r.frame.Time = i.ticks.nanoseconds(count) }
