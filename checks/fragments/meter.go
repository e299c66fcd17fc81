package fragments

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// roundWait is how long answers of a round are waited for beyond the round
	// trip: fragments queue behind each other on a slow line.
	roundWait = 200 * time.Millisecond
	// firstTrip is taken for the round trip before one was measured.
	firstTrip = 150 * time.Millisecond
	// shortPerRound short questions run beside every round, so that the loss is
	// known for the very time of the tries.
	shortPerRound = 6
	// pace is the time between two datagrams, so that they do not form a burst.
	pace = 2 * time.Millisecond
	// payUp is the length of the requests that pay for a long answer, where it
	// passes: short enough for nearly every path.
	payUp = 1200
	// maxShort is how often the responder may answer a wish for a long answer
	// with a short one. On a lossy line some of the requests that pay for it are
	// lost; more often than that, it does not know our address as the session's.
	maxShort = 20
	// maxSilentRounds without any answer end the measuring: four seconds and 48
	// short questions, which no line loses that a call could be made on. Where UDP
	// does not pass at all nobody waits for the whole budget.
	maxSilentRounds = 8
)

// A meter asks for all lengths from one socket. Those with the DF bit have one
// of their own, because the option is the socket's.
type meter struct {
	client *session.Client
	token  string
	remote netip.AddrPort
	v6     bool
	conns  []platform.UDPConn // 0 plain, 1 with DF
	reads  sync.WaitGroup

	mu      sync.Mutex
	lengths []*length
	next    int
	asked   map[int]question // by sequence number
	rounds  int              // of questions that were sent
	asks    int              // short questions
	answers int              // of those
	trip    time.Duration    // the longest seen; 0: none yet
	tooBig  []TooBig
	noWhole bool
}

type question struct {
	length *length // nil: a short question
	sent   time.Time
}

func newMeter(ctx context.Context, env *checks.Env, client *session.Client) (*meter, error) {
	m := &meter{
		client: client, token: client.Token(firstProbe), v6: client.Addr.Is6(), asked: map[int]question{},
		remote: netip.AddrPortFrom(client.Addr, uint16(client.Info.PlainUDP[0])),
	}
	for range 2 {
		c, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(env.Inputs.Bind, client.Addr), 0))
		if err != nil {
			m.close()
			return nil, err
		}
		m.conns = append(m.conns, c)
		m.reads.Go(func() { m.read(c) })
	}
	single, long := steps(m.v6)
	m.add(up, single...)
	m.add(up, long...)
	m.add(down, single...)
	m.add(down, long...)
	m.add(whole, single...)
	return m, nil
}

func (m *meter) add(direction string, sizes ...int) {
	for _, n := range sizes {
		known := slices.ContainsFunc(m.lengths, func(l *length) bool { return l.Direction == direction && l.Bytes == n })
		if !known {
			m.lengths = append(m.lengths, &length{Size: Size{Direction: direction, Bytes: n, Pieces: pieces(n, m.v6)}})
		}
	}
}

func (m *meter) close() {
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.reads.Wait()
}

// run asks round after round until every length has passed or is silent, and
// narrows the limits down to the byte. It is false when nothing at all answers.
func (m *meter) run(ctx context.Context) bool {
	for ctx.Err() == nil {
		if m.round(ctx) {
			if m.unanswered() {
				return false
			}
			continue
		}
		m.mu.Lock()
		more := m.narrow()
		m.mu.Unlock()
		if !more {
			break
		}
	}
	return true
}

// unanswered reports whether so many questions went without an answer that more
// would change nothing.
func (m *meter) unanswered() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rounds++
	return m.rounds >= maxSilentRounds && m.answers == 0 && !slices.ContainsFunc(m.lengths, func(l *length) bool { return l.Passed })
}

// round sends everything that is still open once; false means that nothing was.
func (m *meter) round(ctx context.Context) bool {
	m.mu.Lock()
	var open []*length
	for _, l := range m.lengths {
		if !l.done && (l.Direction != down || m.pay() > 0) {
			open = append(open, l)
		}
	}
	m.mu.Unlock()
	if len(open) == 0 {
		return false
	}
	for i := range max(len(open), shortPerRound) {
		if i < shortPerRound {
			m.ask(ctx, nil)
		}
		if i < len(open) {
			m.ask(ctx, open[i])
		}
	}
	m.listen(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range open {
		if !l.done && l.Tries >= enough(m.asks, m.answers, l.Pieces) && m.answers > 0 || l.Tries >= maxTries {
			l.done = true
			l.Silent = m.answers > 0 && l.Tries >= enough(m.asks, m.answers, l.Pieces)
		}
	}
	return true
}

func (m *meter) listen(ctx context.Context) {
	m.mu.Lock()
	trip := cmp.Or(m.trip, firstTrip)
	m.mu.Unlock()
	_ = probe.Sleep(ctx, trip+roundWait)
}

// idle asks short questions alone until others, who need to know the loss,
// are done.
func (m *meter) idle(ctx context.Context, done <-chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-done:
			return
		default:
		}
		for range shortPerRound {
			m.ask(ctx, nil)
		}
		m.listen(ctx)
	}
}

// ask sends one question; with a nil length a short one.
func (m *meter) ask(ctx context.Context, l *length) {
	size, want, conn, o := session.MinSize, 0, m.conns[0], platform.SendOptions{}
	if l != nil {
		switch l.Direction {
		case up:
			size = l.Bytes
		case down:
			want = l.Bytes
			m.mu.Lock()
			pay := m.pay()
			m.mu.Unlock()
			// An answer may be as long as all requests together, less their own
			// answers.
			for paid := pay; paid < want && ctx.Err() == nil; paid += pay - session.MinSize {
				_ = m.send(ctx, m.conns[0], question{}, pay, 0, platform.SendOptions{}) // paid too little is answered short
			}
			size = min(pay, max(want, session.MinSize))
		case whole:
			size, conn, o.DontFragment = l.Bytes, m.conns[1], true
		}
	}
	err := m.send(ctx, conn, question{length: l, sent: time.Now()}, size, want, o)
	if l == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l.Tries++
	switch {
	case err == nil:
	case errors.Is(err, errors.ErrUnsupported):
		l.done, m.noWhole = true, true
	case platform.Classify(err) == platform.ClassTooLong:
		l.done, l.Local, l.Silent = true, true, true
	default:
		l.Note = platform.Words(err)
	}
}

// pay is the length of a request that passes for sure; 0 as long as none is
// known. The lock is held.
func (m *meter) pay() int {
	best := 0
	for _, l := range m.lengths {
		if l.Direction == up && l.Passed && l.Bytes <= payUp {
			best = max(best, l.Bytes)
		}
	}
	return best
}

// send sends one datagram. The zero question pays for an answer and is not
// listened for.
func (m *meter) send(ctx context.Context, c platform.UDPConn, q question, size, want int, o platform.SendOptions) error {
	m.mu.Lock()
	m.next = m.next%0xffff + 1
	seq := m.next
	if !q.sent.IsZero() {
		m.asked[seq] = q
		if q.length == nil {
			m.asks++
		}
	}
	m.mu.Unlock()
	b := session.Mask(session.SizeProbe{Token: m.token, Seq: seq, Want: want}.Bytes(size), rand.Uint32())
	err := c.WriteTo(b, m.remote, o)
	_ = probe.Sleep(ctx, pace)
	return err
}

func (m *meter) read(c platform.UDPConn) {
	for b, d := range probe.Datagrams(c, m.told) {
		p, ok := session.Unmask(b)
		if r, isReply := session.ParseSizeReply(p); ok && isReply && r.Token == m.token && d.From == m.remote {
			m.heard(r, d.N)
		}
	}
}

func (m *meter) heard(r session.SizeReply, arrived int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q, ok := m.asked[r.Seq]
	if !ok {
		return
	}
	if q.length == nil {
		delete(m.asked, r.Seq) // a duplicate does not count
		m.answers++
		m.trip = max(m.trip, time.Since(q.sent))
		return
	}
	l := q.length
	switch {
	case l.Direction != down && r.Got == l.Bytes, l.Direction == down && arrived == l.Bytes:
		l.Passed, l.Silent, l.done = true, false, true
	case l.Direction == down && r.Want == 0 && l.Bytes > session.MinSize:
		delete(m.asked, r.Seq)
		l.Tries-- // the long answer was never sent
		if l.short++; l.short > maxShort && !l.done {
			l.done, l.Note = true, "the responder sends no more than it received"
		}
	}
}

func (m *meter) told(e *platform.ICMPError) {
	if !e.TooBig() || e.To.Addr() != m.remote.Addr() {
		return
	}
	t := TooBig{Hop: e.Hop.String(), MTU: e.MTU}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tooBig) < 8 && !slices.Contains(m.tooBig, t) {
		m.tooBig = append(m.tooBig, t)
	}
}

// narrow adds lengths between the longest that passes and the shortest that
// does not, in every direction whose limit lies within one packet; false means
// that all limits are known to the byte.
func (m *meter) narrow() bool {
	more := false
	for _, direction := range []string{up, down, whole} {
		pass, fail := 0, 0
		for _, l := range slices.SortedFunc(slices.Values(m.lengths), func(a, b *length) int { return a.Bytes - b.Bytes }) {
			switch {
			case l.Direction != direction:
			case l.Passed:
				pass, fail = l.Bytes, 0
			case l.Silent && fail == 0:
				fail = l.Bytes
			}
		}
		if pass == 0 || fail == 0 || fail > unfragmented(m.v6) {
			continue
		}
		if list := between(pass, fail); len(list) > 0 {
			m.add(direction, list...)
			more = true
		}
	}
	return more
}

// tries is how many tries make the silence of a length more than loss, as far
// as the loss is known by now.
func (m *meter) tries(bytes int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return enough(m.asks, m.answers, pieces(bytes, m.v6))
}

func (m *meter) report(o *Observed) {
	o.Asked, o.Answered, o.TooBig = m.asks, m.answers, append(o.TooBig, m.tooBig...)
	o.Whole = !m.noWhole
	for _, direction := range []string{up, down, whole} {
		var list []Size
		for _, l := range m.lengths {
			if l.Direction == direction && (direction != whole || o.Whole) {
				list = append(list, l.Size)
			}
		}
		slices.SortFunc(list, func(a, b Size) int { return a.Bytes - b.Bytes })
		o.Sizes = append(o.Sizes, list...)
	}
}
