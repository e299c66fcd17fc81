package main

import (
	"context"
	"io"
	"os"
	"time"
)

// pollLog is how often a live log is looked at: a person waits for a line.
const pollLog = 250 * time.Millisecond

// followed is a log that is still written. It goes on with the new file when the log
// is rotated, and from the beginning when it is truncated.
type followed struct {
	ctx   context.Context // ends the log
	name  string
	file  *os.File
	at    int64
	moved bool // another file has the name since the last look
}

func follow(ctx context.Context, name string) (*followed, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &followed{ctx: ctx, name: name, file: f}, nil
}

// Idle reports whether all that was written has been read.
func (f *followed) Idle() bool {
	in, err := f.file.Stat()
	return err != nil || in.Size() <= f.at
}

// Read waits for something to be written, or for the end.
func (f *followed) Read(p []byte) (int, error) {
	for {
		n, err := f.file.Read(p)
		if n > 0 {
			f.at += int64(n)
			return n, nil
		}
		if err != nil && err != io.EOF {
			return 0, err
		}
		if f.moved { // what was still written to the old file has been read
			f.moved = false
			if next, err := os.Open(f.name); err == nil {
				_ = f.file.Close()
				f.file, f.at = next, 0
				continue
			}
		}
		select {
		case <-f.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollLog):
		}
		if err := f.look(); err != nil {
			return 0, err
		}
	}
}

// look finds out whether the log was rotated or truncated.
func (f *followed) look() error {
	own, err := f.file.Stat()
	if err != nil {
		return err
	}
	if own.Size() < f.at {
		f.at = 0
		_, err := f.file.Seek(0, io.SeekStart)
		return err
	}
	now, err := os.Stat(f.name)
	f.moved = err == nil && !os.SameFile(own, now)
	return nil
}

func (f *followed) Close() error { return f.file.Close() }

// pipe is standard input as a live log: what comes is read at once.
type pipe struct{ *io.PipeReader }

func (pipe) Idle() bool { return true }

// livePipe ends when the input ends, or ctx.
func livePipe(ctx context.Context, in io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		_ = w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = w.Close() })
	return pipe{r}
}
