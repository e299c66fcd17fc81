package ciscostate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/cisco"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary.
type Facts struct {
	Service    string `json:"service"` // up, shut, unknown
	Lines      int    `json:"lines"`   // that the gateway registers
	Registered int    `json:"registered"`
	Legs       int    `json:"call_legs"`
}

func judges() []func(*cisco.Shown) []checks.Finding {
	return []func(*cisco.Shown) []checks.Finding{serviceShut, transports, unregistered, silentLegs, retries, refusals, redirection, hops, timers}
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	s := &o.Shown
	j := checks.Judgement{Notes: words.Texts(o.Notes)}
	for _, look := range judges() {
		j.Findings = append(j.Findings, look(s)...)
	}
	checks.WorstFirst(j.Findings)
	f := Facts{Service: "unknown", Lines: len(s.Lines), Legs: len(s.Legs)}
	if s.Service != nil {
		f.Service = map[bool]string{true: "up", false: "shut"}[s.Service.Up]
	}
	for _, l := range s.Lines {
		if l.Registered {
			f.Registered++
		}
	}
	j.Facts = f
	j.Summary = words.Say("cisco-state.summary.fine", words.Args{"service": f.Service, "lines": f.Lines, "registered": f.Registered, "legs": f.Legs})
	switch {
	case len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info:
		j.Summary = j.Findings[0].Message()
	case !o.Read:
		j.Summary, j.Skip = words.Say("cisco-state.summary.nothing", nil), words.Say("cisco-state.skip.no-text", nil)
	case !s.Says():
		j.Summary, j.Inconclusive = words.Say("cisco-state.summary.unknown", nil), words.Say("cisco-state.reason.unknown", nil)
	}
	return j
}

// What IOS calls the sections of its statistics, and a user agent.
const (
	clientError   = "client error"
	serverError   = "server error"
	globalFailure = "global failure"
	miscellaneous = "miscellaneous counters"
	agentFor      = "SIP User Agent for "
)

const mostRows = 8

func quote(command string, rows ...cisco.Row) (list []checks.Evidence) {
	for _, r := range rows[:min(len(rows), mostRows)] {
		list = append(list, checks.Proof(words.Say("cisco-state.evidence.row", words.Args{"command": command, "line": r.Line}), nil, words.Raw(r.Text)))
	}
	if more := len(rows) - mostRows; more > 0 {
		list = append(list, checks.Proof(words.Say("cisco-state.evidence.more", nil), nil, more))
	}
	return list
}

// serviceShut is about a gateway whose SIP an administrator has switched off.
func serviceShut(s *cisco.Shown) []checks.Finding {
	if s.Service == nil || s.Service.Up {
		return nil
	}
	id := "start-sip-call-service"
	if s.Service.Globally {
		id = "start-voip-service"
	}
	return []checks.Finding{{
		ID: "cisco-state.service-shut", Severity: checks.Critical, Confidence: checks.Certain,
		Args:     words.Args{"forced": s.Service.Forced, "globally": s.Service.Globally},
		Evidence: quote(cisco.ShowService, s.Service.Row), Fixes: fixes.ByID("cisco-ios", id, nil),
	}}
}

// transports are the user agents for UDP and TCP: with neither no SIP comes in.
func transports(s *cisco.Shown) []checks.Finding {
	var off []string
	var rows []cisco.Row
	on := false
	for _, x := range s.Status {
		name, ok := strings.CutPrefix(x.Label, agentFor)
		switch {
		case !ok:
		case strings.EqualFold(x.Value, "DISABLED"):
			off, rows = append(off, name), append(rows, x.Row)
		case name == "UDP" || name == "TCP":
			on = true
		}
	}
	if len(off) == 0 {
		return nil
	}
	f := checks.Finding{
		ID: "cisco-state.transport-off", Severity: checks.Info, Confidence: checks.Certain,
		Args: words.Args{"transports": named(off), "all": !on}, Evidence: quote(cisco.ShowStatus, rows...),
	}
	switch {
	case !on:
		f.Severity = checks.Critical
	case slices.Contains(off, "UDP"):
		f.Severity = checks.Warning // what most providers and phones use
	}
	return []checks.Finding{f}
}

// unregistered are numbers that the registrar has not accepted.
func unregistered(s *cisco.Shown) []checks.Finding {
	var names []string
	var rows []cisco.Row
	for _, l := range s.Lines {
		if !l.Registered {
			names, rows = append(names, l.Number), append(rows, l.Row)
		}
	}
	if len(names) == 0 {
		return nil
	}
	answered := s.Counter("success", "OkRegister").In
	tries, retried := s.Counter("traffic", "Register").Out, s.Counter("retry", "Register").In
	refused := s.Counter(clientError, "Forbidden").In + s.Counter(clientError, "NotFound").In
	return []checks.Finding{{
		ID: "cisco-state.unregistered", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{
			"n": len(names), "lines": len(s.Lines), "numbers": named(names), "counted": s.Has(cisco.ShowStatistics),
			"tries": tries, "retried": retried, "answered": answered, "refused": refused,
		},
		Evidence: quote(cisco.ShowRegister, rows...),
	}}
}

// talking is how old a call must be before silence in one direction is no matter
// of its first moments: ringing, an announcement that is still to come.
const talking = 10

// silentLegs send and get nothing, or get and send nothing.
func silentLegs(s *cisco.Shown) []checks.Finding {
	var deaf, dumb []cisco.Row
	for _, l := range s.Legs {
		switch {
		case l.Seconds < talking:
		case l.Tx > 0 && l.Rx == 0:
			deaf = append(deaf, l.Row)
		case l.Rx > 0 && l.Tx == 0:
			dumb = append(dumb, l.Row)
		}
	}
	if len(deaf)+len(dumb) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "cisco-state.one-way", Severity: checks.Warning, Confidence: checks.Likely,
		Args: words.Args{"received": len(deaf), "sent": len(dumb)}, Evidence: quote(cisco.ShowCalls, append(deaf, dumb...)...),
	}}
}

const (
	// fewRetries may come of a lost packet now and then.
	fewRetries = 3
	// retryShare is the share of requests that were sent again from which on more
	// than loss of packets is behind it: loss of 1 % is already bad for talk.
	retryShare = 0.05
)

// often reports whether n of all is a share that counts. Where nobody says how many
// there were in all, as in a part of the statistics, it is not known.
func often(n, all int, share float64) bool { return all > 0 && float64(n) >= share*float64(all) }

// retries are requests that were sent again because no answer came in time.
func retries(s *cisco.Shown) []checks.Finding {
	var out []checks.Finding
	for _, method := range []string{"Invite", "Register", "Bye"} {
		again, sent := s.Counter("retry", method), s.Counter("traffic", method)
		if again.In < fewRetries || !often(again.In, sent.Out, retryShare) {
			continue
		}
		out = append(out, checks.Finding{
			ID: "cisco-state.retries", Severity: checks.Warning, Confidence: checks.Likely, Subject: strings.ToUpper(method),
			Args:     words.Args{"method": strings.ToUpper(method), "again": again.In, "sent": sent.Out, "cleared": s.Cleared != ""},
			Evidence: quote(cisco.ShowStatistics, again.Row),
		})
	}
	if again := s.Counter("retry", "Response"); again.In >= fewRetries && often(again.In, s.Counter("traffic", "Invite").In, retryShare) {
		out = append(out, checks.Finding{
			ID: "cisco-state.responses-retried", Severity: checks.Warning, Confidence: checks.Likely,
			Args: words.Args{"again": again.In}, Evidence: quote(cisco.ShowStatistics, again.Row),
		})
	}
	return out
}

// everyday are refusals that belong to every day's calls: passwords asked for, busy
// phones, calls given up.
func everyday(name string) bool {
	switch strings.ToLower(name) {
	case "unauthorized", "proxyauthreqd", "busyhere", "requestcancel", "tempnotavailable", "busyeverywhere", "decline", "setoosmall":
		return true
	}
	return false
}

const (
	// fewRefusals may be wrong numbers.
	fewRefusals = 5
	// refusedShare is the share of calls and registrations that were refused from
	// which on it is no matter of single numbers.
	refusedShare = 0.1
)

// refusals are errors of the far end, or of this gateway, in numbers.
func refusals(s *cisco.Shown) []checks.Finding {
	for _, side := range []string{"in", "out"} {
		total, worst := 0, cisco.Count{}
		var rows []cisco.Row
		for _, c := range s.Counters {
			if c.Section != clientError && c.Section != serverError && c.Section != globalFailure || everyday(c.Name) {
				continue
			}
			n, most := c.In, worst.In
			if side == "out" {
				n, most = c.Out, worst.Out
			}
			if n == 0 {
				continue
			}
			total += n
			rows = append(rows, c.Row)
			if n > most {
				worst = c
			}
		}
		asked, n, options := s.Counter("traffic", "Invite").Out+s.Counter("traffic", "Register").Out, worst.In, s.Counter("traffic", "Options").Out
		if side == "out" {
			asked, n, options = s.Counter("traffic", "Invite").In, worst.Out, s.Counter("traffic", "Options").In
		}
		if total < fewRefusals || !often(total, asked, refusedShare) {
			continue
		}
		sure := checks.Likely
		if options >= total { // the counters do not tell what was refused, and many answer OPTIONS with an error
			sure = checks.Possible
		}
		rows = slices.CompactFunc(rows, func(a, b cisco.Row) bool { return a.Text == b.Text })
		return []checks.Finding{{
			ID: "cisco-state.refusals", Severity: checks.Warning, Confidence: sure,
			Args:     words.Args{"side": side, "n": total, "asked": asked, "worst": worst.Name, "times": n},
			Evidence: quote(cisco.ShowStatistics, rows...),
		}}
	}
	return nil
}

// redirection is about 3xx answers that are treated as refusals.
func redirection(s *cisco.Shown) []checks.Finding {
	for _, x := range s.Status {
		if strings.HasPrefix(x.Label, "Redirection") && strings.EqualFold(x.Value, "DISABLED") {
			return []checks.Finding{{ID: "cisco-state.redirection-off", Severity: checks.Info, Confidence: checks.Certain, Evidence: quote(cisco.ShowStatus, x.Row)}}
		}
	}
	for _, name := range []string{"RedirectRspMappedToClientErr", "RedirectResponseMappedToClientError"} {
		if c := s.Counter(miscellaneous, name); c.In > 0 {
			return []checks.Finding{{ID: "cisco-state.redirection-off", Severity: checks.Info, Confidence: checks.Certain, Evidence: quote(cisco.ShowStatistics, c.Row)}}
		}
	}
	return nil
}

// hops are so few that a call between two providers may not get through. RFC 3261,
// section 8.1.1.6, recommends 70.
func hops(s *cisco.Shown) []checks.Finding {
	for _, x := range s.Status {
		if strings.EqualFold(x.Label, "SIP max-forwards") && digits.MatchString(x.Value) {
			return []checks.Finding{{ID: "cisco-state.max-forwards", Severity: checks.Info, Confidence: checks.Possible, Args: words.Args{"n": x.Value}, Evidence: quote(cisco.ShowStatus, x.Row)}}
		}
	}
	return nil
}

// digits is a number below 10.
var digits = regexp.MustCompile(`^\d$`)

// usual are the timers of IOS as they are delivered, in milliseconds. trying,
// connect and the others are T1 of RFC 3261, section 17.1.1.1.
func usual(name string) int {
	switch name {
	case "trying", "connect", "disconnect", "comet", "prack", "rel1xx", "notify", "refer", "register", "info", "options", "update", "subscribe":
		return 500
	case "expires":
		return 180000
	}
	return 0
}

// timers are those that somebody has changed.
func timers(s *cisco.Shown) []checks.Finding {
	var changed []string
	var rows []cisco.Row
	severity := checks.Info
	short := false
	for _, t := range s.Timers {
		want := usual(t.Name)
		if want == 0 || t.Value == want {
			continue
		}
		changed = append(changed, t.Name)
		if !slices.ContainsFunc(rows, func(r cisco.Row) bool { return r == t.Row }) {
			rows = append(rows, t.Row)
		}
		if t.Name == "expires" && t.Value < shortRing {
			short, severity = true, checks.Warning
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "cisco-state.timers-changed", Severity: severity, Confidence: checks.Certain,
		Args: words.Args{"timers": named(changed), "short": short}, Evidence: quote(cisco.ShowTimers, rows...),
	}}
}

// shortRing is how long a call must be allowed to ring, in milliseconds: voicemail
// and queues answer within a minute.
const shortRing = 60_000

// named shows names that a stranger may have chosen.
func named(list []string) words.Text {
	var out []any
	for _, s := range list {
		if tame.MatchString(s) {
			out = append(out, s)
		} else {
			out = append(out, words.Raw(s))
		}
	}
	return checks.FirstN(out, 5)
}

var tame = regexp.MustCompile(`^[A-Za-z0-9_.+*#@-]{1,40}$`)
