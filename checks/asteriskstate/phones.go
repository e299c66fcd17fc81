package asteriskstate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// several phones without a registration are no accident of one.
	several = 3
	// behindOne is how many phones of one public address, without one that answers,
	// are the network's fault and no longer a phone's.
	behindOne = 2
	// started is how long after its start a server may be without phones: chan_sip
	// and PJSIP keep registrations over a restart, and phones come back within the
	// hour that most of them register for, many within minutes.
	started = 300
	// slow is a round trip beyond which talk is hard: 400 ms each way is the limit
	// of ITU-T G.114. Phones need some of it for themselves, Wi-Fi handsets up to
	// 300 ms to wake up.
	slow = 800
)

// noPhones is about a server without any phone.
func noPhones(v *view) []checks.Finding {
	missing := of(v.phones, gone, never, absent)
	if len(missing) < several || len(missing) < len(v.phones) || !v.whole(missing) {
		return nil
	}
	v.told["unregistered"] = true
	f := checks.Finding{
		ID: "asterisk-state.no-phones", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{"n": len(missing), "uptime": v.s.UptimeS}, Evidence: v.quoteLines(missing),
	}
	if v.s.UptimeS > 0 && v.s.UptimeS < started {
		f.Severity = checks.Warning
	}
	return []checks.Finding{f}
}

// quoteLines makes evidence of lines of several listings.
func (v *view) quoteLines(list []line) (out []checks.Evidence) {
	for _, l := range list[:min(len(list), mostRows)] {
		out = append(out, v.quote(l.command, l.Row)...)
	}
	if more := len(list) - mostRows; more > 0 {
		out = append(out, checks.Proof(words.Say("asterisk-state.evidence.more", nil), nil, more))
	}
	return out
}

// silentPhones are registered and do not answer OPTIONS: one, all of one place, or
// all that there are.
func silentPhones(v *view) []checks.Finding {
	answering := of(v.phones, fine, late)
	alive, reached := map[netip.Addr]bool{}, map[string]bool{}
	for _, l := range answering {
		alive[v.place(l.addr.Addr())], reached[l.name] = true, true
	}
	// A name that answers elsewhere rings there: the silent contact is an old one, or a
	// second phone that is off.
	mutes := slices.DeleteFunc(of(v.phones, mute), func(l line) bool { return v.told[l.Text] || reached[l.name] })
	if len(mutes) == 0 {
		return nil
	}
	if len(namesOf(mutes)) >= several && len(answering) == 0 && v.whole(v.phones) {
		return []checks.Finding{v.silent("all", checks.Critical, mutes, netip.Addr{})}
	}
	groups := map[netip.Addr][]line{}
	var order []netip.Addr
	for _, l := range mutes {
		p := v.place(l.addr.Addr())
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], l)
	}
	var out []checks.Finding
	var single []line
	for _, p := range order {
		least := behindOne
		if p.IsValid() && netinfo.IsPrivate(p) {
			least = several
		}
		if g := groups[p]; p.IsValid() && len(namesOf(g)) >= least && !alive[p] && len(answering) > 0 {
			out = append(out, v.silent("network", checks.Critical, g, p))
		} else {
			single = append(single, g...)
		}
	}
	if len(single) > 0 {
		out = append(out, v.silent("", checks.Warning, single, netip.Addr{}))
	}
	return out
}

func (v *view) silent(variant string, s checks.Severity, list []line, p netip.Addr) checks.Finding {
	f := checks.Finding{
		ID: "asterisk-state.phones-unreachable", Variant: variant, Severity: s, Confidence: checks.Certain,
		Args: words.Args{"n": len(namesOf(list)), "phones": some(namesOf(list))}, Evidence: v.quoteLines(list),
	}
	if variant == "network" {
		f.Subject = v.placeText(p)
		f.Args["network"] = f.Subject
	}
	return f
}

// gonePhones were registered and are not any more, while others are.
func gonePhones(v *view) []checks.Finding {
	list := of(v.phones, gone)
	if len(list) == 0 || v.told["unregistered"] {
		return nil
	}
	return []checks.Finding{{
		ID: "asterisk-state.phones-gone", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"n": len(list), "phones": some(namesOf(list))}, Evidence: v.quoteLines(list),
	}}
}

// unregistered names those that have not registered, which may be spare numbers.
func unregistered(v *view) []checks.Finding {
	list := of(v.phones, never, absent)
	if len(list) == 0 || v.told["unregistered"] {
		return nil
	}
	return []checks.Finding{{
		ID: "asterisk-state.phones-unregistered", Severity: checks.Info, Confidence: checks.Certain,
		Args: words.Args{"n": len(list), "phones": some(namesOf(list))}, Evidence: v.quoteLines(list),
	}}
}

// slowPhones answer late.
func slowPhones(v *view) []checks.Finding {
	var list []line
	for _, l := range v.phones {
		if l.state == late || l.state == fine && l.ms >= slow {
			list = append(list, l)
		}
	}
	if len(list) == 0 {
		return nil
	}
	worst := slices.MaxFunc(list, func(a, b line) int { return int(a.ms) - int(b.ms) })
	return []checks.Finding{{
		ID: "asterisk-state.phones-slow", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"n": len(list), "phones": some(namesOf(list)), "ms": int(worst.ms), "lagged": len(of(list, late))},
		Evidence: v.quoteLines(list),
	}}
}

// unmonitored phones are behind NAT, which Asterisk found, and not asked.
func unmonitored(v *view) []checks.Finding {
	list := slices.DeleteFunc(of(v.phones, unasked), func(l line) bool { return !l.nat || v.told[l.Text] })
	if len(list) == 0 {
		return nil
	}
	pjsip := strings.HasPrefix(list[0].command, "pjsip")
	return []checks.Finding{{
		ID: "asterisk-state.unmonitored-nat", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"n": len(list), "phones": some(namesOf(list)), "pjsip": pjsip}, Evidence: v.quoteLines(list),
	}}
}

// privateContacts are phones that Asterisk calls at a private address which it
// has no way to. Where its routes are not known, they are suspected only if other
// phones come over the Internet and none of that network answers.
func privateContacts(v *view) []checks.Finding {
	outside := false
	alive := map[netip.Addr]bool{}
	for _, l := range slices.Concat(v.phones, v.trunks) {
		if a := l.addr.Addr(); a.IsValid() && (l.state == fine || l.state == late) {
			outside = outside || !netinfo.IsPrivate(a)
			alive[v.place(a)] = true
		}
	}
	var list []line
	for _, l := range of(v.phones, mute, unasked) {
		a := l.addr.Addr()
		if !a.IsValid() || !netinfo.IsPrivate(a) || a.IsLoopback() || alive[v.place(a)] {
			continue
		}
		known, routed := v.o.RoutesKnown, slices.Contains(v.o.Routed, a)
		if known && !routed || !known && outside && l.state == mute {
			list = append(list, l)
			v.told[l.Text] = true
		}
	}
	if len(list) == 0 {
		return nil
	}
	f := checks.Finding{
		ID: "asterisk-state.private-contact", Severity: checks.Critical, Confidence: checks.Likely,
		Args:     words.Args{"n": len(list), "phones": some(namesOf(list)), "address": list[0].addr, "pjsip": strings.HasPrefix(list[0].command, "pjsip"), "routes": v.o.RoutesKnown},
		Evidence: v.quoteLines(list),
	}
	if !v.o.RoutesKnown {
		f.Severity, f.Confidence = checks.Warning, checks.Possible
	}
	return []checks.Finding{f}
}

// silentTrunks have a fixed address and do not answer OPTIONS: Asterisk dials none
// that it holds to be unreachable (create_addr_from_peer of chan_sip, contacts
// with the status Unavailable of PJSIP).
func silentTrunks(v *view) []checks.Finding {
	list := of(v.trunks, mute)
	if len(list) == 0 {
		return nil
	}
	all := len(list) == len(v.trunks) && v.whole(list)
	others := "some" // of the trunks answer
	switch {
	case all && len(list) > 1:
		others = "none"
	case len(of(v.trunks, fine, late)) == 0:
		others = "unknown"
	}
	f := checks.Finding{
		ID: "asterisk-state.trunks-unreachable", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"n": len(list), "trunks": some(namesOf(list)), "others": others}, Evidence: v.quoteLines(list),
	}
	if all {
		f.Severity = checks.Critical
	}
	return []checks.Finding{f}
}

// otherPort is about a trunk that this server registers with at one port and calls
// at another.
func otherPort(v *view) (out []checks.Finding) {
	for _, g := range v.s.Registrations {
		at, err := netip.ParseAddr(g.Server)
		port := g.Port
		if port == 0 {
			port = 5060
		}
		if err != nil || g.Status != "Registered" {
			continue
		}
		same := func(l line) bool { return l.addr.Addr() == at.Unmap() }
		i := slices.IndexFunc(v.trunks, same)
		if i < 0 || slices.ContainsFunc(v.trunks, func(l line) bool { return same(l) && int(l.addr.Port()) == port }) {
			continue
		}
		l := v.trunks[i]
		if l.addr.Port() == 0 || l.state != mute {
			continue // where it answers, it serves both
		}
		out = append(out, checks.Finding{
			ID: "asterisk-state.other-port", Severity: checks.Warning, Confidence: checks.Likely,
			Args:     words.Args{"trunk": named(l.name), "server": at, "registered": port, "called": int(l.addr.Port())},
			Evidence: append(v.quote(registryOf(g), g.Row), v.quote(l.command, l.Row)...),
		})
	}
	return out
}

func registryOf(g asterisk.ShownRegistration) string {
	if g.Driver == "pjsip" {
		return asterisk.ShowRegistrations
	}
	return asterisk.ShowRegistry
}
