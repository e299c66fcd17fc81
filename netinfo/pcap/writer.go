package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Writer writes frames as they were read: in the format of the file that the first
// of them came from, pcap or pcapng, little-endian, with its resolution of time.
type Writer struct {
	out        *bufio.Writer
	like       *Reader
	started    bool
	classic    bool
	unit       int64  // of a classic file, as classicPcap.unit
	interfaces []Link // of a pcapng section
}

// ErrMixed says that a pcap file can hold frames of one link type only.
var ErrMixed = errors.New("the captures differ in format or link type")

// NewWriter returns a writer; nothing is written before the first frame.
func NewWriter(to io.Writer) *Writer { return &Writer{out: bufio.NewWriterSize(to, bufferSize)} }

// Like says which file the frames that follow were read from.
func (w *Writer) Like(r *Reader) { w.like = r }

// WriteFrame writes the next frame.
func (w *Writer) WriteFrame(f *Frame) error {
	if err := w.begin(f); err != nil {
		return err
	}
	b := make([]byte, 0, 64)
	u32 := func(list ...uint32) {
		for _, v := range list {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	if w.classic {
		u32(uint32(f.Time/second), uint32(f.Time%second/w.unit), uint32(len(f.Data)), uint32(f.Length))
		return w.write(b, f.Data)
	}
	padding := make([]byte, -len(f.Data)&3)
	n := uint32(blockFrame + 20 + len(f.Data) + len(padding))
	u32(blockPacket, n, uint32(f.Interface), uint32(uint64(f.Time)>>32), uint32(f.Time), uint32(len(f.Data)), uint32(f.Length))
	return w.write(b, f.Data, padding, binary.LittleEndian.AppendUint32(nil, n))
}

// begin writes the header of the file, section or interface that f is the first of.
func (w *Writer) begin(f *Frame) error {
	like, classic := w.like.format.(*classicPcap)
	switch {
	case !w.started:
		w.started, w.classic = true, classic
		if !classic {
			return errors.Join(w.section(), w.describe(f.Interface))
		}
		w.unit, w.interfaces = like.unit, []Link{f.Link}
		magic := uint32(magicMicroseconds)
		if w.unit == 1 {
			magic = magicNanoseconds
		}
		b := binary.LittleEndian.AppendUint32(nil, magic)
		b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, maxFrame)
		return w.write(binary.LittleEndian.AppendUint32(b, uint32(f.Link)))
	case w.classic != classic || classic && (f.Link != w.interfaces[0] || like.unit != w.unit):
		return ErrMixed
	case classic:
		return nil
	}
	if !w.sameSection() {
		if err := w.section(); err != nil {
			return err
		}
	}
	return w.describe(f.Interface)
}

// sameSection reports whether the interfaces that were described are those of the
// file that is read.
func (w *Writer) sameSection() bool {
	for i, l := range w.interfaces {
		if i >= len(w.like.Interfaces) || w.like.Interfaces[i].Link != l {
			return false
		}
	}
	return true
}

func (w *Writer) section() error {
	w.interfaces = nil
	b := make([]byte, 0, 28)
	for _, v := range []uint32{blockSection, 28, byteOrderMagic, 1, 0xffffffff, 0xffffffff, 28} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return w.write(b)
}

// describe writes the interfaces up to n: their link types, and that times are in
// nanoseconds. Their names stay behind.
func (w *Writer) describe(n int) error {
	for len(w.interfaces) <= n {
		link := w.like.Interfaces[len(w.interfaces)].Link
		w.interfaces = append(w.interfaces, link)
		const length, unit = 32, 9 // ten to the power of -9
		b := make([]byte, 0, length)
		for _, v := range []uint32{blockInterface, length, uint32(link), maxFrame, optionResolution | 1<<16, unit, 0, length} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		if err := w.write(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) write(list ...[]byte) error {
	for _, b := range list {
		if _, err := w.out.Write(b); err != nil {
			return fmt.Errorf("writing the capture: %w", err)
		}
	}
	return nil
}

// Flush writes what is buffered. A capture without frames becomes an empty file.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("writing the capture: %w", err)
	}
	return nil
}
