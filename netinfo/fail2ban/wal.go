package fail2ban

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"
)

// The database is read in place, page by page, without a lock, a copy or a
// temporary file: what SQLite's format (sqlite.org/fileformat2.html) keeps in a
// write-ahead log is laid over the file. fail2ban itself keeps no such log, an
// administrator's tool may have switched it on.

// maxWAL bounds a write-ahead log, which SQLite empties at some 4 MB.
const maxWAL = 64 << 20

// walPages reads a write-ahead log: the last committed content of each page,
// by its number, and the number of pages of the database. An empty or broken
// log, or what follows its last commit, is nothing.
func walPages(wal []byte, pageSize int) (pages map[uint32][]byte, count uint32) {
	const header, frame = 32, 24
	if len(wal) < header || pageSize < 512 {
		return nil, 0
	}
	magic := binary.BigEndian.Uint32(wal)
	if magic&^1 != 0x377f0682 || int(binary.BigEndian.Uint32(wal[8:])) != pageSize {
		return nil, 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	salt := wal[16:24]
	s := walSum(order, [2]uint32{}, wal[:24])
	pages, waiting := map[uint32][]byte{}, map[uint32][]byte{}
	for rest := wal[header:]; len(rest) >= frame+pageSize; rest = rest[frame+pageSize:] {
		h, page := rest[:frame], rest[frame:frame+pageSize]
		if string(h[8:16]) != string(salt) {
			break
		}
		s = walSum(order, walSum(order, s, h[:8]), page)
		if s != [2]uint32{binary.BigEndian.Uint32(h[16:]), binary.BigEndian.Uint32(h[20:])} {
			break
		}
		waiting[binary.BigEndian.Uint32(h)] = page
		if size := binary.BigEndian.Uint32(h[4:]); size != 0 { // a commit
			for n, p := range waiting {
				pages[n] = p
			}
			clear(waiting)
			count = size
		}
	}
	return pages, count
}

// walSum continues the checksum of a write-ahead log.
func walSum(order binary.ByteOrder, s [2]uint32, b []byte) [2]uint32 {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
	return s
}

// databaseFile is an SQLite file with its write-ahead log laid over it, as a
// file system that holds nothing else.
type databaseFile struct {
	mu       sync.Mutex
	file     io.ReadSeeker
	info     fs.FileInfo
	pageSize int64
	pages    map[uint32][]byte
	size     int64
}

// databaseName is what the file is called in its file system.
const databaseName = "fail2ban"

// overlay prepares a database for reading. wal may be nil.
func overlay(f fs.File, wal []byte) (*databaseFile, error) {
	seeker, ok := f.(io.ReadSeeker)
	info, err := f.Stat()
	if err != nil || !ok {
		return nil, errors.Join(err, errNotADB)
	}
	d := &databaseFile{file: seeker, info: info, size: info.Size()}
	head := make([]byte, 100)
	if _, err := io.ReadFull(seeker, head); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return nil, errNotADB
	}
	d.pageSize = int64(binary.BigEndian.Uint16(head[16:]))
	if d.pageSize == 1 {
		d.pageSize = 65536
	}
	if d.pageSize < 512 || d.pageSize&(d.pageSize-1) != 0 {
		return nil, errNotADB
	}
	pages, count := walPages(wal, int(d.pageSize))
	if d.pages = pages; count > 0 {
		d.size = int64(count) * d.pageSize
	}
	return d, nil
}

// changes is the counter that every change of the file raises.
func (d *databaseFile) changes() (uint32, error) {
	var b [4]byte
	_, err := d.readAt(b[:], 24)
	return binary.BigEndian.Uint32(b[:]), err
}

// readAt reads what SQLite would see; past the end it reads nothing.
func (d *databaseFile) readAt(p []byte, at int64) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n < len(p) && at < d.size && err == nil {
		number, within := uint32(at/d.pageSize+1), at%d.pageSize
		part := p[n:min(len(p), n+int(min(d.pageSize-within, d.size-at)))]
		if page, ok := d.pages[number]; ok {
			copy(part, page[within:])
		} else if _, err = d.file.Seek(at, io.SeekStart); err == nil {
			if _, err = io.ReadFull(d.file, part); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errNotADB // cut short, while the header says otherwise
			}
		}
		// Bytes 18 and 19 say "with a write-ahead log"; it is in here already.
		for i := range part {
			if o := at + int64(i); o == 18 || o == 19 {
				part[i] = 1
			} else if o > 19 {
				break
			}
		}
		n += len(part)
		at += int64(len(part))
	}
	return n, err
}

func (d *databaseFile) Open(name string) (fs.File, error) {
	if path.Base(name) != databaseName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &databaseHandle{d: d}, nil
}

// databaseHandle is one opening of the file.
type databaseHandle struct {
	d  *databaseFile
	at int64
}

func (h *databaseHandle) Stat() (fs.FileInfo, error) { return h, nil }
func (h *databaseHandle) Close() error               { return nil }
func (h *databaseHandle) Name() string               { return databaseName }
func (h *databaseHandle) Size() int64                { return h.d.size }
func (h *databaseHandle) Mode() fs.FileMode          { return 0o444 }
func (h *databaseHandle) ModTime() time.Time         { return h.d.info.ModTime() }
func (h *databaseHandle) IsDir() bool                { return false }
func (h *databaseHandle) Sys() any                   { return nil }

func (h *databaseHandle) Seek(to int64, whence int) (int64, error) {
	if whence != io.SeekStart || to < 0 {
		return 0, errors.ErrUnsupported
	}
	h.at = to
	return to, nil
}

// Read gives fewer bytes without an error at the end, as SQLite wants it.
func (h *databaseHandle) Read(p []byte) (int, error) {
	n, err := h.d.readAt(p, h.at)
	h.at += int64(n)
	return n, err
}
