package session

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Retransmission of control datagrams: the first repetition after 250 ms is
// above the round trip of nearly every path, doubling keeps a dead path cheap,
// and five tries in under 4 s make a loss of 10 % each way harmless (0.19^5).
const (
	firstRepeat = 250 * time.Millisecond
	udpTries    = 5
)

// chunkWindow is how many pieces of a long reply are asked for at a time:
// 5 KiB in flight, nothing that a narrow line would drop.
const chunkWindow = 8

var errNoAnswer = errors.New("no answer")

type masked struct {
	conn   platform.UDPConn
	remote netip.Addr
	ports  []int // to try, the best first
	pin    *pin
	done   chan struct{} // closed when the reader ends

	waiting sync.Map // piece to chan FrameReply

	mu      sync.Mutex
	port    int // which of ports answered first; 0 until then
	strange int // times that all ports were sent to
	cookie  []byte
	refused map[int]bool  // ports that an ICMP error closed
	refuse  chan struct{} // closed when no port is left
}

type piece struct {
	call   string
	offset int
}

func newMasked(ctx context.Context, n platform.Network, local, remote netip.Addr, ports []int, p *pin) (*masked, error) {
	conn, err := n.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(local, remote), 0))
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	m := &masked{
		conn: conn, remote: remote, ports: ports, pin: p, done: make(chan struct{}),
		refused: map[int]bool{}, refuse: make(chan struct{}),
	}
	go m.read()
	return m, nil
}

func (m *masked) close() {
	_ = m.conn.Close()
	<-m.done
}

// read hands every reply to the call that waits for it.
func (m *masked) read() {
	defer close(m.done)
	told := func(e *platform.ICMPError) {
		if !e.TimeExceeded() && e.To.Addr() == m.remote {
			m.closedPort(int(e.To.Port()))
		}
	}
	for b, d := range probe.Datagrams(m.conn, told) {
		p, ok := Unmask(b)
		if !ok || d.From.Addr() != m.remote || !slices.Contains(m.ports, int(d.From.Port())) {
			continue
		}
		if r, err := ParseFrameReply(p); err == nil {
			m.deliver(r, int(d.From.Port()))
		}
	}
}

func (m *masked) deliver(r FrameReply, port int) {
	ch, ok := m.waiting.Load(piece{r.Call, r.Offset})
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.port = cmp.Or(m.port, port)
	select {
	case ch.(chan FrameReply) <- r:
	default: // a repetition of one that was not taken yet
	}
}

// closedPort notes that nothing listens at a port of the responder.
func (m *masked) closedPort(port int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused[port] = true
	left := slices.ContainsFunc(m.ports, func(p int) bool { return !m.refused[p] })
	if m.port != 0 && port != m.port || m.port == 0 && left {
		return
	}
	select {
	case <-m.refuse:
	default:
		close(m.refuse)
	}
}

// ask sends one frame until its reply arrives.
func (m *masked) ask(ctx context.Context, f Frame, info *Info) (FrameReply, error) {
	key := piece{f.Call, f.Offset}
	ch := make(chan FrameReply, 1)
	m.waiting.Store(key, ch)
	defer m.waiting.Delete(key)
	cookies := 0
	for try, wait := 0, firstRepeat; try < udpTries; try, wait = try+1, wait*2 {
		if err := m.send(f, info, try); err != nil {
			return FrameReply{}, err
		}
		r, err := m.await(ctx, ch, wait)
		switch {
		case errors.Is(err, errNoAnswer):
			continue
		case err != nil:
			return FrameReply{}, err
		case r.Status != StatusCookie || f.Op == OpHello:
			return r, nil
		}
		m.keep(r.Cookie)
		if cookies++; cookies > 2 {
			return FrameReply{}, errors.New("the responder accepts no cookie: the source address changes with every datagram")
		}
		try, wait = -1, firstRepeat/2
	}
	return FrameReply{}, errNoAnswer
}

// maxStrange is how many datagrams an opening may send to a SIP port before the
// responder has answered there: it may be a PBX's.
const maxStrange = 3

// send sends to the port that answered, before that to all: the first one
// alone at first, so that an ordinary path sees one datagram only, and no SIP
// port more than maxStrange times.
func (m *masked) send(f Frame, info *Info, try int) error {
	m.mu.Lock()
	ports := m.ports
	if m.port != 0 {
		ports = []int{m.port}
	} else if try == 0 || m.strange >= maxStrange {
		ports = ports[:1]
	} else {
		m.strange++
	}
	f.Cookie = m.cookie
	m.mu.Unlock()
	if info != nil {
		f.Session = info.ID
		f.Sign(info.Secret)
	}
	b, err := f.Seal(rand.Uint32())
	if err != nil {
		return err
	}
	var last error
	sent := 0
	for _, p := range ports {
		if last = m.conn.WriteTo(b, netip.AddrPortFrom(m.remote, uint16(p)), platform.SendOptions{}); last == nil {
			sent++
		}
	}
	if sent == 0 {
		return last
	}
	return nil
}

func (m *masked) await(ctx context.Context, ch <-chan FrameReply, wait time.Duration) (FrameReply, error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case r := <-ch:
		return r, nil
	case <-t.C:
		return FrameReply{}, errNoAnswer
	case <-m.refuse:
		return FrameReply{}, errors.New("port unreachable: nothing listens there")
	case <-m.done:
		return FrameReply{}, errors.New("the control socket was closed")
	case <-ctx.Done():
		return FrameReply{}, ctx.Err()
	}
}

// hello finds a port that answers, and fetches the cookie.
func (m *masked) hello(ctx context.Context) error {
	r, err := m.ask(ctx, Frame{Call: newCall(), Op: OpHello}, nil)
	if err == nil {
		m.keep(r.Cookie)
	}
	return err
}

func (m *masked) keep(cookie []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cookie = cookie
}

func (m *masked) call(ctx context.Context, op string, info *Info, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the call %s: %w", op, err)
	}
	f := Frame{Call: newCall(), Op: op, Body: body}
	first, err := m.ask(ctx, f, info)
	if err != nil {
		return err
	}
	packed, err := m.rest(ctx, f, info, first)
	if err != nil {
		return err
	}
	b, err := Unpack(packed)
	if err != nil {
		return err
	}
	if op != OpOpen || first.Status != 200 {
		return readReply(first.Status, b, out)
	}
	var signed SignedInfo
	if err := json.Unmarshal(b, &signed); err != nil {
		return refusal("reading the session's description: %w", err)
	}
	*out.(*Info), err = signed.open(f.Call, m.pin)
	return err
}

func (m *masked) rest(ctx context.Context, f Frame, info *Info, first FrameReply) ([]byte, error) {
	if len(first.Data) == first.Total {
		return first.Data, nil
	}
	if len(first.Data) == 0 {
		return nil, errors.New("the responder's answer has no content")
	}
	out := make([]byte, first.Total)
	step := copy(out, first.Data)
	var pieces errgroup.Group
	pieces.SetLimit(chunkWindow)
	for at := step; at < first.Total; at += step {
		pieces.Go(func() error {
			g := f
			g.Offset = at
			r, err := m.ask(ctx, g, info)
			if err == nil && (r.Total != first.Total || len(r.Data) != min(step, first.Total-at)) {
				err = errors.New("the pieces of the responder's answer do not fit together")
			}
			if err == nil {
				copy(out[at:], r.Data)
			}
			return err
		})
	}
	return out, pieces.Wait()
}

// newCall names a call; the signature of the open reply covers the name, so it
// must not be guessable.
func newCall() string {
	var b [16]byte
	_, _ = crand.Read(b[:]) // never returns an error
	return hex.EncodeToString(b[:])
}
