package rtpports

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A port is what is known of one port of the responder.
type port struct {
	tries    int    // that count
	refused  int    // sends that failed in this machine
	serial   uint32 // of the last try
	away     bool   // an answer to that is waited for
	answered bool   // ever
	heard    bool   // since it was last asked
	blind    bool   // silent while nothing had ever answered
	silent   bool   // asked as often as the loss demands
	busy     bool   // at the responder
	spared   bool   // a program at the responder owns it, and all the others answer
	local    bool   // this machine's own packet filter lets nothing out to it
	plain    bool   // answered to the control
	last     time.Time
}

// out reports a port that is not asked, or not again.
func (t *port) out() bool { return t.busy || t.spared || t.silent || t.hopeless() }

// hopeless reports a port that cannot be asked.
func (t *port) hopeless() bool { return t.refused >= refusals && t.tries == 0 }

// refusals of this machine in a row are believed.
const refusals = 3

// A sweep asks ports until each is known to answer or to be silent.
type sweep struct {
	env    *checks.Env
	client *session.Client
	key    *session.RTPKey
	plan   *plan
	start  time.Time
	pace   *pacer
	out    outbox    // of the one goroutine that asks
	spoken time.Time // when it last made a control call

	asking sync.WaitGroup // readers and canaries
	stop   context.CancelFunc

	mu      sync.Mutex
	ports   []*port // by number; nil: nothing is known of it
	known   int     // how many are not nil
	slab    []port  // the next ones
	order   []int   // in which ports were first asked
	open    []int   // that have answered
	sources []*source
	serial  uint32
	sent    int
	rtt     time.Duration // the longest of recent ones
	flight  flight
	canary  canaries
	rounds  map[uint32]*round // by serial of a known-open port's probe
	first   losses            // of the ports that have answered, until they did
	blind   losses            // of questions to the responder's other ports, when none of these answered
	icmp    map[hopWord][]int
	local   int
	sendErr words.Cause
	late    int          // open ports that did not answer when first asked
	held    map[int]bool // ports open at a responder that opens blocks; nil: all are
	bitmap  *session.BitmapReply
	mapErr  error
	mapped  int // packets sent when the bitmap was fetched
	trips   []Trip
	plain   *Plain
	gaveUp  string
}

// losses counts probes to ports that are known to be open.
type losses struct{ asked, lost int }

// source is one socket of ours.
type source struct {
	conn     platform.UDPConn   // nil where there is batch; it has a reader of its own
	batch    platform.BatchConn // read by who asks; nil where the system has none
	bound    netip.Addr
	local    netip.AddrPort // the address that packets leave with, where it is known
	sent     int
	answered int
}

type hopWord struct {
	hop        netip.Addr
	word       words.Cause
	prohibited bool
}

// The reasons for which a sweep ends before everything is known.
var (
	errTableFull = errors.New("new connections no longer pass")
	errGaveUp    = errors.New("the sweep ended early")
)

func newSweep(ctx context.Context, env *checks.Env, client *session.Client, p *plan) (*sweep, error) {
	key, err := session.NewRTPKey(client.Info.ID, client.Info.Secret)
	if err != nil {
		return nil, err
	}
	s := &sweep{
		env: env, client: client, key: key, plan: p, start: time.Now(), spoken: time.Now(), pace: newPacer(p.rate),
		ports: make([]*port, 1<<16), icmp: map[hopWord][]int{}, rounds: map[uint32]*round{}, serial: rand.Uint32(),
		flight: flight{window: minWindow}, stop: func() {},
	}
	if client.Info.RTPBlock > 0 {
		s.held = map[int]bool{}
	}
	return s, s.change(ctx, 0)
}

// change makes a new socket the one that asks. It keeps the older ones, whose
// answers may still come.
func (s *sweep) change(ctx context.Context, local uint16) error {
	bind := s.env.Inputs.Bind
	if !bind.IsValid() && s.client.Addr.Is6() {
		bind = netip.IPv6Unspecified()
	}
	src, err := s.openSource(ctx, netip.AddrPortFrom(bind, local))
	if err != nil {
		return err
	}
	if a, err := s.env.Net.SourceFor(s.client.Addr); err == nil && src.local.Addr().IsUnspecified() {
		src.local = netip.AddrPortFrom(a, src.local.Port())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.sources); n > 0 && s.sources[n-1].batch != nil {
		old := s.sources[n-1]
		s.asking.Go(func() { s.listenBatch(old) })
	}
	s.sources = append(s.sources, src)
	if src.batch == nil {
		s.asking.Go(func() { s.listen(src) })
	}
	return nil
}

// openSource opens a socket for many datagrams a second, where there is such.
func (s *sweep) openSource(ctx context.Context, local netip.AddrPort) (*source, error) {
	if n, ok := platform.As[platform.BatchNetwork](s.env.Net); ok {
		b, err := n.OpenBatch(ctx, local)
		if err == nil {
			_ = b.SetReadBuffer(readBuffer) // with less, answers are lost and asked for again
			return &source{batch: b, bound: b.LocalAddr().Addr(), local: b.LocalAddr()}, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	conn, err := s.env.Net.OpenUDP(ctx, local)
	if err != nil {
		return nil, err
	}
	return &source{conn: conn, bound: conn.LocalAddr().Addr(), local: conn.LocalAddr()}, nil
}

func (src *source) close() {
	if src.batch != nil {
		_ = src.batch.Close()
		return
	}
	_ = src.conn.Close()
}

// readBuffer holds the answers of a whole window, bytes: the kernel counts
// about 1 KB for each.
const readBuffer = 2 * maxWindow << 10

// close ends everything and tells the responder.
func (s *sweep) close(ctx context.Context) {
	s.stop()
	s.mu.Lock()
	for _, src := range s.sources {
		src.close()
	}
	s.mu.Unlock()
	s.asking.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.client.Sweep(ctx, session.SweepRequest{Stop: true}) // it forgets by itself as well
}

// listen takes the answers of one socket.
func (s *sweep) listen(src *source) {
	buf := make([]byte, session.RTPProbeSize+1)
	for {
		d, err := src.conn.ReadFrom(buf)
		if icmp, told := errors.AsType[*platform.ICMPError](err); told {
			s.heardICMP(icmp)
			continue
		}
		if err != nil {
			return
		}
		if p, ok := s.proved(buf[:d.N], d.From); ok {
			s.heard(src, p)
		}
	}
}

// listenBatch takes the answers to a socket that no longer asks.
func (s *sweep) listenBatch(src *source) {
	in := newInbox()
	for {
		n, err := src.batch.ReadBatch(in, time.Hour)
		if s.digest(src, in[:n], err) != nil {
			return
		}
	}
}

// proved reads an answer of our responder from the very port that was asked.
func (s *sweep) proved(b []byte, from netip.AddrPort) (session.RTPProbe, bool) {
	p, ok := session.ParseRTPProbe(b)
	ok = ok && p.Answer && from.Addr().Unmap() == s.client.Addr && from.Port() == p.Port && s.key.Proves(b)
	return p, ok
}

func (s *sweep) heard(src *source, p session.RTPProbe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(src, p, time.Now())
}

// take notes an answer, under the lock.
func (s *sweep) take(src *source, p session.RTPProbe, now time.Time) {
	t := s.ports[int(p.Port)]
	if t == nil {
		return
	}
	if p.Serial == t.serial {
		defer s.flight.landed(t)
	}
	if p.Plain {
		t.plain = true
		return
	}
	if r := s.rounds[p.Serial]; r != nil {
		r.heard++
		delete(s.rounds, p.Serial)
	}
	if !t.answered {
		src.answered++
		s.open = append(s.open, int(p.Port))
		s.first.asked += t.tries
		s.first.lost += max(t.tries-1, 0)
		if t.tries > 1 {
			s.late++
		}
	}
	// An answer to an earlier try says nothing about how long the last takes.
	if t.away && p.Serial == t.serial {
		s.trip(now.Sub(t.last), now)
	}
	t.answered, t.heard, t.silent = true, true, false
}

// trip notes how long a round trip took, under the lock.
func (s *sweep) trip(d time.Duration, now time.Time) {
	if d > s.rtt {
		s.rtt = d
	} else {
		s.rtt -= (s.rtt - d) / 64 // forget slowly
	}
	s.flight.answered(d, now)
}

// heardICMP keeps what hops say. It is evidence, never a verdict: hosts send
// "port unreachable" beside an answer.
func (s *sweep) heardICMP(e *platform.ICMPError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.To.Addr().Unmap() != s.client.Addr || s.ports[int(e.To.Port())] == nil {
		return
	}
	const most = 16 // different words; nobody hears more than a few honest ones
	k := hopWord{e.Hop, e.Meaning(), e.Prohibited()}
	if _, known := s.icmp[k]; known || len(s.icmp) < most {
		s.icmp[k] = append(s.icmp[k], int(e.To.Port()))
	}
}

// unanswered are those of ports that have not answered yet and are no verdict.
func (s *sweep) unanswered(ports []int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for _, n := range ports {
		if t := s.ports[n]; t == nil || !t.answered && !t.out() {
			out = append(out, n)
		}
	}
	return out
}

// openPorts are up to most ports that have answered and are held open, in
// random order.
func (s *sweep) openPorts(most int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	// Half of a Fisher-Yates shuffle: it ends when there are enough.
	for i := range s.open {
		j := i + rand.IntN(len(s.open)-i)
		s.open[i], s.open[j] = s.open[j], s.open[i]
		if len(out) == most {
			break
		}
		if n := s.open[i]; s.held == nil || s.held[n] {
			out = append(out, n)
		}
	}
	return out
}

func shuffle[T any](s []T) { rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] }) }
