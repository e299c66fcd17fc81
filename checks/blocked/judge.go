package blocked

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The verdicts on an address.
const (
	verdictBlocked = "blocked"
	verdictPartly  = "partly"
	verdictAllowed = "allowed"
	verdictUnknown = "unknown"
)

// Facts are the stable summary: of the address that was asked for, or of the
// one that fares worst.
type Facts struct {
	Address   string   `json:"address"`
	Verdict   string   `json:"verdict"`
	Paths     []Path   `json:"paths"`
	Blocks    []Block  `json:"blocks"`
	Roles     []string `json:"roles,omitempty"`
	Addresses []Facts  `json:"addresses,omitempty"` // all of them, where there are several
}

// Decided reports that everything that could block the address was seen.
func (f Facts) Decided() bool { return f.Verdict != verdictUnknown }

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	o, whole := o.opened()
	j := checks.Judgement{Facts: Facts{Verdict: verdictUnknown, Paths: []Path{}, Blocks: []Block{}}, Notes: notes(o)}
	if !whole {
		j.Summary, j.Inconclusive = words.Say("blocked.summary.lost", nil), words.Say("blocked.reason.lost", nil)
		return j
	}
	if len(o.Subjects) == 0 {
		j.Skip = words.Say("blocked.skip.no-address", nil)
		return j
	}
	var all []Facts
	var unclear []string
	for _, s := range o.Subjects {
		f := Facts{Address: pbx.AddressText(s.Address), Verdict: verdict(s), Paths: append([]Path{}, s.Paths...), Blocks: append([]Block{}, s.Blocks...), Roles: s.Roles}
		if f.Verdict == verdictAllowed && len(silent(o)) > 0 {
			f.Verdict = verdictUnknown // no ban was seen, by those who could be asked
		}
		if f.Verdict == verdictUnknown {
			unclear = append(unclear, f.Address)
		}
		all = append(all, f)
		for _, x := range findings(o, s, f.Verdict) {
			x.Subject = f.Address
			j.Findings = append(j.Findings, x)
		}
	}
	checks.WorstFirst(j.Findings)
	slices.SortStableFunc(all, func(a, b Facts) int { return badness(b.Verdict) - badness(a.Verdict) })
	facts := all[0]
	if len(all) > 1 {
		facts.Addresses = all
	}
	j.Facts = facts
	j.Summary, j.Headline = summary(o, all)
	if len(unclear) > 0 {
		j.Inconclusive = whyUnclear(o, unclear)
	}
	return j
}

// notes are what could not be read, and that a saved report cannot be evaluated
// again.
func notes(o Observed) []words.Text {
	out := words.Texts(o.Notes)
	if o.Kept == keptLong || o.Kept == keptOut || o.Kept == keptSecret {
		out = append(out, words.Say("blocked.note.not-kept", words.Args{"why": o.Kept}))
	}
	return out
}

func badness(verdict string) int {
	return slices.Index([]string{verdictAllowed, verdictUnknown, verdictPartly, verdictBlocked}, verdict)
}

// verdict says whether a phone at the subject can use this PBX. It is about the
// own address that its packets come to; where that is closed and another one
// open, it is let in in part.
func verdict(s Subject) string {
	if len(s.Paths) == 0 {
		switch {
		case len(effectiveBlocks(s)) > 0:
			return verdictBlocked
		case s.Use == useGateway && s.Unread == "":
			return verdictAllowed // nothing in particular comes from it; no ban is all that is asked
		}
		return verdictUnknown
	}
	first := verdictOf(s, firstPaths(s))
	if first == verdictBlocked && len(openAt(s)) > 0 {
		return verdictPartly
	}
	return first
}

// pathsAt are the paths to one own address.
func pathsAt(s Subject, at netip.Addr) []Path {
	return slices.DeleteFunc(slices.Clone(s.Paths), func(p Path) bool { return len(p.At) > 0 && !slices.Contains(p.At, at) })
}

// firstPaths are the paths to the own address that packets of the subject come
// to most likely.
func firstPaths(s Subject) []Path {
	if len(s.At) == 0 {
		return s.Paths
	}
	return pathsAt(s, s.At[0])
}

// openAt are the own addresses at which the subject is let in, though not at
// the one that its packets come to most likely.
func openAt(s Subject) (list []netip.Addr) {
	if len(s.At) < 2 || verdictOf(s, firstPaths(s)) == verdictAllowed {
		return nil
	}
	for _, a := range s.At[1:] {
		if verdictOf(s, pathsAt(s, a)) == verdictAllowed {
			list = append(list, a)
		}
	}
	return list
}

// verdictOf judges the paths to one own address. Signalling decides: a ban that
// leaves RTP open still blocks the phone. A port that is closed for everyone
// counts only if no other lets the subject in, or if the user named it.
func verdictOf(s Subject, paths []Path) string {
	signalling := slices.DeleteFunc(slices.Clone(paths), func(p Path) bool { return p.Purpose == purposeRTP || p.Direction == out })
	if len(signalling) == 0 {
		signalling = paths
	}
	open, shut, unclear := count(signalling)
	if open > 0 && shut > 0 {
		signalling = slices.DeleteFunc(signalling, func(p Path) bool { return p.Everyone && stopped(p) && p.Purpose != "" })
		open, shut, unclear = count(signalling)
	}
	behind := []string{"asterisk-acl", "route", "kamailio"} // the packet arrives, and they refuse it
	if shut == 0 && slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Effective && slices.Contains(behind, b.Layer) }) {
		return verdictBlocked
	}
	switch {
	case shut > 0 && open == 0 && unclear == 0:
		return verdictBlocked
	case shut > 0:
		return verdictPartly
	case unclear > 0:
		return verdictUnknown
	}
	for _, p := range paths {
		unanswered := p.Direction == out && p.Established != "accept"
		if closed(p) && (!p.Everyone || p.Purpose == purposeRTP || unanswered) {
			return verdictPartly
		}
	}
	return verdictAllowed
}

func count(list []Path) (open, shut, unclear int) {
	for _, p := range list {
		switch {
		case closed(p):
			shut++
		case p.Verdict == "accept":
			open++
		default:
			unclear++
		}
	}
	return open, shut, unclear
}

// closed reports whether nobody gets what is sent this way: a rule stops it, or
// it is sent to a port where nothing listens.
func closed(p Path) bool { return stopped(p) || p.Dead }

func stopped(p Path) bool { return p.Verdict == "drop" || p.Verdict == "reject" }

func effectiveBlocks(s Subject) []Block {
	return slices.DeleteFunc(slices.Clone(s.Blocks), func(b Block) bool { return !b.Effective })
}

// summary is the verdict in one line, and as the first line of a report where
// that begins otherwise.
func summary(o Observed, all []Facts) (line, headline words.Text) {
	if len(all) == 1 {
		return summaryOfOne(o, o.Subjects[0], all[0].Verdict)
	}
	n := map[string][]string{}
	for _, f := range all {
		n[f.Verdict] = append(n[f.Verdict], f.Address)
	}
	bad := slices.Concat(n[verdictBlocked], n[verdictPartly])
	id, args := "all-let-in", words.Args{"all": len(all)}
	switch {
	case len(bad) > 0:
		id, args["bad"], args["some"] = "several", len(bad), checks.FirstN(bad, maxNamed)
	case len(n[verdictUnknown]) > 0:
		id = "none-known"
	}
	return words.Say("blocked.summary."+id, args), words.Say("blocked.headline."+id, args)
}

func summaryOfOne(o Observed, s Subject, verdict string) (line, headline words.Text) {
	args := words.Args{"who": who(s)}
	with := func(more words.Args) words.Args { maps.Copy(args, more); return args }
	first := letInOn(firstPaths(s))
	switch {
	case verdict == verdictUnknown:
		return words.Say("blocked.summary.unknown", args), words.Say("blocked.headline.unknown", args)
	case verdict == verdictAllowed:
		line = words.Say("blocked.summary.let-in", with(words.Args{"ports": first, "at": atWhich(s), "partial": o.Partial}))
	case verdict == verdictBlocked:
		line = words.Say("blocked.summary.blocked", with(words.Args{"at": atWhich(s), "by": byWhom(s)}))
	case len(openAt(s)) > 0:
		line = words.Say("blocked.by-address.title", with(words.Args{"open": openAt(s), "shut": s.At[0]}))
	case len(effectiveBlocks(s)) == 0 && len(first) > 0:
		line = words.Say("blocked.summary.some-ports", with(words.Args{"ports": first, "stopped": stoppedPorts(s), "at": atWhich(s), "by": byWhom(s)}))
	default:
		line = words.Say("blocked.summary.partly", with(words.Args{"by": byWhom(s)}))
	}
	return line, words.Text{}
}

// addOnce adds what is not in the list.
func addOnce[T any](list []T, more ...T) []T {
	for _, x := range more {
		if !slices.ContainsFunc(list, func(o T) bool { return reflect.DeepEqual(o, x) }) {
			list = append(list, x)
		}
	}
	return list
}

// port names the ports of a path as people do: UDP 5060.
func (p Path) port() string { return strings.ToUpper(p.Protocol) + " " + p.Ports }

// sentTo is where translation sends the packets of a path.
func (p Path) sentTo() words.Text {
	address, ports, _ := strings.Cut(p.SentTo, "port ")
	return words.Say("blocked.sent-to", words.Args{"address": cmp.Or(strings.TrimSpace(address), "here"), "ports": ports})
}

// letInOn are the ports that a subject is let in on, and where they lead.
func letInOn(paths []Path) (list []words.Text) {
	for _, p := range paths {
		switch {
		case p.Verdict != "accept" || p.Direction != in || p.Dead:
		case p.Onward:
			list = addOnce(list, words.Say("blocked.port-onward", words.Args{"port": p.port(), "to": p.sentTo()}))
		default:
			list = addOnce(list, words.Say("blocked.port", words.Args{"port": p.port()}))
		}
	}
	return list
}

// atWhich names the own address that an answer is about, where the others fare
// differently; "none" where they do not.
func atWhich(s Subject) string {
	for _, p := range s.Paths {
		if p.Direction == in && len(p.At) > 0 && len(s.At) > 0 {
			return s.At[0].String()
		}
	}
	if len(s.Elsewhere) > 0 && len(s.At) == 1 {
		return s.At[0].String()
	}
	return "none"
}

// byWhom names the layers that block, or else the rule that stops packets. Who
// bans comes before where bans are kept.
func byWhom(s Subject) words.Text {
	var who, others, places []words.Text
	var jails []string
	for _, b := range effectiveBlocks(s) {
		switch {
		case shownByOwner(s, b): // its owner is named
		case b.Layer == "fail2ban":
			jails = append(jails, b.Jail)
		case place(b) > 0:
			places = addOnce(places, heldIn(b))
		default:
			others = addOnce(others, heldIn(b))
		}
	}
	if slices.Sort(jails); len(jails) > 0 {
		who = append(who, words.Say("blocked.holder", words.Args{"layer": "fail2ban", "name": checks.FirstN(slices.Compact(jails), maxNamed), "left": false}))
	}
	who = slices.Concat(who, others, places)
	var rule any = "none"
	if i := slices.IndexFunc(s.Paths, stopped); i >= 0 {
		rule = s.Paths[i].decider()
	}
	return words.Say("blocked.by", words.Args{"holders": len(who), "some": checks.FirstN(who, maxNamed), "rule": rule})
}

// heldIn is what holds the subject in another layer than fail2ban, with whose
// it is: fail2ban and CrowdSec keep a list, and what is not on it they left.
func heldIn(b Block) words.Text {
	name, left := b.Owner, b.Owner == "fail2ban" || b.Owner == "crowdsec"
	switch {
	case left:
		name = strings.TrimSpace(b.Owner + " " + b.Jail)
	case name == "":
		name = b.Jail
	}
	return words.Say("blocked.holder", words.Args{"layer": b.Layer, "name": cmp.Or(name, "none"), "left": left})
}

// maxNamed is how many holders fit into a title.
const maxNamed = 3

// silent are the layers that hold bans and did not answer.
func silent(o Observed) []string {
	return slices.DeleteFunc(slices.Clone(o.Unread), func(l string) bool { return l == layerFilter })
}

func whyUnclear(o Observed, addresses []string) words.Text {
	if list := silent(o); len(list) > 0 && !slices.Contains(o.Unread, layerFilter) {
		return words.Say("blocked.reason.silent", words.Args{"layers": list, "addresses": checks.FirstN(addresses, maxNamed)})
	}
	if !o.Root && slices.Contains(o.Unread, layerFilter) {
		return checks.NeedsRoot(words.Say("blocked.reason.root-only", nil))
	}
	var reasons []words.Reason
	for _, s := range o.Subjects {
		for _, p := range s.Paths {
			reasons = addOnce(reasons, p.Reasons...)
		}
		if s.Unread != "" && slices.Contains(addresses, pbx.AddressText(s.Address)) {
			return words.Say("blocked.reason.partly-read", words.Args{"why": s.Unread})
		}
	}
	switch {
	case len(reasons) > 0:
		return words.Say("blocked.reason.undecided", words.Args{"addresses": checks.FirstN(addresses, maxNamed), "reasons": checks.FirstN(reasons, maxNamed)})
	case o.FilterNote != "":
		return words.Say("blocked.reason.partly-read", words.Args{"why": o.FilterNote})
	case len(o.Notes) > 0:
		return notes(o)[0]
	}
	return words.Say("blocked.reason.unread", nil)
}
