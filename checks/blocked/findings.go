package blocked

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/platform"
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
	if f, ok := sentNowhere(s); ok {
		list = append(list, f)
	}
	if f, ok := byAddress(s); ok {
		list = append(list, f)
	}
	if f, ok := nearBan(s); ok && len(hit) == 0 {
		list = append(list, f)
	}
	if f, ok := notExempt(o, s, hit); ok {
		list = append(list, f)
	}
	if f, ok := rearming(s, hit); ok {
		list = append(list, f)
	}
	if f, ok := ineffective(o, s); ok {
		list = append(list, f)
	}
	if f, ok := goingOn(s); ok {
		list = append(list, f)
	}
	return list
}

// banned is about something that names the subject and stops its packets.
func banned(o Observed, s Subject, hit []Block, verdict string) checks.Finding {
	f := checks.Finding{
		ID: "blocked.banned", Severity: checks.Critical, Confidence: checks.Certain,
		Title: who(s) + " is blocked" + byWhom(s),
	}
	switch verdict {
	case verdictPartly:
		f.Title = who(s) + " is blocked on some ports" + byWhom(s)
	case verdictUnknown: // what holds it hangs on what the rules do not tell
		f.Severity, f.Confidence, f.Title = checks.Warning, checks.Likely, who(s)+" may be blocked"+byWhom(s)
	}
	var story []string
	for _, b := range hit {
		if t := span(b, o.When); t != "" && !kept(s, b) {
			story = append(story, holder(b)+" holds it "+t+".")
		}
	}
	if n := len(story); n > maxSpans {
		story = append(story[:maxSpans], fmt.Sprintf("%d more hold it as well.", n-maxSpans))
	}
	story = append(story, "Stopped: "+stoppedPorts(s)+".")
	if n := len(s.Phones); n > 1 {
		story = append(story, fmt.Sprintf("%d registered phones share this address and are all shut out: %s.", n, some(s.Phones, 6)))
	}
	if goesOn(s) {
		story = append(story, "Connections that exist already go on: the rule comes after the one that accepts them. A phone that registers again from a new port is stopped.")
	}
	f.Explanation = strings.Join(story, " ")
	f.Evidence = evidence(s, hit)
	f.Fixes = freeEverywhere(o, s)
	f.Advice = adviceOf(s, hit)
	return f
}

// maxSpans is how many layers are told with their times in a sentence each.
const maxSpans = 2

// goesOn reports whether connections that exist already are spared by
// everything that stops new ones.
func goesOn(s Subject) bool {
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
func who(s Subject) string {
	if len(s.Roles) == 0 {
		return short(s.Address)
	}
	return short(s.Address) + " (" + some(s.Roles, 3) + ")"
}

func holder(b Block) string {
	if b.Jail != "" {
		return b.Layer + " (" + b.Jail + ")"
	}
	return b.Layer
}

// span words since when and until when a block holds.
func span(b Block, now time.Time) string {
	var words []string
	if !b.Since.IsZero() {
		words = append(words, "since "+b.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	switch {
	case b.Permanent:
		words = append(words, "for good")
	case !b.Until.IsZero():
		left := "until " + b.Until.UTC().Format("2006-01-02 15:04:05 UTC")
		if d := b.Until.Sub(now); d > 0 && !now.IsZero() {
			left += ", " + about(d) + " more"
		}
		words = append(words, left)
	}
	return strings.Join(words, " ")
}

// about words a duration as people say it.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// stoppedPorts lists what does not get through.
func stoppedPorts(s Subject) string {
	var words []string
	for _, p := range s.Paths {
		if stopped(p) {
			w := strings.ToUpper(p.Protocol) + " " + p.Ports
			if p.Direction == out {
				w = "this machine's own packets from " + w
			}
			if p.Sources != "" {
				w += " from " + p.Sources
			}
			if len(p.At) > 0 {
				w += " at " + joinAddrs(p.At)
			}
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "everything, behind the packet filter"
	}
	var once []string
	for _, w := range words {
		if !slices.Contains(once, w) {
			once = append(once, w)
		}
	}
	return some(once, maxStopped)
}

// maxStopped keeps what is stopped of a whole network within two lines.
const maxStopped = 6

// maxReasons is how many log lines of one ban are shown: the first tells who
// failed and why, and a third only repeats it.
const maxReasons = 2

// evidence shows the deciding rules, each with all it stops, and what each
// layer holds.
func evidence(s Subject, hit []Block) (list []checks.Evidence) {
	rules := map[string]bool{}
	for _, p := range s.Paths {
		if !stopped(p) {
			continue
		}
		rules[p.Rule] = true
		ports := strings.ToUpper(p.Protocol) + " " + p.Ports
		got := p.Verdict + " by " + p.Table + ": " + p.Rule
		i := slices.IndexFunc(list, func(e checks.Evidence) bool { return e.Got == got })
		switch {
		case i < 0:
			list = append(list, checks.Evidence{Name: ports, Want: "accept", Got: got})
		case !strings.Contains(list[i].Name, ports):
			list[i].Name += ", " + ports
		}
	}
	for _, b := range hit {
		if kept(s, b) {
			continue // its owner is shown
		}
		if !rules[b.Object] { // a rule that decided has been shown
			list = append(list, checks.Evidence{Name: holder(b), Got: strings.TrimSpace(b.Where + ": " + b.Object)})
		}
		list = append(list, because(b.Reasons)...)
	}
	return list
}

// because shows the newest reasons, the same one once.
func because(reasons []string) (list []checks.Evidence) {
	for _, r := range slices.Backward(reasons) {
		i := slices.IndexFunc(list, func(e checks.Evidence) bool { return e.Got == r })
		if i < 0 && len(list) < maxReasons {
			list = append(list, checks.Evidence{Name: "because", Got: r})
		}
	}
	slices.Reverse(list)
	return list
}

func adviceOf(s Subject, hit []Block) (list []string) {
	if slices.ContainsFunc(hit, func(b Block) bool { return b.Layer == "fail2ban" && b.Jail == "recidive" }) {
		list = append(list, "recidive bans those that were banned before: unbanning in the SIP jail alone does not help.")
	}
	if i := slices.IndexFunc(s.Blocks, func(b Block) bool { return b.Layer == "fail2ban" && b.Asleep }); i >= 0 {
		list = append(list, "fail2ban is not running. When it starts, it bans the address again from its database; then run: fail2ban-client set "+s.Blocks[i].Jail+" unbanip "+short(s.Blocks[i].Prefix))
	}
	counted := func(b Block) bool { return b.Owner == "freepbx" && b.Layer == bans.LayerRecent }
	if slices.ContainsFunc(hit, counted) {
		list = append(list, "FreePBX's responsive firewall counts packets of addresses that it does not know. If this is an office of yours, trust its network (Connectivity, Firewall, Networks): then it is not counted.")
	}
	if slices.ContainsFunc(hit, func(b Block) bool { return b.Owner == "freepbx" && !counted(b) }) {
		list = append(list, "FreePBX loads its firewall again from its own lists: take the address off there too (Connectivity, Firewall, Blacklist), or it comes back.")
	}
	return append(list, "Do not: flush the firewall or turn fail2ban off; scanners find an open PBX within hours.")
}

// notLetIn is about a subject that nobody banned and no rule lets in.
func notLetIn(o Observed, s Subject) checks.Finding {
	f := checks.Finding{
		ID: "blocked.not-let-in", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "The firewall does not let " + who(s) + " in on " + stoppedPorts(s),
		Explanation: "No ban names this address: the packets fall through to a rule or policy that stops them. " +
			"A rule that accepts them is missing, or stands behind the one that stops.",
		Evidence: evidence(s, nil),
	}
	if onlyRTP(s) {
		f.Severity = checks.Warning
		f.Title = "RTP from " + who(s) + " is let in only as an answer: " + stoppedPorts(s) + " is closed"
		f.Explanation = "Calls work as long as the PBX sends the first packet of each stream, for the firewall then takes what comes back for an answer. " +
			"Where the other side sends first, or from another address than it named, the caller is not heard."
	}
	f.Fixes = letIn(o, s)
	return f
}

func onlyRTP(s Subject) bool {
	return !slices.ContainsFunc(s.Paths, func(p Path) bool { return stopped(p) && p.Purpose != purposeRTP })
}

// rearming is about a subject that failed, and will again: freeing it alone
// does not last. While a ban bites, the log hears nothing of it, so silence
// since then says nothing.
func rearming(s Subject, hit []Block) (checks.Finding, bool) {
	if s.Failing == nil || s.Failing.Count == 0 || len(hit) == 0 {
		return checks.Finding{}, false
	}
	x := s.Failing
	what := "it"
	if x.Account != "" {
		what = "extension " + x.Account
	}
	reason := ""
	if x.Reason != "" {
		reason = " (" + x.Reason + ")"
	}
	f := checks.Finding{
		ID: "blocked.rearming", Severity: checks.Warning, Confidence: checks.Possible,
		Title: who(s) + " may be banned again: " + what + " failed " + times(x.Count) + reason,
	}
	if x.Rearms {
		f.Confidence, f.Title = checks.Likely, who(s)+" will be banned again: "+what+" keeps failing"+reason
	}
	f.Explanation = fmt.Sprintf("The log has %s of it%s, the last at %s.", failures(x.Count), within(x.SpanS), x.Last.UTC().Format("15:04:05 UTC"))
	if x.SinceBan > 0 {
		f.Explanation += fmt.Sprintf(" %d came after the ban began.", x.SinceBan)
	}
	if !repeated(s.Blocks, x.Lines) {
		for _, l := range x.Lines {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: "log", Got: l})
		}
	}
	f.Advice = []string{"Correct the password on the phone, or in the PBX, before the address is freed."}
	return f, true
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func failures(n int) string {
	if n == 1 {
		return "one failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// within words the time from the first to the last of several.
func within(spanS int64) string {
	if spanS < 1 {
		return ""
	}
	return " within " + about(platform.Seconds(spanS))
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
		Title: fmt.Sprintf("%s is close to a ban: %d of %d in %s (%s)", who(s), n.Count, n.Limit, n.Name, n.Layer),
		Explanation: fmt.Sprintf("%d more within %s and it is blocked. A phone with a wrong password, or many phones behind one address, get there quickly.",
			max(n.Limit-n.Count, 1), about(platform.Seconds(n.SpanS))),
	}
	for _, n := range s.Near {
		if n.close() {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: n.Layer + " " + n.Name, Want: fmt.Sprintf("below %d within %s", n.Limit, about(platform.Seconds(n.SpanS))), Got: fmt.Sprint(n.Count)})
		}
	}
	return f, true
}

// ineffective is about bans that stop nothing of what was asked about.
func ineffective(o Observed, s Subject) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "blocked.ineffective", Severity: checks.Info, Confidence: checks.Certain,
		Explanation: "What a ban stops is decided by the rule it leads to: its protocol, its ports, and what is accepted before it.",
	}
	var names []string
	for _, b := range s.Blocks {
		if b.Effective || kept(s, b) || b.Layer == "asterisk-acl" {
			continue // an ACL of single extensions is how they are set, no ban
		}
		names = append(names, holder(b))
		f.Evidence = append(f.Evidence, checks.Evidence{Name: holder(b), Want: "stops SIP or RTP", Got: orElse(b.Why, strings.TrimSpace(b.Where+": "+b.Object))})
	}
	if i := slices.IndexFunc(s.Paths, func(p Path) bool { return p.Onward }); i >= 0 && slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Misplaced }) {
		f.Severity = checks.Warning
		chain := "FORWARD"
		if o.Machine.Docker {
			chain = dockerUser
		}
		f.Advice = []string{"A ban on what is sent on to " + s.Paths[i].SentTo + " must stand in " + chain + ": for fail2ban, set chain = " + chain + " in the jail."}
	}
	slices.Sort(names)
	f.Title = "A ban on " + who(s) + " does not bite: " + some(slices.Compact(names), 3)
	for _, b := range s.Blocks {
		if b.Misplaced {
			f.Title += " (" + b.Why + ")" // a note shows its title alone
			break
		}
	}
	return f, len(f.Evidence) > 0
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
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
	title := "Nothing keeps " + who(s) + " from being banned again"
	if len(hit) == 0 {
		n := s.Near[near]
		title = fmt.Sprintf("%s is close to a ban, and nothing exempts it: %d of %d in %s (%s)", who(s), n.Count, n.Limit, n.Name, n.Layer)
	}
	return checks.Finding{
		ID: "blocked.not-exempt", Severity: checks.Warning, Confidence: checks.Certain,
		Title: title,
		Explanation: "If the address is yours, your provider's or a branch office's, exempt it once for all. " +
			"Do not exempt the address of a phone that roams.",
		Fixes: list,
	}, true
}
