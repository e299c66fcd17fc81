package symptom

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func groupOf(id string) string {
	for _, c := range all.Checks() {
		if c.ID == id {
			return c.Group
		}
	}
	return ""
}

func TestTheTablesNameWhatThereIs(t *testing.T) {
	used := map[string]bool{}
	for _, s := range All() {
		if len(s.Questions) > 3 || len(s.Causes) < 3 {
			t.Errorf("%s: %d questions, %d causes", s.ID, len(s.Questions), len(s.Causes))
		}
		for group, list := range map[string][]string{"office": s.Office, "pbx": s.PBX} {
			for _, id := range list {
				if groupOf(id) != group {
					t.Errorf("%s: %s is no check of the group %s", s.ID, id, group)
				}
			}
		}
		answers := map[string]bool{}
		for _, q := range s.Questions {
			for _, a := range q.Answers {
				answers[q.ID+"."+a.ID] = true
			}
		}
		for _, w := range s.Causes {
			used[w.Cause] = true
			if causes()[w.Cause].ID == "" || w.Weight < 1 || w.Weight > 100 {
				t.Errorf("%s: cause %q, weight %d", s.ID, w.Cause, w.Weight)
			}
			for a := range w.If {
				if !answers[a] {
					t.Errorf("%s, %s: nobody can answer %q", s.ID, w.Cause, a)
				}
			}
		}
	}
	for id, c := range causes() {
		if !used[id] || !c.Title.Says() || !c.Advice.Says() {
			t.Errorf("cause %s: used %v, title %q, advice %q", id, used[id], c.Title, c.Advice)
		}
		for _, f := range c.Findings {
			if !isFinding(f) {
				t.Errorf("cause %s: there is no finding %s", id, f)
			}
		}
		for _, d := range c.DecidedBy {
			if groupOf(d) == "" {
				t.Errorf("cause %s: there is no check %s", id, d)
			}
		}
	}
}

// isFinding reports that a finding has this ID, with a variant or without.
func isFinding(id string) bool {
	return slices.ContainsFunc(all.Book().IDs(), func(x string) bool {
		return strings.HasPrefix(x, id+".") && strings.HasSuffix(x, ".title") && strings.Count(strings.TrimPrefix(x, id), ".") <= 2
	})
}

// behindNoComplaint are the findings that explain none of the complaints: they are
// about safety, about what is to come, or about the measurement itself.
var behindNoComplaint = strings.Fields(`
	allow-list.contradictory-advice allow-list.country allow-list.phone-settings
	asterisk-config.anonymous asterisk-config.guests asterisk-config.identify-everyone asterisk-config.mailbox-context asterisk-config.mwi-twice
	asterisk-config.open asterisk-config.open-trunk asterisk-config.rtp-default asterisk-config.shared-password asterisk-config.untranslated
	asterisk-config.weak-password asterisk-state.ice-without-stun
	blocked.connection-goes-on blocked.ineffective blocked.other-address
	capture.calls capture.fax capture.fax-refused capture.others capture.scanner
	cisco-state.max-forwards cisco-state.redirection-off cisco-state.timers-changed
	fail2ban.empty-journal fail2ban.ignores-all fail2ban.log-empty fail2ban.log-format fail2ban.log-missing fail2ban.log-no-failures
	fail2ban.log-not-written fail2ban.no-action fail2ban.no-effect fail2ban.no-logs fail2ban.not-running fail2ban.not-seen
	fail2ban.ports-open fail2ban.set-forgets fail2ban.some-no-effect
	logs.answers logs.manager logs.mwi logs.no-files logs.no-hint logs.scanner
	nat.parity nat.responder-unreached routeros.dns-open routeros.management-open routeros.never-matches routeros.sip-open
	rtp-ports.conf signalling.account-left signalling.account-open signalling.tls-expires-soon uplink.ipv4-over-ipv6
`)

// A finding that is new stands with its cause, or on the list above.
func TestEveryFindingIsACauseOfSomething(t *testing.T) {
	stands := map[string]bool{}
	for _, c := range causes() {
		for _, f := range c.Findings {
			stands[f] = true
		}
	}
	found := map[string]bool{}
	for _, id := range all.Book().IDs() {
		base, ok := strings.CutSuffix(id, ".title")
		parts := strings.SplitN(base, ".", 3)
		if !ok || len(parts) < 2 {
			continue
		}
		f := parts[0] + "." + parts[1]
		found[f] = true
		if listed := slices.Contains(behindNoComplaint, f); listed == stands[f] {
			t.Errorf("%s: behind a complaint %v, on the list of those that are not %v", f, stands[f], listed)
		}
	}
	for _, f := range behindNoComplaint {
		if !found[f] {
			t.Errorf("there is no finding %s", f)
		}
	}
}

// People say it in many ways, and in two languages.
func TestComplaintsAreUnderstood(t *testing.T) {
	for said, want := range map[string]string{
		"one-way-audio": "one-way-audio", "one way audio": "one-way-audio", "they cannot hear me": "one-way-audio", "One-Way Audio!": "one-way-audio",
		"односторонняя слышимость": "one-way-audio", "клиент меня не слышит": "one-way-audio",
		"no audio": "no-audio", "dead air": "no-audio", "нет звука": "no-audio", "тишина в трубке": "no-audio",
		"calls drop after 30 seconds": "drops-after-30-s", "the call is cut off after 32 seconds": "drops-after-30-s", "вызов обрывается через 30 секунд": "drops-after-30-s",
		"call drops after 15 minutes": "drops-after-15-min", "обрыв через 15 минут": "drops-after-15-min",
		"no incoming calls": "no-incoming-calls", "нет входящих": "no-incoming-calls", "не проходят входящие звонки": "no-incoming-calls",
		"phones do not register": "not-registering", "not registering": "not-registering", "телефон не регистрируется": "not-registering",
		"choppy voice": "choppy", "robotic sound": "choppy", "голос прерывается": "choppy", "echo": "echo", "слышу эхо": "echo",
		"delay": "delay", "большая задержка": "delay", "dtmf does not work": "dtmf", "не работает донабор": "dtmf", "ivr": "dtmf",
		"transfer fails": "transfer", "перевод не работает": "transfer", "phones go offline": "phones-offline", "телефоны отваливаются": "phones-offline",
		"busy tone": "busy-tone", "короткие гудки": "busy-tone", "403": "forbidden-403", "403 Forbidden": "forbidden-403", "404": "not-found-404", "503 Service Unavailable": "unavailable-503",
		"сервис недоступен 503": "unavailable-503",
	} {
		var got []string
		for _, s := range Find(said) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%q is taken for %v, want %s", said, got, want)
		}
	}
	for _, said := range []string{"", "hello", "the phones", "1", "привет"} {
		if got := Find(said); len(got) > 0 {
			t.Errorf("%q is taken for %s", said, got[0].ID)
		}
	}
}

func weighed(t *testing.T, id string, answers map[string]string, results ...checks.Result) *checks.Symptom {
	t.Helper()
	r := &checks.Report{Symptom: &checks.Symptom{ID: id, Answers: answers}, Results: results}
	Weigh(r, words.English)
	return r.Symptom
}

func find(check string, status checks.Status, id string, severity checks.Severity, confidence checks.Confidence) checks.Result {
	return checks.Result{Check: check, Status: status, Findings: []checks.Finding{{ID: id, Severity: severity, Confidence: confidence}}}
}

func state(x *checks.Symptom, cause string) checks.CauseState {
	for _, c := range x.Causes {
		if c.ID == cause {
			return c.State
		}
	}
	return ""
}

func TestWhatRulesACauseOut(t *testing.T) {
	alg := func(verdict string) any { return map[string]any{"verdict": verdict} }
	for name, c := range map[string]struct {
		results []checks.Result
		want    checks.CauseState
	}{
		"nothing ran":                         {nil, checks.CauseOpen},
		"it passed":                           {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}}, checks.CauseExcluded},
		"a server echoes nothing changed":     {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("no-sign")}}, checks.CauseOpen},
		"it could not be told":                {[]checks.Result{{Check: "sip-alg", Status: checks.Inconclusive, Facts: alg("inconclusive")}}, checks.CauseOpen},
		"it was skipped":                      {[]checks.Result{{Check: "sip-alg", Status: checks.Skip}}, checks.CauseOpen},
		"another check's failure explains it": {[]checks.Result{{Check: "sip-alg", Status: checks.Fail, ExplainedBy: "uplink", Facts: alg("none")}}, checks.CauseOpen},
		"nobody that was named was asked":     {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Unasked: true, Facts: alg("none")}}, checks.CauseOpen},
		"it is there":                         {[]checks.Result{find("sip-alg", checks.Fail, "sip-alg.rewriting", checks.Critical, checks.Certain)}, checks.CauseFound},
		"another check shows it":              {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}, find("routeros", checks.Warn, "routeros.sip-helper", checks.Warning, checks.Likely)}, checks.CauseFound},
		"something worth knowing is no proof": {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}, find("routeros", checks.Pass, "routeros.sip-helper", checks.Info, checks.Certain)}, checks.CauseOpen},
	} {
		if got := state(weighed(t, "one-way-audio", nil, c.results...), "sip-alg"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// Two checks decide together.
	ports, media := checks.Result{Check: "rtp-ports", Status: checks.Pass}, checks.Result{Check: "media", Status: checks.Pass}
	if got := state(weighed(t, "no-audio", nil, ports), "rtp-blocked"); got != checks.CauseOpen {
		t.Errorf("without a call: %s", got)
	}
	if got := state(weighed(t, "no-audio", nil, ports, media), "rtp-blocked"); got != checks.CauseExcluded {
		t.Errorf("with a call: %s", got)
	}
	// What cannot be tested is never ruled out.
	for _, c := range weighed(t, "echo", nil, ports, media).Causes {
		if c.ID == "headset" && (c.State != checks.CauseOpen || c.Advice == "") {
			t.Errorf("headset: %+v", c)
		}
	}
}

// The surer proof comes first, and what the technician answered decides between
// the causes that are open.
func TestTheMostLikelyComesFirst(t *testing.T) {
	likely := find("nat", checks.Warn, "nat.mapping-varies", checks.Warning, checks.Likely)
	certain := find("rtp-ports", checks.Fail, "rtp-ports.blocked-outbound", checks.Critical, checks.Certain)
	if x := weighed(t, "one-way-audio", nil, likely, certain); x.Causes[0].ID != "rtp-blocked" || x.Causes[1].ID != "nat-mapping" || x.Causes[0].Confidence != checks.Certain {
		t.Errorf("got %+v", x.Causes[:2])
	}
	for answer, want := range map[string]string{"": "sip-alg", "one": "headset", "all": "sip-alg"} {
		answers := map[string]string{}
		if answer != "" {
			answers["one"] = answer
		}
		if x := weighed(t, "one-way-audio", answers); x.Causes[0].ID != want {
			t.Errorf("%q: %s, want %s", answer, x.Causes[0].ID, want)
		}
	}
	x := weighed(t, "echo", map[string]string{"who": "here"})
	if x.Causes[0].ID != "far-end" || x.Causes[0].Title == "" {
		t.Errorf("an echo heard here is made there: %+v", x.Causes[0])
	}
}

func TestASymptomOfANewerVersionIsLeftAlone(t *testing.T) {
	x := weighed(t, "smell", map[string]string{"a": "b"})
	if x.ID != "smell" || len(x.Causes) > 0 {
		t.Errorf("got %+v", x)
	}
	if r := (&checks.Report{}); func() bool { Weigh(r, words.English); return r.Symptom != nil }() {
		t.Error("a report without a complaint got one")
	}
}

// Offices of the lab with a known fault: each complaint is led to it, and in a
// clean office to what no check can test.
func TestFaultsOfTheLabAreFound(t *testing.T) {
	for _, c := range []struct {
		complaint, office string
		answers           map[string]string
		want              string
		state             checks.CauseState
	}{
		{"one-way-audio", "sip-alg", nil, "sip-alg", checks.CauseFound},
		{"one-way-audio", "rtp-return-blocked", nil, "rtp-blocked", checks.CauseFound},
		{"one-way-audio", "symmetric-nat", nil, "nat-mapping", checks.CauseFound},
		{"one-way-audio", "clean", map[string]string{"one": "one"}, "headset", checks.CauseOpen},
		{"no-audio", "rtp-blocked", nil, "rtp-blocked", checks.CauseFound},
		{"drops-after-30-s", "sip-alg", nil, "sip-alg", checks.CauseFound},
		{"drops-after-30-s", "clean", map[string]string{"audio": "yes"}, "ack-lost", checks.CauseOpen},
		{"drops-after-15-min", "udp-timeout", nil, "udp-timeout", checks.CauseFound},
		{"no-incoming-calls", "udp-timeout", nil, "udp-timeout", checks.CauseFound},
		{"no-incoming-calls", "fragments-dropped", nil, "large-messages", checks.CauseFound},
		{"not-registering", "sip-port-blocked", nil, "sip-blocked", checks.CauseFound},
		{"not-registering", "only-https", nil, "sip-blocked", checks.CauseFound},
		{"not-registering", "clean", map[string]string{"answer": "refused"}, "credentials", checks.CauseOpen},
		{"not-registering", "clean", map[string]string{"answer": "timeout", "one": "all"}, "banned", checks.CauseOpen},
		{"choppy", "lossy", nil, "loss", checks.CauseFound},
		{"choppy", "clean", map[string]string{"when": "busy"}, "priority", checks.CauseOpen},
		{"echo", "clean", map[string]string{"who": "there"}, "headset", checks.CauseOpen},
		{"delay", "clean", nil, "priority", checks.CauseOpen},
		{"dtmf", "clean", nil, "dtmf-mode", checks.CauseOpen},
		{"transfer", "sip-alg", nil, "sip-alg", checks.CauseFound},
		{"phones-offline", "udp-timeout", nil, "udp-timeout", checks.CauseFound},
		{"busy-tone", "clean", map[string]string{"when": "busy"}, "line-limit", checks.CauseOpen},
		{"forbidden-403", "clean", map[string]string{"what": "call"}, "policy", checks.CauseOpen},
		{"not-found-404", "clean", map[string]string{"what": "out"}, "dialplan", checks.CauseOpen},
		{"unavailable-503", "clean", nil, "trunk", checks.CauseOpen},
	} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "reports", "lab", c.office+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		r.Symptom = &checks.Symptom{ID: c.complaint, Answers: c.answers}
		Weigh(r, words.English)
		if got := r.Symptom.Causes[0]; got.ID != c.want || got.State != c.state {
			t.Errorf("%s in %s %v: %s %s, want %s %s", c.complaint, c.office, c.answers, got.ID, got.State, c.want, c.state)
		}
	}
}
