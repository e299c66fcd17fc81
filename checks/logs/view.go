package logs

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
)

// view is what the judges look at.
type view struct {
	o     *Observed
	tried map[string]*account // refused accounts
	by    []*origin           // refused addresses, the busiest first
	// seenAt are the addresses from which an account was accepted or reached, and
	// lastOK when for the last time.
	seenAt map[string][]netip.Addr
	lastOK map[string]time.Time
	own    map[netip.Addr]bool // addresses of phones that were accepted
	moves  []Move              // each once
	losses int
	phones map[string]*phone
	more   int // findings that are not shown
	groups []*group
}

// account is what one account was refused for.
type account struct {
	name   string
	causes map[string]int
	addrs  []netip.Addr
}

// origin is an address whose requests were refused.
type origin struct {
	addr     netip.Addr
	n, peak  int
	names    int // accounts and numbers
	folded   bool
	refused  []Count // one for each account and cause
	dialled  []Count // numbers that do not exist
	causes   map[string]int
	first    time.Time
	last     time.Time
	scanning bool
}

func newView(o *Observed) *view {
	v := &view{
		o: o, tried: map[string]*account{}, seenAt: map[string][]netip.Addr{}, lastOK: map[string]time.Time{}, own: map[netip.Addr]bool{}, phones: map[string]*phone{},
	}
	for _, c := range o.Counts {
		if c.Kind == string(pbxlog.Accepted) && sip(c.Service) {
			v.accepted(c.Account, c.Addr, c.Last)
		}
	}
	v.distinctMoves()
	for _, m := range v.moves {
		if m.Kind == string(pbxlog.Reachable) {
			v.accepted(m.Phone, m.Addr, m.At)
		}
	}
	v.followPhones()
	v.refusals()
	return v
}

func sip(service string) bool { return service != "AMI" && service != "IAX2" }

func (v *view) accepted(name string, addr netip.Addr, at time.Time) {
	if at.After(v.lastOK[name]) {
		v.lastOK[name] = at
	}
	if addr.IsValid() {
		v.own[addr] = true
		if !slices.Contains(v.seenAt[name], addr) {
			v.seenAt[name] = append(v.seenAt[name], addr)
		}
	}
}

// distinctMoves drops what a second log tells again.
func (v *view) distinctMoves() {
	type key struct {
		phone, kind string
		at          int64
		addr        netip.Addr
	}
	seen := map[key]int{}
	for _, m := range v.o.Moves {
		k := key{m.Phone, m.Kind, m.At.Unix(), m.Addr}
		if file, ok := seen[k]; ok && v.streamOf(file) != v.streamOf(m.File) {
			continue
		}
		seen[k] = m.File
		v.moves = append(v.moves, m)
	}
}

func (v *view) streamOf(file int) int {
	if file < 0 || file >= len(v.o.Files) {
		return -1
	}
	return v.o.Files[file].Stream
}

// distinctRefusals are the refused requests, each counted once. Asterisk tells of most
// twice, as a notice and as a security event: the notice names the cause. With
// FreeSWITCH the line that it could not find the user says more than that it refused.
func (v *view) distinctRefusals() (out []Count) {
	type key struct {
		account string
		addr    netip.Addr
	}
	better := map[key]bool{}
	prefers := func(c *Count) bool { return (c.Form == pbxlog.Notice) == (c.Program != string(pbxlog.FreeSWITCH)) }
	list := v.refusalsByForm()
	other := map[key]int{} // what explains that a password was refused as well
	for i := range list {
		c := &list[i]
		if prefers(c) {
			better[key{c.Account, c.Addr}] = true
			better[key{addr: c.Addr}] = true // the other form may not name the account
		}
		if c.Cause == pbxlog.UnknownAccount || c.Cause == pbxlog.NotPermitted {
			other[key{c.Account, c.Addr}] += c.N
		}
	}
	for _, c := range list {
		k := key{c.Account, c.Addr}
		if !prefers(&c) && better[k] || !sip(c.Service) || c.Cause == pbxlog.NumberRefused {
			continue
		}
		// Some lines say once more, without the address, what others say with it.
		if !c.Addr.IsValid() && slices.ContainsFunc(list, func(d Count) bool { return d.Addr.IsValid() && d.Account == c.Account && d.Cause == c.Cause }) {
			continue
		}
		// PJSIP says of one request that no endpoint fits, or that its ACL refuses it,
		// and then that it did not authenticate.
		if c.Cause == pbxlog.WrongPassword && other[k] >= c.N {
			continue
		}
		out = append(out, c)
	}
	return out
}

// refusals puts refused requests together by account and by address.
func (v *view) refusals() {
	at := map[netip.Addr]*origin{}
	for _, c := range v.distinctRefusals() {
		v.remember(c)
		og := at[c.Addr]
		if og == nil {
			og = &origin{addr: c.Addr, causes: map[string]int{}, first: c.First}
			at[c.Addr] = og
			v.by = append(v.by, og)
		}
		og.add(c)
	}
	for _, c := range v.of(pbxlog.NoExtension) {
		if og := at[c.Addr]; og != nil {
			og.dialled = append(og.dialled, c)
		} else if c.Addr.IsValid() {
			at[c.Addr] = &origin{addr: c.Addr, causes: map[string]int{}, dialled: []Count{c}, first: c.First, last: c.Last}
			v.by = append(v.by, at[c.Addr])
		}
	}
	for _, s := range v.o.Sources {
		if og := at[s.Addr]; og != nil {
			og.peak, og.names, og.folded = max(og.peak, s.Peak), max(og.names, s.Accounts), og.folded || s.Folded
		}
	}
	for _, og := range v.by {
		og.n += total(og.dialled)
		og.scanning = v.scans(og)
	}
	slices.SortStableFunc(v.by, func(a, b *origin) int { return cmp.Or(cmp.Compare(b.n, a.n), a.addr.Compare(b.addr)) })
}

// refusalsByForm are the refusals, of each form by itself.
func (v *view) refusalsByForm() (out []Count) {
	for _, form := range []string{pbxlog.Notice, pbxlog.Security} {
		w := view{o: &Observed{}}
		for _, c := range v.o.Counts {
			if c.Form == form {
				w.o.Counts = append(w.o.Counts, c)
			}
		}
		out = append(out, w.of(pbxlog.Refused)...)
	}
	return out
}

func (og *origin) add(c Count) {
	og.refused = append(og.refused, c)
	og.n += c.N
	og.causes[c.Cause] += c.N
	if c.Last.After(og.last) {
		og.last = c.Last
	}
	if c.First.Before(og.first) {
		og.first = c.First
	}
}

func (v *view) remember(c Count) {
	if c.Account == "" || c.Folded {
		return
	}
	a := v.tried[c.Account]
	if a == nil {
		a = &account{name: c.Account, causes: map[string]int{}}
		v.tried[c.Account] = a
	}
	a.causes[c.Cause] += c.N
	if c.Addr.IsValid() && !slices.Contains(a.addrs, c.Addr) {
		a.addrs = append(a.addrs, c.Addr)
	}
}

const (
	// scanNames is how many names one address must have tried without success to
	// be called a scanner. Offices have phones behind one address too; but these
	// repeat themselves, and one of them gets in.
	scanNames = 10
	// scanRepeats is how often a scanner tries one name. A phone repeats its
	// registration as long as it is refused.
	scanRepeats = 5
	// scanNumbers is how many numbers a stranger must have dialled.
	scanNumbers = 3
)

// scans reports whether what came from an address looks like a search for accounts or
// for a way to call for free.
func (v *view) scans(og *origin) bool {
	if !og.addr.IsValid() || v.own[og.addr] {
		return false
	}
	if og.causes[pbxlog.Attack] > 0 || og.folded {
		return true
	}
	strangers := 0
	for _, c := range og.dialled {
		if guest(c.Account) {
			strangers++
		}
	}
	if strangers >= scanNumbers {
		return true
	}
	names, real := map[string]bool{}, 0
	for _, c := range og.refused {
		if !names[c.Account] && v.exists(c) {
			real++
		}
		names[c.Account] = true
	}
	return len(names) >= scanNames && 2*real < len(names) && og.n-total(og.dialled) <= scanRepeats*len(names)
}

// exists reports whether the PBX has the account of a refusal: whoever searches hits
// few of them. chan_sip says "Wrong password" of others as well.
func (v *view) exists(c Count) bool {
	return c.Service == "PJSIP" && c.Cause != pbxlog.UnknownAccount || v.phones[c.Account] != nil || !v.lastOK[c.Account].IsZero()
}

// guest reports whether a call came from nobody whom the PBX knows.
func guest(name string) bool { return name == "" || name == "anonymous" }
