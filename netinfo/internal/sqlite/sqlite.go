// Package sqlite reads tables out of SQLite files (sqlite.org/fileformat2.html),
// as far as fail2ban writes them: ordinary tables, UTF-8, everything in one
// file. It takes no lock and writes nothing. What it does not understand is an
// error, never a row less.
package sqlite

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/sipdoctor/sipdoctor/platform"
)

var (
	ErrNotSQLite = errors.New("not an SQLite file, or only a part of one")
	ErrDamaged   = errors.New("damaged, or written to meanwhile")
	ErrBusy      = errors.New("it is being written to")
	ErrNoTable   = errors.New("no such table in it")
	ErrForeign   = errors.New("an SQLite file of a kind that fail2ban does not write")
)

// File is an SQLite file.
type File struct {
	r      io.ReadSeeker
	size   int64 // of a page
	usable int   // bytes of a page
	pages  uint32
}

// Open reads the header of a file of so many bytes.
func Open(r io.ReadSeeker, length int64) (*File, error) {
	f := &File{r: r}
	head := make([]byte, 100)
	if err := f.readAt(head, 0); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return nil, errors.Join(notEnd(err), ErrNotSQLite)
	}
	f.size = int64(binary.BigEndian.Uint16(head[16:]))
	if f.size == 1 {
		f.size = 65536
	}
	f.usable = int(f.size) - int(head[20])
	if f.size < 512 || f.size&(f.size-1) != 0 || f.usable < 480 {
		return nil, ErrNotSQLite
	}
	const utf8, newestFormat = 1, 2
	if coding := binary.BigEndian.Uint32(head[56:]); coding > utf8 || head[19] > newestFormat {
		return nil, ErrForeign
	}
	f.pages = uint32(min(length/f.size, 1<<31))
	// The header counts the pages, unless a version before 3.7.0 wrote last.
	changes, counted := binary.BigEndian.Uint32(head[24:]), binary.BigEndian.Uint32(head[28:])
	if changes == binary.BigEndian.Uint32(head[92:]) && counted > 0 {
		if counted > f.pages {
			return nil, ErrNotSQLite
		}
		f.pages = counted
	}
	return f, nil
}

// Changes is the counter that a writer raises before it changes anything else,
// unless it has more to write than its memory holds. While somebody writes there
// is none: ErrBusy. What was read between two equal counters is whole.
func (f *File) Changes() (uint32, error) {
	var b [4]byte
	if f.locked() {
		return 0, ErrBusy
	}
	err := f.readAt(b[:], 24)
	if err == nil && f.locked() { // it may have begun with the counter
		err = ErrBusy
	}
	return binary.BigEndian.Uint32(b[:]), err
}

// locked reports whether a process writes to the file: SQLite then holds these
// bytes, which lie behind every file's end, for itself.
func (f *File) locked() bool {
	const shared, size = 0x40000002, 510
	return platform.Locked(f.r, shared, size)
}

func (f *File) readAt(b []byte, at int64) error {
	if _, err := f.r.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := io.ReadFull(f.r, b)
	return err
}

// notEnd is an error that is more than the end of the file.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
