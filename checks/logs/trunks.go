package logs

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// trunks are registrations at a provider that did not succeed.
func trunks(v *view) (out []checks.Finding) {
	good := map[string]time.Time{} // by server
	for _, c := range v.of(pbxlog.TrunkOK) {
		good[hostOf(c.Peer)] = c.Last
	}
	var order []string
	at := map[string][]Count{}
	for _, c := range v.of(pbxlog.Trunk) {
		if at[c.Account] == nil {
			order = append(order, c.Account)
		}
		at[c.Account] = append(at[c.Account], c)
	}
	for _, name := range order {
		out = append(out, v.trunk(name, at[name], good))
	}
	return out
}

func (v *view) trunk(name string, list []Count, good map[string]time.Time) checks.Finding {
	slices.SortStableFunc(list, func(a, b Count) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.N, a.N)) })
	// The latest line says how it stands. That it gave up has a reason, which stands
	// before.
	last := list[0]
	code, cause := last.Code, last.Cause
	for _, c := range list {
		if cause == "gave-up" && code == 0 && c.Cause != "gave-up" {
			code, cause = c.Code, c.Cause
		}
	}
	if cause == "gave-up" {
		if cause = "refused"; code == 0 {
			cause = "no-answer"
		}
	}
	if !slices.Contains([]string{"no-answer", "no-name", "password", "uri"}, cause) {
		cause = "refused" // or a word of another version
	}
	if cause == "refused" && (code == 401 || code == 403 || code == 407) {
		cause = "password"
	}
	server := last.Peer
	for _, c := range list {
		if server == "" {
			server = c.Peer
		}
	}
	f := checks.Finding{ID: "logs.trunk", Variant: cause, Severity: checks.Critical, Confidence: checks.Certain, Subject: clean(name), Evidence: v.proof(list...)}
	again := ""
	stopped := slices.ContainsFunc(list, func(c Count) bool { return c.Cause == "gave-up" })
	switch temporary := cause == "no-answer" || code >= 500 && clean(name) != name; {
	case good[hostOf(server)].After(last.Last):
		again = "told"
	case temporary && !stopped && last.Program == "" && v.oneLog() && v.o.End.Sub(last.Last) >= quiet:
		again = "quiet"
	}
	if again != "" {
		f.Severity = checks.Warning
	}
	meaning, _ := netinfo.ExplainSIP(code, "")
	f.Args = words.Args{"trunk": words.Raw(clean(name)), "server": words.Raw(hostOf(server)), "n": total(list), "when": span(list), "code": code, "meaning": meaning.Meaning,
		"next": meaning.Next, "stopped": stopped, "again": again}
	return f
}

// quiet is after how long without a further line a registration that was not answered, or
// answered with 5xx by PJSIP, is most likely in order: Asterisk tries again after 20 s
// (chan_sip) or 60 s (retry_interval of PJSIP) and writes a line each time, but PJSIP none
// of a success. An hour is longer than anybody sets these.
const quiet = time.Hour

// oneLog reports whether all files are pieces of one log, which then ends when v.o.End is.
func (v *view) oneLog() bool {
	return !slices.ContainsFunc(v.o.Files, func(f File) bool { return f.Stream != 0 })
}

// hostOf is the host of a SIP URI or of host:port.
func hostOf(s string) string {
	s = clean(s)
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	s, _, _ = strings.Cut(s, ";")
	if host, _, ok := strings.Cut(s, ":"); ok && !strings.Contains(host, "[") {
		s = host
	}
	return s
}

func clean(s string) string {
	return strings.TrimPrefix(strings.TrimPrefix(s, "sips:"), "sip:")
}

// everyday are answers to calls that are no fault: nobody is there, busy, declined or
// no longer called.
func everyday(code int) bool {
	switch code {
	case 480, 486, 487, 600, 603, 401, 407, 481, 491:
		return true
	}
	return code < 400
}

// answers are errors that the far end answered calls with.
func answers(v *view) (out []checks.Finding) {
	for _, c := range v.of(pbxlog.Answered) {
		if everyday(c.Code) {
			continue
		}
		meaning, _ := netinfo.ExplainSIP(c.Code, c.Peer)
		out = append(out, checks.Finding{
			ID: "logs.answers", Severity: checks.Warning, Confidence: checks.Certain, Subject: c.Addr.String(), Evidence: v.proof(c),
			Args: words.Args{"addr": c.Addr, "code": c.Code, "phrase": words.Raw(c.Peer), "n": c.N, "when": span([]Count{c}), "meaning": meaning.Meaning, "next": meaning.Next},
		})
	}
	return out
}
