package platform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// fileBegin is how much of a file is read when it is opened, bytes: all of nearly
// every file.
const fileBegin = 256 << 10

// Open opens a regular file there.
func (r *Remote) Open(name string) (fs.File, error) {
	if !path.IsAbs(name) {
		return nil, fmt.Errorf("reading %s: not an absolute path", name)
	}
	// What is not there may stand in a folder that is closed to us.
	script := fmt.Sprintf(`f=%s; [ -e "$f" ] || { d=$f; until [ -e "$d" ]; do d=${d%%/*}; d=${d:-/}; done; [ -x "$d" ] && exit %d; exit %d; }
[ -f "$f" ] || exit %d; [ -r "$f" ] || exit %d
head -c %d <"$f"; printf '\n%%s %%s' "$(wc -c <"$f")" "$(date -r "$f" +%%s 2>/dev/null)"`,
		command.Quote(name), exitMissing, exitDenied, exitNotRegular, exitDenied, fileBegin)
	out, err := r.script(context.Background(), limits{output: fileBegin + 1<<10, patience: sshPatience}, r.sh(script))
	switch status(err) {
	case exitMissing:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case exitNotRegular:
		return nil, fmt.Errorf("reading %s: not a regular file", name)
	case exitDenied:
		return nil, privilegeOf(&fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission})
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	end := max(0, bytes.LastIndexByte(out, '\n'))
	size, at, _ := strings.Cut(string(out[end:]), " ")
	f := &remoteFile{remote: r, name: name, begin: out[:end]}
	f.size, _ = strconv.ParseInt(strings.TrimSpace(size), 10, 64)
	if seconds, err := strconv.ParseInt(at, 10, 64); err == nil { // "date -r" is not everywhere
		f.at = time.Unix(seconds, 0)
	}
	return f, nil
}

// remoteFile is a file of which the beginning is here. What follows is read by one
// program there, from where it was sought to on.
type remoteFile struct {
	remote  *Remote
	name    string
	begin   []byte
	size    int64
	at      time.Time
	offset  int64
	session *ssh.Session // nil: not reading yet
	release func()
	pipe    *io.PipeReader
	out     *bufio.Reader
}

func (f *remoteFile) Read(b []byte) (int, error) {
	if f.offset < int64(len(f.begin)) {
		n := copy(b, f.begin[f.offset:])
		f.offset += int64(n)
		return n, nil
	}
	if len(f.begin) < fileBegin {
		return 0, io.EOF
	}
	if f.session == nil {
		if err := f.goOn(); err != nil {
			return 0, fmt.Errorf("reading %s: %w", f.name, err)
		}
	}
	n, err := f.read(b)
	f.offset += int64(n)
	return n, err
}

// read reads on, and ends where nothing comes for a while.
func (f *remoteFile) read(b []byte) (int, error) {
	late := time.AfterFunc(sshPatience, func() { _ = f.pipe.Close() })
	defer late.Stop()
	n, err := f.out.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("reading %s: %w", f.name, io.ErrUnexpectedEOF)
	}
	return n, err
}

// goOn reads what follows the beginning.
func (f *remoteFile) goOn() (err error) {
	limited, cancel := context.WithTimeout(context.Background(), sshPatience)
	defer cancel()
	if f.release, err = f.remote.place(limited); err != nil {
		return err
	}
	mark := newMark()
	script := strings.TrimSuffix(saysMark(mark, "0"), "\n") + "; " + f.remote.sh("exec tail -c +"+strconv.FormatInt(f.offset+1, 10)+" <"+command.Quote(f.name))
	var out io.Reader
	f.session, err = StartSession(limited, f.remote.ssh, func(s *ssh.Session) error {
		var err error
		if out, err = s.StdoutPipe(); err == nil {
			err = s.Start("exec sh -c " + command.Quote(script))
		}
		return err
	})
	if err != nil {
		f.release()
		f.session = nil
		return err
	}
	// A connection that broke ends like a file; only the program knows.
	f.pipe = readable(out, f.session.Wait)
	f.out = bufio.NewReaderSize(f.pipe, 1<<16)
	late := time.AfterFunc(sshPatience, func() { _ = f.pipe.Close() })
	defer late.Stop()
	if _, err = untilMark(f.out, mark, io.Discard); err != nil {
		_ = f.end()
	}
	return err
}

// end stops reading.
func (f *remoteFile) end() error {
	if f.session == nil {
		return nil
	}
	_ = f.pipe.Close()
	go func(s *ssh.Session) { _ = s.Close() }(f.session) // what was read is read
	f.session, f.out = nil, nil
	f.release()
	return nil
}

// Seek moves to where reading goes on. How large the file is was seen when it was
// opened.
func (f *remoteFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("reading %s: %w", f.name, fs.ErrInvalid)
	}
	f.offset = offset
	return offset, f.end()
}

func (f *remoteFile) Close() error               { return f.end() }
func (f *remoteFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *remoteFile) Name() string               { return path.Base(f.name) }
func (f *remoteFile) Size() int64                { return f.size }
func (f *remoteFile) Mode() fs.FileMode          { return 0o444 }
func (f *remoteFile) ModTime() time.Time         { return f.at }
func (f *remoteFile) IsDir() bool                { return false }
func (f *remoteFile) Sys() any                   { return nil }
