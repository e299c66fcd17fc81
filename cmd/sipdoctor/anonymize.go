package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// anonymous is a shareable copy of the captures, made while they are read: standard
// input and a live capture come only once.
type anonymous struct {
	name string
	file *os.File
	copy *capture.Anonymizer
	err  error
}

// anonymize creates the copy, and returns the files that are copied when they are
// read.
func anonymize(ctx context.Context, name string, files []checks.File) (*anonymous, []checks.File, error) {
	to, _ := os.Stat(name)
	for _, f := range files {
		if !rereadable(f) {
			continue
		}
		if from, err := os.Stat(f.Name); err == nil && to != nil && os.SameFile(from, to) {
			return nil, nil, usage("say.anonymize-itself", words.Args{"file": words.Raw(f.Name)})
		}
		if isTrace(f) {
			return nil, nil, usage("say.anonymize-text", words.Args{"file": words.Raw(f.Name)})
		}
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, usage("say.evidence", words.Args{"why": cause(err)})
	}
	x := &anonymous{name: name, file: file, copy: capture.NewAnonymizer(file)}
	x.learn(ctx, files)
	out := make([]checks.File, len(files))
	for i, f := range files {
		out[i] = f
		out[i].Open = func() (io.ReadCloser, error) {
			in, err := f.Open()
			if err != nil {
				return nil, err
			}
			return x.tee(context.WithoutCancel(ctx), in, f.Name), nil
		}
	}
	return x, out, nil
}

// learn reads what can be read twice for its names. What is wrong with a file is told
// when it is copied.
func (x *anonymous) learn(ctx context.Context, files []checks.File) {
	for _, f := range files {
		if !rereadable(f) {
			continue
		}
		if in, err := f.Open(); err == nil {
			_ = x.copy.Learn(ctx, in)
			_ = in.Close()
		}
	}
	x.copy.Learned()
}

// isTrace reports whether a file is a text.
func isTrace(f checks.File) (text bool) {
	_ = beginning(f, func(in *bufio.Reader) error {
		b, _ := in.Peek(4096)
		text = !pcap.IsCapture(in) && len(b) > 0 && bytes.IndexByte(b, 0) < 0
		return nil
	})
	return text
}

// teed hands what is read on to the copy.
type teed struct {
	io.ReadCloser
	to    *io.PipeWriter
	done  chan struct{}
	close sync.Once
}

func (x *anonymous) tee(ctx context.Context, in io.ReadCloser, name string) *teed {
	r, w := io.Pipe()
	t := &teed{ReadCloser: in, to: w, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		if err := x.copy.Copy(ctx, r); errors.Is(err, pcap.ErrFormat) {
			x.err = errors.Join(x.err, usage("say.anonymize-text", words.Args{"file": words.Raw(name)}))
		} else if err != nil {
			x.err = errors.Join(x.err, err)
		}
		_, _ = io.Copy(io.Discard, r) // so that reading goes on
	}()
	return t
}

func (t *teed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	_, _ = t.to.Write(p[:n]) // the other end reads until this one is closed
	return n, err
}

// Close ends the copy of this file.
func (t *teed) Close() error {
	err := t.ReadCloser.Close()
	t.close.Do(func() {
		_ = t.to.Close()
		<-t.done
	})
	return err
}

// Drops is what a live capture has lost.
func (t *teed) Drops() uint64 {
	if l, ok := t.ReadCloser.(interface{ Drops() uint64 }); ok {
		return l.Drops()
	}
	return 0
}

// finish completes the copy and says where it is; of one that failed nothing stays.
func (x *anonymous) finish(s streams, quiet bool) error {
	err := errors.Join(x.err, x.copy.Finish(), x.file.Close())
	if err != nil {
		_ = os.Remove(x.name)
		if m := new(messageError); errors.As(err, &m) {
			return m
		}
		return failure("say.cause", words.Args{"why": cause(err)})
	}
	if !quiet {
		fmt.Fprintln(s.Err, s.say("say.anonymized", words.Args{"file": words.Raw(x.name), "left": x.copy.Left()}))
	}
	return nil
}
