package pbxlog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// blockSize is how much of a log one worker reads at a time.
	blockSize = 1 << 20
	// maxLine bounds a line: Asterisk writes none that is longer than a few
	// kilobytes, and a SIP message in one is at most 64 KiB. What is longer counts
	// as a line and is not read.
	maxLine = 256 << 10
)

// Summary is what all lines of a log came to.
type Summary struct {
	Lines int // that were read, the one included in which reading ended
	Known int // lines of a program that this package reads
	Long  int // lines that were too long to read
	// First and Last are the times of the first and the last line that has one.
	First, Last time.Time
	Bytes       int64
}

// A block is a piece of a log that holds whole lines, and what they tell.
type block struct {
	text   []byte
	long   bool // text is the beginning of a line that is too long
	done   chan struct{}
	events []Event // their numbers begin with 1 in every block
	sum    Summary
}

// Scan reads a log from its beginning to its end, with two workers, and calls tell
// for every event in the order of the lines. The error is the one that ended the
// reading; what was read before counts. tell must not keep the slices of the event.
func Scan(ctx context.Context, from io.Reader, clock Clock, tell func(*Event)) (Summary, error) {
	const workers = 2
	todo, inOrder := make(chan *block, workers), make(chan *block, 2*workers)
	free := make(chan *block, 3*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			p := &Parser{Clock: clock}
			for b := range todo {
				b.parse(p)
				close(b.done)
			}
		})
	}
	ctx, stop := context.WithCancel(ctx)
	var err error
	wg.Go(func() {
		defer close(todo)
		defer close(inOrder)
		err = cut(ctx, from, free, func(b *block) {
			todo <- b
			inOrder <- b
		})
	})
	var sum Summary
	for b := range inOrder {
		<-b.done
		for i := range b.events {
			b.events[i].Line += sum.Lines
			tell(&b.events[i])
		}
		sum.add(&b.sum)
		select {
		case free <- b:
		default:
		}
	}
	stop()
	wg.Wait()
	return sum, err
}

func (s *Summary) add(b *Summary) {
	s.Lines, s.Known, s.Long, s.Bytes = s.Lines+b.Lines, s.Known+b.Known, s.Long+b.Long, s.Bytes+b.Bytes
	if s.First.IsZero() {
		s.First = b.First
	}
	if !b.Last.IsZero() {
		s.Last = b.Last
	}
}

// cut reads blocks that end where lines end. A live log gives small ones.
func cut(ctx context.Context, from io.Reader, free <-chan *block, give func(*block)) error {
	var rest []byte
	skipping := false
	for {
		b := fresh(free)
		b.text = append(b.text[:0], rest...)
		n, err := fill(from, b.text[len(b.text):cap(b.text)])
		b.text = b.text[:len(b.text)+n]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if skipping {
			i := bytes.IndexByte(b.text, '\n') + 1
			if skipping = i == 0; skipping {
				i = len(b.text)
			}
			b.text = append(b.text[:0], b.text[i:]...)
		}
		end := bytes.LastIndexByte(b.text, '\n') + 1
		switch {
		case err != nil:
			end = len(b.text)
		case end == 0 && len(b.text) > maxLine:
			b.long, skipping, end = true, true, len(b.text)
		}
		rest = append(rest[:0], b.text[end:]...)
		if b.text = b.text[:end]; end > 0 {
			give(b)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func fresh(free <-chan *block) *block {
	select {
	case b := <-free:
		*b = block{text: b.text[:0], events: b.events[:0]}
		b.done = make(chan struct{})
		return b
	default:
		return &block{text: make([]byte, 0, blockSize+maxLine), done: make(chan struct{})}
	}
}

// fill reads until the buffer is nearly full or nothing more is at hand: a reader
// that gives less than it was asked for, as a live log does, is not waited for when
// it has ended a line.
func fill(from io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) {
		var m int
		m, err = from.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
		if live, ok := from.(interface{ Idle() bool }); ok && n > 0 && live.Idle() {
			return n, nil
		}
	}
	return n, nil
}

// parse reads the lines of a block.
func (b *block) parse(p *Parser) {
	b.sum.Bytes = int64(len(b.text))
	if b.long {
		b.sum.Lines, b.sum.Long = 1, 1
		return
	}
	var e Event
	first, last := false, []byte(nil)
	for rest := b.text; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		b.sum.Lines++
		if len(line) > maxLine {
			b.sum.Long++
			continue
		}
		told, known := p.Parse(line, &e)
		if told {
			e.Line = b.sum.Lines
			b.events = append(b.events, e)
		}
		if known {
			b.sum.Known++
			if last = line; !first {
				b.sum.First, first = p.Time(line)
			}
		}
	}
	if b.sum.Last, _ = p.Time(last); b.sum.Last.IsZero() {
		b.sum.Last = b.sum.First
	}
}
