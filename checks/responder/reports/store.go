package reports

import (
	"crypto/hmac"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// The bounds of what a Store remembers.
const (
	// Kept is how many reports of a site are kept on the disk.
	Kept = 8
	// maxFigures bounds the figures of a site, and maxAllFigures those of all, bytes:
	// an office has some 20 KiB.
	maxFigures    = 64 << 10
	maxAllFigures = 64 << 20
	// decoders is how many reports are decoded at a time: each may take 30 MiB.
	decoders = 2
)

// Memory is the most that a Store takes, bytes.
const Memory = maxAllFigures + decoders*32<<20

// figuresLife is how long figures are shown after the last report of a site: what
// was so yesterday says nothing of today.
const figuresLife = 24 * time.Hour

// Figure is what a site has of one metric, in the Prometheus text format: lines
// without the metric's help and type.
type Figure struct{ Name, Help, Lines string }

// Config says what a Store is made of. Dir must be named.
type Config struct {
	Dir string
	// Figures are the figures of a site's report, each of which names the site; nil:
	// none. What the report says is a stranger's.
	Figures func(site string, r *checks.Report) []Figure
	Say     func(Event) // hears what an administrator should know; nil: silence
}

// Event is what an administrator should know. Of each kind but SecondAgent there is
// at most one a minute.
type Event struct {
	Kind  EventKind
	Site  string // "" where it is about no site
	Agent Other  // of SecondAgent: who reported before
	Seen  netip.Addr
	Err   error
}

// EventKind is what has happened.
type EventKind string

// The kinds of events.
const (
	SecondAgent EventKind = "second-agent" // two report as the same site
	DiskFault   EventKind = "disk-fault"   // a report is not kept, its figures are shown
	KeysFault   EventKind = "keys-fault"   // the keys cannot be read, those read before hold
	FileDamaged EventKind = "file-damaged" // a kept report could not be read at start
	FiguresCut  EventKind = "figures-cut"  // a site has more figures than are shown
)

// Store takes the reports of offices. Its methods may be called concurrently.
type Store struct {
	cfg    Config
	decode chan struct{} // one element for each report being decoded
	nobody Key           // stands in for the key of a site that is not known
	unlock func()

	mu     sync.Mutex
	keys   keyring
	nonces *nonces
	sites  map[string]*site
	size   int // of all figures
	said   map[EventKind]time.Time
}

// site is what is remembered of one. The Store's lock guards it, but for what only
// the one report that is being taken needs: files, next and stored.
type site struct {
	busy     bool      // a report is being taken
	last     time.Time // when one was last admitted
	received time.Time // when one was last taken that had not waited in the office
	seen     []sighting
	figures  []Figure // of that one
	size     int
	listed   bool     // files and next are what the disk has
	files    []string // on the disk, the oldest first
	next     int      // number of the next file
	stored   string   // digest of the last report that is on the disk
}

type sighting struct {
	agent string
	Other
}

// ErrServed means that another responder serves the same directory.
var ErrServed = errors.New("another responder keeps its reports there")

// Open reads what a directory holds. It makes the directory if need be; the caller
// closes the Store.
func Open(cfg Config) (*Store, error) {
	s := &Store{
		cfg: cfg, decode: make(chan struct{}, decoders), nobody: NewKey(), keys: keyring{dir: cfg.Dir}, nonces: newNonces(),
		sites: map[string]*site{}, said: map[EventKind]time.Time{},
	}
	var err error
	if s.unlock, err = platform.Lock(cfg.Dir, ".serving-lock"); err != nil {
		if errors.Is(err, platform.ErrLocked) {
			err = ErrServed
		}
		return nil, err
	}
	if err := s.keys.look(time.Now()); err != nil {
		s.unlock()
		return nil, err
	}
	for name := range s.keys.keys {
		s.sites[name] = s.recall(name)
	}
	return s, nil
}

// Sites is how many sites have a key.
func (s *Store) Sites() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys.keys)
}

// Close lets another responder serve the directory.
func (s *Store) Close() { s.unlock() }

// admit finds out whether a claim is genuine, new and not too soon; then the caller
// takes the report and calls done.
func (s *Store) admit(c *claim, mac []byte, now time.Time) (*site, Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.nonces.fresh(c.nonce) {
		return nil, StaleNonce
	}
	s.lookLocked(now)
	key, known := s.keys.keys[c.site]
	if !known {
		key = s.nobody // takes the same time, and fits nothing
	}
	if !hmac.Equal(mac, c.mac(key)) || !known {
		return nil, WrongKey
	}
	st := s.sites[c.site]
	if st == nil {
		st = &site{}
		s.sites[c.site] = st
	}
	switch {
	case s.nonces.wasUsed(c.nonce):
		return nil, Replayed
	case st.busy, !st.last.IsZero() && now.Sub(st.last) < MinInterval:
		return st, TooSoon
	}
	s.nonces.use(c.nonce)
	st.busy, st.last = true, now
	return st, ""
}

// lookLocked reads the keys again. Where that fails those read before hold.
func (s *Store) lookLocked(now time.Time) {
	if err := s.keys.look(now); err != nil {
		s.sayLocked(Event{Kind: KeysFault, Err: err})
	}
}

func (s *Store) done(st *site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.busy = false
}

// note remembers that a report has come, and shows its figures unless it has waited in
// the office: what was so then is not so now. It returns who else reports for the site.
func (s *Store) note(name string, st *site, agent string, from netip.Addr, later bool, figures []Figure, now time.Time) *Other {
	s.mu.Lock()
	defer s.mu.Unlock()
	var other *Other
	for _, x := range st.seen {
		if x.agent != agent && now.Sub(x.At) < figuresLife {
			other = &x.Other
		}
	}
	before := st.agents(now)
	st.seen = append(st.seen, sighting{agent, Other{from, now}})
	st.seen = st.seen[max(0, len(st.seen)-Kept):]
	if other != nil && st.agents(now) > before {
		s.sayLocked(Event{Kind: SecondAgent, Site: name, Agent: *other, Seen: from})
	}
	if !later {
		st.received = now
		s.show(name, st, figures)
	}
	return other
}

// agents is how many report for a site, by the last reports.
func (st *site) agents(now time.Time) int {
	different := map[string]bool{}
	for _, x := range st.seen {
		if now.Sub(x.At) < figuresLife {
			different[x.agent] = true
		}
	}
	return len(different)
}

// show puts figures in the place of those of an older report, as many as fit.
func (s *Store) show(name string, st *site, figures []Figure) {
	s.size -= st.size
	st.figures, st.size = []Figure{}, 0
	for _, f := range figures {
		n := len(f.Lines)
		if st.size+n > maxFigures || s.size+st.size+n > maxAllFigures {
			s.sayLocked(Event{Kind: FiguresCut, Site: name})
			break
		}
		st.figures, st.size = append(st.figures, f), st.size+n
	}
	s.size += st.size
}

func (s *Store) say(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayLocked(e)
}

func (s *Store) sayLocked(e Event) {
	now := time.Now()
	if last, said := s.said[e.Kind]; s.cfg.Say == nil || e.Kind != SecondAgent && said && now.Sub(last) < time.Minute {
		return
	}
	s.said[e.Kind] = now
	s.cfg.Say(e)
}
