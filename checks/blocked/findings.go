package blocked

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The directions and purposes of a path.
const (
	in         = "in"
	out        = "out"
	purposeSIP = "sip"
	purposeRTP = "rtp"
)

// findings are the faults of one subject, each with its cure.
func findings(o Observed, s Subject, verdict string) (list []checks.Finding) {
	hit := effectiveBlocks(s)
	switch {
	case len(hit) > 0:
		list = append(list, banned(o, s, hit, verdict))
	case verdict == verdictPartly && len(openAt(s)) > 0:
		list = append(list, elsewhereOpen(o, s))
	case (verdict == verdictBlocked || verdict == verdictPartly) && slices.ContainsFunc(s.Paths, stopped):
		list = append(list, notLetIn(o, s))
	}
	more := func(f checks.Finding, ok bool) {
		if ok {
			list = append(list, f)
		}
	}
	more(sentNowhere(s))
	more(byAddress(s))
	if len(hit) == 0 {
		more(nearBan(s))
	}
	more(notExempt(o, s, hit))
	more(rearming(s, hit))
	more(ineffective(o, s))
	more(connectionGoesOn(s))
	return list
}

// banned is about something that names the subject and stops its packets.
func banned(o Observed, s Subject, hit []Block, verdict string) checks.Finding {
	f := checks.Finding{
		ID: "blocked.banned", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{
			"who": who(s), "by": byWhom(s), "verdict": verdict, "stopped": stoppedPorts(s),
			"phones": len(s.Phones), "extensions": checks.FirstN(s.Phones, 6), "goes_on": establishedPass(s),
		},
		Evidence: evidence(s, hit),
		Fixes:    freeEverywhere(o, s),
	}
	if verdict == verdictUnknown { // what holds it depends on what the rules do not tell
		f.Severity, f.Confidence = checks.Warning, checks.Likely
	}
	var spans []words.Text
	for _, b := range hit {
		if t := span(b, o.When); !t.IsZero() && !shownByOwner(s, b) {
			spans = append(spans, t)
		}
	}
	f.Args["spans"], f.Args["more"] = spans[:min(maxSpans, len(spans))], max(0, len(spans)-maxSpans)
	advise(f.Args, s, hit)
	return f
}

// maxSpans is how many layers are told with their times in a sentence each.
const maxSpans = 2

// establishedPass reports whether connections that exist already are spared by
// everything that stops new ones.
func establishedPass(s Subject) bool {
	spared := false
	for _, p := range s.Paths {
		if stopped(p) {
			if p.Established != "accept" {
				return false
			}
			spared = true
		}
	}
	return spared
}

// who names the subject with what it is here.
func who(s Subject) words.Text {
	var roles []words.Text
	for _, r := range s.Roles {
		kind, name, _ := strings.Cut(r, " ")
		if !slices.Contains([]string{roleAdmin, roleGateway, rolePhone, roleTrunk, roleMedia, roleSignalling}, kind) {
			kind, name = "other", r
		}
		roles = append(roles, words.Say("blocked.role", words.Args{"kind": kind, "name": name}))
	}
	return words.Say("blocked.who", words.Args{"address": pbx.AddressText(s.Address), "roles": len(roles), "some": checks.FirstN(roles, maxNamed)})
}

func holder(b Block) string {
	if b.Jail != "" {
		return b.Layer + " (" + b.Jail + ")"
	}
	return b.Layer
}

// span says since when and until when a block holds; nothing where neither is
// known.
func span(b Block, now time.Time) words.Text {
	at := func(t time.Time) string {
		if t.IsZero() {
			return "unknown"
		}
		return t.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if b.Since.IsZero() && b.Until.IsZero() && !b.Permanent {
		return words.Text{}
	}
	var left time.Duration
	if !b.Until.IsZero() && !now.IsZero() {
		left = max(0, b.Until.Sub(now))
	}
	return words.Say("blocked.span", words.Args{"holder": holder(b), "since": at(b.Since), "permanent": b.Permanent, "until": at(b.Until), "left": left})
}

// stoppedPorts lists what does not get through.
func stoppedPorts(s Subject) words.Text {
	var list []words.Text
	for _, p := range s.Paths {
		if stopped(p) {
			list = addOnce(list, words.Say("blocked.stopped", words.Args{
				"own": p.Direction == out, "port": p.port(), "sources": cmp.Or(p.Sources, "all"), "at": p.At,
			}))
		}
	}
	if len(list) == 0 {
		return words.Say("blocked.stopped-behind", nil)
	}
	return checks.FirstN(list, maxStopped)
}

// maxStopped keeps what is stopped of a whole network within two lines.
const maxStopped = 6

// maxReasons is how many log lines of one ban are shown: the first tells who
// failed and why, and a third only repeats it.
const maxReasons = 2

// evidence shows the deciding rules, each with all it stops, and what each
// layer holds.
func evidence(s Subject, hit []Block) (list []checks.Evidence) {
	type decision struct {
		verdict, table string
		rule           any // a string or a words.Reason
	}
	var decisions []decision
	ports := map[decision][]string{}
	rules := map[string]bool{}
	for _, p := range s.Paths {
		if !stopped(p) {
			continue
		}
		rules[p.Rule] = true
		d := decision{p.Verdict, p.Table, p.decider()}
		decisions, ports[d] = addOnce(decisions, d), addOnce(ports[d], p.port())
	}
	for _, d := range decisions {
		list = append(list, checks.Proof(strings.Join(ports[d], ", "), "accept", decidedBy(d.verdict, d.table, d.rule)))
	}
	for _, b := range hit {
		if shownByOwner(s, b) {
			continue // its owner is shown
		}
		if !rules[b.Object] { // a rule that decided has been shown
			list = append(list, checks.Proof(holder(b), nil, strings.TrimSpace(b.Where+": "+b.Object)))
		}
		list = append(list, b.because()...)
	}
	return list
}

func decidedBy(verdict, table string, rule any) words.Text {
	return words.Say("blocked.evidence.verdict", words.Args{"verdict": verdict, "table": table, "rule": rule})
}

// decider is the rule that decides, as RuleText has it, or what does besides the
// rules.
func (p Path) decider() any {
	if p.Why != "" {
		return p.Why
	}
	return p.Rule
}

// because shows the newest reasons, the same one once.
func (b Block) because() (list []checks.Evidence) {
	var shown []string
	for _, r := range slices.Backward(b.Reasons) {
		if !slices.Contains(shown, r) && len(shown) < maxReasons {
			shown = append(shown, r)
		}
	}
	for _, r := range slices.Backward(shown) {
		list = append(list, checks.Proof(words.Say("blocked.evidence.because", nil), nil, b.reason(r)))
	}
	if b.Cause != "" {
		list = append(list, checks.Proof(words.Say("blocked.evidence.because", nil), nil, b.Cause))
	}
	return list
}

// advise adds to the values of a finding those that advice depends on.
func advise(args words.Args, s Subject, hit []Block) {
	counted := func(b Block) bool { return b.Owner == "freepbx" && b.Layer == bans.LayerRecent }
	args["recidive"] = slices.ContainsFunc(hit, func(b Block) bool { return b.Layer == "fail2ban" && b.Jail == "recidive" })
	args["counted"] = slices.ContainsFunc(hit, counted)
	args["freepbx"] = slices.ContainsFunc(hit, func(b Block) bool { return b.Owner == "freepbx" && !counted(b) })
	args["unban"] = "none"
	if i := slices.IndexFunc(s.Blocks, func(b Block) bool { return b.Layer == "fail2ban" && b.Asleep }); i >= 0 {
		b := s.Blocks[i]
		if line, err := command.New("fail2ban-client", "set").Values(b.Jail).Words("unbanip").Values(pbx.AddressText(b.Prefix)).Line(); err == nil {
			args["unban"] = line
		}
	}
}

// notLetIn is about a subject that nobody banned and no rule lets in.
func notLetIn(o Observed, s Subject) checks.Finding {
	f := checks.Finding{
		ID: "blocked.not-let-in", Severity: checks.Critical, Confidence: checks.Certain,
		Args:     words.Args{"who": who(s), "stopped": stoppedPorts(s)},
		Evidence: evidence(s, nil),
		Fixes:    letIn(o, s),
	}
	if !slices.ContainsFunc(s.Paths, func(p Path) bool { return stopped(p) && p.Purpose != purposeRTP }) {
		f.Severity, f.Variant = checks.Warning, "rtp"
	}
	return f
}

// rearming is about a subject that failed, and will again: freeing it alone
// does not last. While a ban is in force, the log hears nothing of it, so silence
// since then says nothing.
func rearming(s Subject, hit []Block) (checks.Finding, bool) {
	if s.Failing == nil || s.Failing.Count == 0 || len(hit) == 0 {
		return checks.Finding{}, false
	}
	x := s.Failing
	f := checks.Finding{
		ID: "blocked.rearming", Severity: checks.Warning, Confidence: checks.Possible,
		Args: words.Args{
			"who": who(s), "account": cmp.Or(x.Account, "none"), "reason": cmp.Or(strings.ReplaceAll(x.Reason, " ", "-"), "none"),
			"rearms": x.Rearms, "count": x.Count, "span": platform.Seconds(max(0, x.SpanS)), "last": x.Last.UTC().Format("15:04:05 UTC"), "since_ban": x.SinceBan,
		},
	}
	if x.Rearms {
		f.Confidence = checks.Likely
	}
	if !repeated(s.Blocks, x.Lines) {
		for _, l := range x.Lines {
			f.Evidence = append(f.Evidence, checks.Proof(words.Say("blocked.evidence.log", nil), nil, l))
		}
	}
	return f, true
}

// repeated reports whether all lines are among the reasons of a block: they
// have been shown.
func repeated(blocks []Block, lines []string) bool {
	for _, l := range lines {
		if !slices.ContainsFunc(blocks, func(b Block) bool { return slices.Contains(b.Reasons, l) }) {
			return false
		}
	}
	return true
}

// close reports whether half of a limit is reached. What is past it has led to
// a ban that somebody lifted: that count began anew.
func (n Near) close() bool { return n.Count*2 >= n.Limit && n.Count < n.Limit }

// nearBan is about a subject that is let in and close to a limit.
func nearBan(s Subject) (checks.Finding, bool) {
	i := slices.IndexFunc(s.Near, Near.close)
	if i < 0 {
		return checks.Finding{}, false
	}
	n := s.Near[i]
	f := checks.Finding{
		ID: "blocked.near", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"who": who(s), "count": n.Count, "limit": n.Limit, "name": n.Name, "layer": n.Layer, "left": max(n.Limit-n.Count, 1), "span": platform.Seconds(n.SpanS)},
	}
	for _, n := range s.Near {
		if n.close() {
			f.Evidence = append(f.Evidence, checks.Proof(n.Layer+" "+n.Name,
				words.Say("blocked.evidence.below", words.Args{"limit": n.Limit, "span": platform.Seconds(n.SpanS)}), n.Count))
		}
	}
	return f, true
}

// ineffective is about bans that stop nothing of what was asked about.
func ineffective(o Observed, s Subject) (checks.Finding, bool) {
	f := checks.Finding{ID: "blocked.ineffective", Severity: checks.Info, Confidence: checks.Certain}
	var names []string
	for _, b := range s.Blocks {
		if b.Effective || shownByOwner(s, b) || b.Layer == "asterisk-acl" {
			continue // an ACL of single extensions is how they are set, no ban
		}
		names = append(names, holder(b))
		got := any(strings.TrimSpace(b.Where + ": " + b.Object))
		if b.Why != "" {
			got = b.why(s)
		}
		f.Evidence = append(f.Evidence, checks.Proof(holder(b), words.Say("blocked.evidence.stops", nil), got))
	}
	slices.Sort(names)
	f.Args = words.Args{"who": who(s), "names": checks.FirstN(slices.Compact(names), maxNamed), "why": "none", "to": "none", "chain": "FORWARD"}
	if o.Machine.Docker {
		f.Args["chain"] = pbx.DockerUser
	}
	if i := slices.IndexFunc(s.Blocks, func(b Block) bool { return b.Misplaced }); i >= 0 {
		f.Args["why"] = s.Blocks[i].why(s) // a note shows its title alone
		if i := slices.IndexFunc(s.Paths, func(p Path) bool { return p.Onward }); i >= 0 {
			f.Severity, f.Args["to"] = checks.Warning, s.Paths[i].sentTo()
		}
	}
	return f, len(f.Evidence) > 0
}

// notExempt offers what keeps the subject from being banned again. It stands
// while the failures that led to the ban still count, so that it can be applied
// after the address was freed.
func notExempt(o Observed, s Subject, hit []Block) (checks.Finding, bool) {
	near := slices.IndexFunc(s.Near, func(n Near) bool { return n.Limit > 0 && n.Count*2 >= n.Limit })
	if len(hit) == 0 && near < 0 {
		return checks.Finding{}, false
	}
	list := exempt(o, s)
	if len(list) == 0 {
		return checks.Finding{}, false
	}
	f := checks.Finding{
		ID: "blocked.not-exempt", Severity: checks.Warning, Confidence: checks.Certain, Args: words.Args{"who": who(s)}, Fixes: list,
	}
	if len(hit) == 0 {
		n := s.Near[near]
		f.Variant, f.Args = "near", words.Args{"who": who(s), "count": n.Count, "limit": n.Limit, "name": n.Name, "layer": n.Layer}
	}
	return f, true
}
