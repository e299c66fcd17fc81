package rtpports

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// tableShare is the part of a connection table that the test may take, one of
// so many: at a quarter no new flow of the office was lost in measurements.
const tableShare = 4

// Where the budget comes from.
const (
	fromDefault = "default"        // nothing is known of the router: what small ones hold
	fromUnknown = "router-unknown" // the same, though its platform is known
	fromRouter  = "router"         // what its platform holds, by the catalogue
	fromOwn     = "own-table"      // what is free in this machine's own table
	fromFast    = "fast"           // --fast: no regard to the router's table
	fromRate    = "rate"           // --rate
	fromEntries = "router-entries" // --router-entries
)

// budgetOf is how many entries the test may take, and why. seen is the address
// that this machine has outside.
func budgetOf(host *netinfo.Host, seen netip.Addr) (entries int, from string) {
	entries, from = defaultEntries, fromDefault
	if host == nil {
		return entries, from
	}
	if size, ok := fixes.ConnectionTable(host); ok {
		entries, from = size/tableShare, fromRouter
	} else if host.Router != nil && host.Router.Platform != "" {
		from = fromUnknown
	}
	c := host.Tracking
	if c == nil || c.Max <= 0 {
		return entries, from
	}
	own := max((c.Max-c.Count)/tableShare, 1)
	direct := slices.ContainsFunc(host.Uplink.Local, func(a netip.Addr) bool { return a == seen })
	if direct || c.Count > 0 && own < entries {
		entries, from = own, fromOwn
	}
	return entries, from
}

// A budgeter learns the size of the router's table while the sweep has begun:
// the router's name takes seconds, and the first seconds are few entries.
type budgeter struct {
	running sync.WaitGroup
	stop    context.CancelFunc

	mu      sync.Mutex
	entries int
	rate    int
	from    string
}

// asUserSaid is the budget when the user has chosen it; from is empty when it
// follows from the router.
func asUserSaid(in checks.Inputs) (from string) {
	switch {
	case in.Fast:
		return fromFast
	case in.Rate > 0:
		return fromRate
	case in.RouterEntries > 0:
		return fromEntries
	}
	return ""
}

// startBudget waits for the host's facts beside the sweep, and sets its pace.
func startBudget(ctx context.Context, env *checks.Env, s *sweep) *budgeter {
	b := &budgeter{entries: s.plan.entries, rate: s.plan.rate, from: asUserSaid(env.Inputs), stop: func() {}}
	if b.from != "" {
		return b
	}
	_, b.from = budgetOf(nil, netip.Addr{})
	if env.Host == nil {
		return b
	}
	ctx, b.stop = context.WithCancel(ctx)
	b.running.Go(func() {
		host, err := env.Host(ctx)
		if err != nil || ctx.Err() != nil {
			return
		}
		b.adopt(host, s)
	})
	return b
}

// adopt takes what is known of the table. A sweep that has met a full table
// knows better.
func (b *budgeter) adopt(host *netinfo.Host, s *sweep) {
	entries, from := budgetOf(host, s.client.Info.Seen.Addr())
	s.mu.Lock()
	full := len(s.trips) > 0
	s.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.from = from
	if full || entries == b.entries {
		return
	}
	b.entries, b.rate = entries, min(politeRate(entries), fastRate)
	s.pace.slow(b.rate)
	s.env.Say(words.Say("rtp-ports.progress.slower", words.Args{"rate": b.rate, "entries": entries}))
}

// end stops waiting and writes down what was taken.
func (b *budgeter) end(o *Observed) {
	b.stop()
	b.running.Wait()
	o.Entries, o.Rate, o.EntriesFrom = b.entries, b.rate, b.from
}
