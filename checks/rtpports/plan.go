package rtpports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// defaultRange is what providers ask for (MegaFon VATS).
	defaultRange = "10000-65535"
	// tableShare is the part of a connection table that the test may take, one of
	// so many: at a quarter no new flow of the office was lost in measurements, at
	// three quarters a third.
	tableShare = 4
	// defaultEntries is that of what small routers hold.
	defaultEntries = 16384 / tableShare
	// entryLife is how long a router keeps an answered UDP flow, seconds
	// (Linux: nf_conntrack_udp_timeout).
	entryLife = 30
	// fastRate is that of --fast, packets a second: 8 Mbit/s of RTP, which the
	// uplink of an office carries. --rate asks for more.
	fastRate = 5000
	// sampleStride finds every blocked run of 64 ports, in 7 s at the polite
	// rate; deepStride every run of 16.
	sampleStride = 64
	deepStride   = 16

	// MaxRate is the highest --rate, packets a second: what one core can send.
	MaxRate = 200000

	modeSample = "sample"
	modeFull   = "full"
)

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

// ParseRange reads "10000-65535" or "10000"; an empty text is the default
// range. The error is for the person who typed it.
func ParseRange(text string) (netinfo.PortRange, error) {
	return netinfo.ParsePortRange(cmp.Or(text, defaultRange))
}

// A plan is what to ask, and how fast.
type plan struct {
	span    netinfo.PortRange
	mode    string
	stride  int
	ports   []int  // sorted
	rate    int    // packets a second
	entries int    // 0: no budget
	from    string // where the budget comes from
	in      checks.Inputs
}

func newPlan(in checks.Inputs) (*plan, error) {
	whole, err := ParseRange(in.RTPRange)
	if err != nil {
		return nil, fmt.Errorf("reading the RTP range: %w", err)
	}
	p := &plan{span: whole, mode: modeSample, stride: strideOf(in, deepStride, sampleStride), in: in}
	if in.Full {
		p.mode = modeFull
	}
	return p, nil
}

// strideOf is how far the ports to ask are apart, where a deep test and the usual
// one leave so many out.
func strideOf(in checks.Inputs, deep, usual int) int {
	switch {
	case in.Full:
		return 1
	case in.Deep:
		return deep
	}
	return usual
}

// within cuts the range to what the responder answers on.
func (p *plan) within(served string) error {
	if served == "" {
		return errors.New(noRTPPorts)
	}
	far, err := ParseRange(served)
	if err != nil {
		return fmt.Errorf("the responder names no RTP range: %w", err)
	}
	cut := netinfo.PortRange{First: max(p.span.First, far.First), Last: min(p.span.Last, far.Last)}
	if cut.First > cut.Last || cut != p.span && p.in.RTPRange != "" {
		return fmt.Errorf("%s %s %s", otherPorts, far, p.span)
	}
	p.span = cut
	return nil
}

// spaced are both ends of a range and every stride-th port between.
func spaced(s netinfo.PortRange, stride int) (out []int) {
	for p := s.First; p < s.Last; p += stride {
		out = append(out, p)
	}
	return append(out, s.Last)
}

// choose returns the ports to ask: all, or every stride-th and both sides of
// where the media ranges of common PBXs, phones and systems begin or end: a
// firewall rule that is wrong is often wrong there.
func (p *plan) choose() []int {
	edges := []int{10000, 16384, 16483, 20000, 32767, 32768, 40000, 49152, 50000, 59999, 60000, 60999, 61000, 65535}
	out := spaced(p.span, p.stride)
	for _, e := range slices.Concat(edges, p.in.RTPEdges) {
		for port := e - 1; port <= e+1; port++ {
			if p.span.Contains(port) {
				out = append(out, port)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// budget sets the rate: what the user said, or what keeps the router's table
// free.
func (p *plan) budget() {
	p.entries, p.from = defaultEntries, fromDefault
	if p.in.RouterEntries > 0 {
		p.entries, p.from = p.in.RouterEntries, fromEntries
	}
	p.rate = politeRate(p.entries)
	if p.in.Rate > 0 {
		p.rate, p.from = p.in.Rate, fromRate
	}
	if p.in.Fast {
		p.rate, p.entries, p.from = cmp.Or(p.in.Rate, fastRate), 0, fromFast
	}
}

// politeRate is how many new flows a second fill no more than the budget
// before the first are forgotten.
func politeRate(entries int) int { return max(entries/entryLife, 1) }

// expected is how long the first pass takes, and the answers of the last ports.
func (p *plan) expected() time.Duration { return expected(len(p.ports), p.rate) }

// expected is how long so many packets take, and the last answers. Silent ports
// are asked again, which nobody can foresee.
func expected(packets, rate int) time.Duration {
	const tail = 500 * time.Millisecond
	return time.Duration(float64(packets)/float64(rate)*float64(time.Second)) + tail
}

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
