package logs

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
)

// Facts are the stable summary of logs.
type Facts struct {
	Lines     int          `json:"lines"`
	From      *time.Time   `json:"from"`
	To        *time.Time   `json:"to"`
	Accounts  []Account    `json:"accounts"`
	Addresses []AddressRow `json:"addresses"`
	Events    []EventRow   `json:"events"`
}

// Account is a phone, account or endpoint that was refused, or not reachable.
type Account struct {
	Account   string         `json:"account"`
	Failures  map[string]int `json:"failures"`
	Flaps     int            `json:"flaps"` // how often it was lost
	Addresses []netip.Addr   `json:"addresses"`
	RTTms     *RTT           `json:"rtt_ms,omitempty"`
}

// RTT are the times that answers to OPTIONS took, of those that the log names.
type RTT struct {
	Median int `json:"median"`
	Max    int `json:"max"`
	Limit  int `json:"limit,omitempty"`
}

// AddressRow is an address whose requests were refused.
type AddressRow struct {
	Address  netip.Addr     `json:"address"`
	Failures map[string]int `json:"failures"`
	Accounts []string       `json:"accounts"`
	Peak     int            `json:"peak_10min"`
	Scanner  bool           `json:"scanner,omitempty"`
}

// EventRow is a moment worth knowing.
type EventRow struct {
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"`
	Subjects []string  `json:"subjects"`
}

// mostEvents bounds the timeline: the latest count.
const mostEvents = 1_000

func (v *view) facts() Facts {
	f := Facts{Lines: v.o.Lines, Accounts: []Account{}, Addresses: []AddressRow{}, Events: v.timeline()}
	if !v.o.Begin.IsZero() {
		f.From, f.To = &v.o.Begin, &v.o.End
	}
	names := map[string]bool{}
	for n := range v.tried {
		names[n] = true
	}
	for n := range v.phones {
		names[n] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a := Account{Account: name, Failures: map[string]int{}, Addresses: []netip.Addr{}}
		if t := v.tried[name]; t != nil {
			a.Failures, a.Addresses = t.causes, slices.Clone(t.addrs)
		}
		if p := v.phones[name]; p != nil {
			a.Flaps = len(p.losses)
			if len(p.rtts) > 0 {
				a.RTTms = &RTT{Median: median(p.rtts), Max: slowest(p.rtts), Limit: p.limit}
			}
		}
		for _, addr := range v.seenAt[name] {
			if !slices.Contains(a.Addresses, addr) {
				a.Addresses = append(a.Addresses, addr)
			}
		}
		f.Accounts = append(f.Accounts, a)
	}
	for _, og := range v.by {
		if !og.addr.IsValid() {
			continue
		}
		row := AddressRow{Address: og.addr, Failures: maps.Clone(og.causes), Accounts: []string{}, Peak: og.peak, Scanner: og.scanning}
		for _, c := range og.refused {
			if c.Account != "" && !slices.Contains(row.Accounts, c.Account) {
				row.Accounts = append(row.Accounts, c.Account)
			}
		}
		if n := total(og.dialled); n > 0 {
			row.Failures[string(pbxlog.NoExtension)] = n
		}
		f.Addresses = append(f.Addresses, row)
	}
	return f
}

// timeline are losses and returns, those of one moment together, and what else
// happened for the first time.
func (v *view) timeline() []EventRow {
	out := []EventRow{}
	for _, g := range v.groups {
		out = append(out, EventRow{g.losses[0].move.At, "outage-" + g.kind, g.phones})
		if !g.back.IsZero() {
			out = append(out, EventRow{g.back, "outage-over", g.phones})
		}
	}
	for name, p := range v.phones {
		for _, l := range p.losses {
			if l.group != nil || l.move.At.IsZero() {
				continue
			}
			out = append(out, EventRow{l.move.At, string(pbxlog.Unreachable), []string{name}})
			if !l.back.IsZero() {
				out = append(out, EventRow{l.back, string(pbxlog.Reachable), []string{name}})
			}
		}
		for _, m := range p.lagged {
			out = append(out, EventRow{m.At, string(pbxlog.Lagged), []string{name}})
		}
	}
	for _, c := range v.o.Counts {
		switch k := pbxlog.Kind(c.Kind); k {
		case pbxlog.Trunk, pbxlog.NoFiles, pbxlog.NoPorts, pbxlog.Overload, pbxlog.Transport, pbxlog.Config, pbxlog.NoName, pbxlog.Banned, pbxlog.Flood:
			if !c.First.IsZero() {
				out = append(out, EventRow{c.First, c.Kind, subjectsOf(c)})
			}
		}
	}
	slices.SortFunc(out, func(a, b EventRow) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Subjects, b.Subjects))
	})
	return out[max(0, len(out)-mostEvents):]
}

func subjectsOf(c Count) []string {
	out := []string{}
	for _, s := range []string{c.Account, c.Peer} {
		if s != "" {
			out = append(out, s)
		}
	}
	if c.Addr.IsValid() {
		out = append(out, c.Addr.String())
	}
	return out
}
