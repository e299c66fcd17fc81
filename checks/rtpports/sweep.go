package rtpports

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A port is what is known of one port of the responder.
type port struct {
	tries    int  // that count
	answered bool // ever
	heard    bool // since it was last asked
	blind    bool // silent while nothing had ever answered
	silent   bool // asked as often as the loss demands
	busy     bool // at the responder
	plain    bool // answered to the control
	last     time.Time
}

// A sweep asks ports until each is known to answer or to be silent.
type sweep struct {
	env    *checks.Env
	client *session.Client
	key    *session.RTPKey
	plan   *plan
	start  time.Time
	pace   pacer

	asking sync.WaitGroup // readers and canaries
	stop   context.CancelFunc

	mu      sync.Mutex
	ports   map[int]*port
	order   []int // in which ports were first asked
	sources []*source
	serial  uint32
	sent    int
	rtt     time.Duration // the longest of recent ones
	canary  canaries
	icmp    map[hopWord][]int
	local   int
	sendErr string
	late    int          // open ports that did not answer when first asked
	held    map[int]bool // ports open at a responder that opens blocks; nil: all are
	bitmap  *session.BitmapReply
	mapErr  error
	trips   []Trip
	plain   *Plain
	gaveUp  string
}

// source is one socket of ours.
type source struct {
	conn     platform.UDPConn
	local    netip.AddrPort
	sent     int
	answered int
}

type hopWord struct {
	hop        netip.Addr
	word       string
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
		env: env, client: client, key: key, plan: p, start: time.Now(), pace: newPacer(p.rate),
		ports: map[int]*port{}, icmp: map[hopWord][]int{}, serial: rand.Uint32(), stop: func() {},
	}
	if client.Info.RTPBlock > 0 {
		s.held = map[int]bool{}
	}
	return s, s.open(ctx, 0)
}

// open makes a new socket the one that asks. It keeps the older ones, whose
// answers may still come.
func (s *sweep) open(ctx context.Context, local uint16) error {
	bind := s.env.Inputs.Bind
	if !bind.IsValid() && s.client.Addr.Is6() {
		bind = netip.IPv6Unspecified()
	}
	conn, err := s.env.Net.OpenUDP(ctx, netip.AddrPortFrom(bind, local))
	if err != nil {
		return err
	}
	src := &source{conn: conn, local: conn.LocalAddr()}
	if a, err := s.env.Net.SourceFor(s.client.Addr); err == nil && src.local.Addr().IsUnspecified() {
		src.local = netip.AddrPortFrom(a, src.local.Port())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, src)
	s.asking.Go(func() { s.listen(src) })
	return nil
}

// close ends everything and tells the responder.
func (s *sweep) close(ctx context.Context) {
	s.stop()
	s.mu.Lock()
	for _, src := range s.sources {
		_ = src.conn.Close()
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

// proved reads an answer of our responder from the very port that was asked.
func (s *sweep) proved(b []byte, from netip.AddrPort) (session.RTPProbe, bool) {
	p, ok := session.ParseRTPProbe(b)
	ok = ok && p.Answer && from.Addr().Unmap() == s.client.Addr && from.Port() == p.Port && s.key.Proves(b)
	return p, ok
}

func (s *sweep) heard(src *source, p session.RTPProbe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ports[int(p.Port)]
	if t == nil {
		return
	}
	if p.Plain {
		t.plain = true
		return
	}
	if !t.answered {
		src.answered++
		if t.tries > 1 {
			s.late++
		}
	}
	t.answered, t.heard, t.silent = true, true, false
	if d := time.Since(t.last); d > s.rtt {
		s.rtt = d
	} else {
		s.rtt -= (s.rtt - d) / 64 // forget slowly
	}
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

// send asks one port.
func (s *sweep) send(n int, plain bool) {
	s.mu.Lock()
	src := s.sources[len(s.sources)-1]
	s.serial++
	p := session.RTPProbe{Session: s.key.Session, Port: uint16(n), Serial: s.serial, Plain: plain}
	t := s.ports[n]
	if t == nil {
		t = &port{}
		s.ports[n] = t
	}
	if t.tries == 0 {
		s.order = append(s.order, n)
	}
	t.last, t.heard = time.Now(), false
	t.tries++
	s.sent++
	src.sent++
	s.mu.Unlock()
	err := src.conn.WriteTo(s.key.Append(nil, p), netip.AddrPortFrom(s.client.Addr, p.Port), platform.SendOptions{})
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.tries-- // nothing left this machine
	s.sendErr = err.Error()
	if platform.Classify(err) == platform.ClassLocalFilter {
		s.local++
	}
}

// ask sends one probe to each port at the pace and waits for the last answers.
func (s *sweep) ask(ctx context.Context, ports []int, plain bool) error {
	told := time.Now()
	for i, n := range ports {
		if err := s.pace.wait(ctx); err != nil {
			return err
		}
		if s.tripped() {
			return errTableFull
		}
		s.send(n, plain)
		if now := time.Now(); now.Sub(told) >= time.Second {
			told = now
			left := time.Duration(len(ports)-i-1) * time.Second / time.Duration(s.pace.rate)
			s.env.Say("RTP ports: " + thousands(len(ports)-i-1) + " left, about " + rounded(left))
		}
	}
	return s.settle(ctx, ports, plain)
}

// settle waits for the answers under way: as long as the slowest took, and
// not at all when everything has answered.
func (s *sweep) settle(ctx context.Context, ports []int, plain bool) error {
	const step = 10 * time.Millisecond
	for begin := time.Now(); time.Since(begin) < s.patience(); {
		if s.allAnswered(ports, plain) {
			return nil
		}
		if err := sleep(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long an answer may take: twice the slowest seen and a
// scheduler's hiccup, or a second before any was seen.
func (s *sweep) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rtt == 0 {
		return time.Second
	}
	return min(2*s.rtt+100*time.Millisecond, 2*time.Second)
}

func (s *sweep) allAnswered(ports []int, plain bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(ports, func(n int) bool {
		t := s.ports[n]
		return plain && !t.plain || !plain && !t.heard
	})
}

// unanswered are those of ports that have not answered yet and are no verdict.
func (s *sweep) unanswered(ports []int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for _, n := range ports {
		if t := s.ports[n]; t == nil || !t.answered && !t.busy && !t.silent {
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
	for n, t := range s.ports {
		if t.answered && (s.held == nil || s.held[n]) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	shuffle(out)
	return out[:min(most, len(out))]
}

func shuffle(ports []int) {
	rand.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
