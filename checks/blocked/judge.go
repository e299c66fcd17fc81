package blocked

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
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

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	j := checks.Judgement{Facts: Facts{Verdict: verdictUnknown, Paths: []Path{}, Blocks: []Block{}}, Notes: words.Literals(o.Notes)}
	if len(o.Subjects) == 0 {
		j.Skip = words.Literal("no address to ask about")
		return j
	}
	var all []Facts
	var unclear []string
	for _, s := range o.Subjects {
		f := Facts{Address: short(s.Address), Verdict: verdict(s), Paths: orEmpty(s.Paths), Blocks: orEmpty(s.Blocks), Roles: s.Roles}
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
	slices.SortStableFunc(j.Findings, func(a, b checks.Finding) int { return weight(b.Severity) - weight(a.Severity) })
	slices.SortStableFunc(all, func(a, b Facts) int { return badness(b.Verdict) - badness(a.Verdict) })
	facts := all[0]
	if len(all) > 1 {
		facts.Addresses = all
	}
	j.Facts, j.Summary = facts, words.Literal(summary(o, all))
	if len(unclear) > 0 {
		j.Inconclusive = whyUnclear(o, unclear)
	}
	return j
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func weight(s checks.Severity) int {
	return map[checks.Severity]int{checks.Critical: 2, checks.Warning: 1}[s]
}

func badness(verdict string) int {
	return slices.Index([]string{verdictAllowed, verdictUnknown, verdictPartly, verdictBlocked}, verdict)
}

// short writes a single address without its length.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
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
func pathsAt(s Subject, at netip.Addr) (list []Path) {
	for _, p := range s.Paths {
		if len(p.At) == 0 || slices.Contains(p.At, at) {
			list = append(list, p)
		}
	}
	return list
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
	if acl := aclBlocks(s); acl && shut == 0 {
		return verdictBlocked // the packet arrives, and Asterisk itself refuses it
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

// effectiveBlocks are those that stop packets.
func effectiveBlocks(s Subject) (list []Block) {
	for _, b := range s.Blocks {
		if b.Effective {
			list = append(list, b)
		}
	}
	return list
}

// aclBlocks reports whether something behind the packet filter refuses the
// subject.
func aclBlocks(s Subject) bool {
	return slices.ContainsFunc(s.Blocks, func(b Block) bool {
		return b.Effective && slices.Contains([]string{"asterisk-acl", "route", "kamailio"}, b.Layer)
	})
}

func summary(o Observed, all []Facts) string {
	if len(all) == 1 {
		f, s := all[0], o.Subjects[0]
		who, first := f.Address, firstPaths(s)
		if len(f.Roles) > 0 {
			who += " (" + strings.Join(f.Roles, ", ") + ")"
		}
		switch f.Verdict {
		case verdictBlocked:
			return who + " is blocked" + atWhich(s) + byWhom(s)
		case verdictPartly:
			if at := openAt(s); len(at) > 0 {
				return who + " is let in at " + joinAddrs(at) + " and not at " + s.At[0].String()
			}
			if len(effectiveBlocks(s)) == 0 && onPorts(first) != "" {
				return who + " is let in" + onPorts(first) + " and not on " + stoppedPorts(s) + atWhich(s) + byWhom(s)
			}
			return who + " is blocked on some ports" + byWhom(s)
		case verdictUnknown:
			return "it cannot be told whether " + who + " is let in"
		}
		if o.Partial {
			return who + " is let in" + onPorts(first) + atWhich(s) + ", by the rules that are in the bundle"
		}
		return who + " is let in" + onPorts(first) + atWhich(s)
	}
	n := map[string][]string{}
	for _, f := range all {
		n[f.Verdict] = append(n[f.Verdict], f.Address)
	}
	bad := slices.Concat(n[verdictBlocked], n[verdictPartly])
	if len(bad) == 0 && len(n[verdictUnknown]) == 0 {
		return fmt.Sprintf("all %d addresses that matter are let in", len(all))
	}
	if len(bad) == 0 {
		return fmt.Sprintf("%d addresses that matter, none known to be blocked", len(all))
	}
	return fmt.Sprintf("%d of %d addresses that matter are blocked: %s", len(bad), len(all), some(bad, 3))
}

// some writes the first n of a list and how many more there are.
func some(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

// onPorts says which ports a subject is let in on, and where they lead.
func onPorts(paths []Path) string {
	var words []string
	for _, p := range paths {
		if p.Verdict != "accept" || p.Direction != in || p.Dead {
			continue
		}
		w := strings.ToUpper(p.Protocol) + " " + p.Ports
		if p.Onward {
			w += " (sent on to " + p.SentTo + ")"
		}
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " on " + strings.Join(words, ", ")
}

// atWhich names the own address that an answer is about, where the others fare
// differently.
func atWhich(s Subject) string {
	for _, p := range s.Paths {
		if p.Direction == in && len(p.At) > 0 && len(s.At) > 0 {
			return " at " + s.At[0].String()
		}
	}
	if len(s.Elsewhere) > 0 && len(s.At) == 1 {
		return " at " + s.At[0].String()
	}
	return ""
}

// byWhom names the layers that block, in few words.
func byWhom(s Subject) string {
	var words, jails []string
	for _, b := range effectiveBlocks(s) {
		if kept(s, b) {
			continue // its owner is named
		}
		w := holder(b)
		switch b.Owner {
		case "":
		case "fail2ban", "crowdsec": // they keep a list, and this is not on it
			w = b.Layer + " (left by " + strings.TrimSpace(b.Owner+" "+b.Jail) + ")"
		default:
			w = b.Layer + " (" + b.Owner + ")"
		}
		if b.Layer == "fail2ban" {
			jails = append(jails, b.Jail)
			continue
		}
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if slices.Sort(jails); len(jails) > 0 {
		words = append(words, "fail2ban ("+some(slices.Compact(jails), maxNamed)+")")
	}
	if len(words) == 0 {
		for _, p := range s.Paths {
			if stopped(p) {
				return " by the firewall: " + p.Rule
			}
		}
		return ""
	}
	// Who bans says more than where a ban sits.
	slices.SortStableFunc(words, func(a, b string) int { return rank(a) - rank(b) })
	return " by " + some(words, maxNamed)
}

// maxNamed is how many holders fit into a title.
const maxNamed = 3

func rank(holder string) int {
	switch layer := strings.Fields(holder)[0]; {
	case layer == "fail2ban":
		return 0
	case isPlace(layer):
		return 2
	}
	return 1
}

// isPlace reports whether a layer is where bans are kept rather than who bans.
func isPlace(layer string) bool {
	return slices.Contains([]string{"iptables", "nftables", "ipset", "xt_recent"}, layer)
}

// silent are the layers that hold bans and did not answer.
func silent(o Observed) []string {
	return slices.DeleteFunc(slices.Clone(o.Unread), func(l string) bool { return l == "packet filter" })
}

func whyUnclear(o Observed, addresses []string) words.Text {
	if list := silent(o); len(list) > 0 && !slices.Contains(o.Unread, "packet filter") {
		return words.Literal(strings.Join(list, " and ") + " did not answer: whether " + some(addresses, 3) + " is banned there is not known")
	}
	if !o.Root && slices.Contains(o.Unread, "packet filter") {
		return checks.NeedsRoot(words.Literal("the packet filter can be read by root only"))
	}
	var reasons []string
	for _, s := range o.Subjects {
		for _, p := range s.Paths {
			for _, r := range p.Reasons {
				if !slices.Contains(reasons, r) {
					reasons = append(reasons, r)
				}
			}
		}
	}
	for _, s := range o.Subjects {
		if s.Unread != "" && slices.Contains(addresses, short(s.Address)) {
			return words.Literal("the packet filter could not be read whole: " + s.Unread)
		}
	}
	if len(reasons) > 0 {
		return words.Literal("for " + some(addresses, 3) + " it hangs on what the rules do not tell: " + some(reasons, 3))
	}
	if o.FilterNote != "" {
		return words.Literal("the packet filter could not be read whole: " + o.FilterNote)
	}
	if len(o.Notes) > 0 {
		return words.Literal(o.Notes[0])
	}
	return words.Literal("the packet filter could not be read")
}
