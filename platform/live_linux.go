package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gopacket/gopacket/afpacket"
)

const (
	// ring is the memory that the kernel fills: a third of a second of 200,000
	// packets a second, as large as a voice packet each.
	ringBlock  = 1 << 20
	ringBlocks = 32
	// livePoll is how soon Close ends a Read, and how old packets are at most.
	livePoll = 100 * time.Millisecond
	// liveBatch is how much is handed over at once.
	liveBatch = 256 << 10
)

type live struct {
	ring   *afpacket.TPacket
	buf    []byte
	at     int
	closed atomic.Bool
	free   sync.Once
	drops  atomic.Uint64
	stop   func() bool
	mu     sync.Mutex // one Read at a time, and none while the ring is freed
}

func capture(ctx context.Context, name string) (Live, error) {
	link, kind := uint32(linkRaw), afpacket.SocketDgram
	options := []any{afpacket.OptFrameSize(2048), afpacket.OptBlockSize(ringBlock), afpacket.OptNumBlocks(ringBlocks),
		afpacket.OptPollTimeout(livePoll), afpacket.OptBlockTimeout(livePoll / 2), afpacket.TPacketVersion3}
	if name != AnyInterface {
		const ethernet, loopback = "1", "772"
		class, err := os.ReadFile("/sys/class/net/" + strings.ReplaceAll(name, "/", "") + "/type")
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no interface %q", name)
		}
		if c := strings.TrimSpace(string(class)); c == ethernet || c == loopback {
			link, kind = linkEthernet, afpacket.SocketRaw
		}
		options = append(options, afpacket.OptInterface(name))
	}
	ring, err := afpacket.NewTPacket(append(options, kind)...)
	switch {
	case errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("capturing on %s: %w", name, ErrPrivilege)
	case err != nil:
		return nil, fmt.Errorf("capturing on %s: %w", name, err)
	}
	l := &live{ring: ring, buf: pcapHeader(link)}
	l.stop = context.AfterFunc(ctx, func() { l.closed.Store(true) })
	return l, nil
}

// Read returns whole packets as they come, at least one unless the capture ends.
func (l *live) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.at == len(l.buf) {
		if l.closed.Load() {
			return 0, io.EOF
		}
		l.buf, l.at = l.buf[:0], 0
		if err := l.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.buf[l.at:])
	l.at += n
	return n, nil
}

// fill takes what the ring has, or waits for a moment.
func (l *live) fill() error {
	for begun := time.Now(); len(l.buf) < liveBatch && time.Since(begun) < livePoll && !l.closed.Load(); {
		data, info, err := l.ring.ZeroCopyReadPacketData()
		switch {
		case errors.Is(err, afpacket.ErrTimeout):
			l.count()
			return nil
		case err != nil:
			return fmt.Errorf("capturing: %w", err)
		}
		at := info.Timestamp.UnixNano()
		for _, v := range []int64{at / int64(time.Second), at % int64(time.Second), int64(len(data)), int64(info.Length)} {
			l.buf = binary.LittleEndian.AppendUint32(l.buf, uint32(v))
		}
		l.buf = append(l.buf, data...)
	}
	l.count()
	return nil
}

func (l *live) count() {
	if _, v3, err := l.ring.SocketStats(); err == nil {
		l.drops.Store(uint64(v3.Drops()))
	}
}

func (l *live) Drops() uint64 { return l.drops.Load() }

func (l *live) Close() error {
	l.closed.Store(true)
	l.free.Do(func() {
		l.stop()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count()
		l.ring.Close()
	})
	return nil
}
