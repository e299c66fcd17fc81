package rtpports

import (
	"context"
	"net/netip"
	"slices"

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

// learnBudget waits for the host's facts beside the sweep, and sets its pace:
// the router's name takes seconds, and the first seconds are few entries.
func (s *sweep) learnBudget(ctx context.Context) {
	if s.plan.from != fromDefault || s.env.Host == nil {
		return // the user has chosen it
	}
	s.running.Go(func() {
		if host, err := s.env.Host(ctx); err == nil && ctx.Err() == nil {
			s.post(func() { s.adopt(host) })
		}
	})
}

// adopt takes what is known of the table. A sweep that has met a full table
// knows better.
func (s *sweep) adopt(host *netinfo.Host) {
	entries, from := budgetOf(host, s.client.Info.Seen.Addr())
	s.plan.from = from
	if len(s.o.Trips) > 0 || entries == s.plan.entries {
		return
	}
	s.plan.entries, s.plan.rate = entries, min(politeRate(entries), fastRate)
	s.ledger.pace.rate = s.plan.rate
	s.progress("slower", words.Args{"rate": s.plan.rate, "entries": entries}, 0)
}
