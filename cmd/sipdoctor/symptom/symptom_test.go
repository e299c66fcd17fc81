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
				if groupOf(id) != group && (group != "pbx" || id != "logs") { // of which a PBX has some
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
		for _, a := range s.Steady {
			if a != "always" && !answers[a] {
				t.Errorf("%s: nobody can answer %q", s.ID, a)
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
		for _, s := range slices.Concat(c.Findings, c.Hints) {
			for _, v := range append(s.variants.list, "") {
				if !isFinding(s.ID, v) {
					t.Errorf("cause %s: there is no finding %s %s", id, s.ID, v)
				}
			}
		}
		for _, d := range c.DecidedBy {
			if groupOf(d.ID) == "" {
				t.Errorf("cause %s: there is no check %s", id, d.ID)
			}
		}
	}
}

// isFinding reports that a finding has this ID, with this variant or with any.
func isFinding(id, variant string) bool {
	if variant != "" {
		return slices.Contains(all.Book().IDs(), id+"."+variant+".title")
	}
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
	capture.calls capture.fax capture.fax-refused capture.others capture.proxied capture.scanner
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
		for _, f := range slices.Concat(c.Findings, c.Hints) {
			stands[f.ID] = true
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
		{"unavailable-503", "clean", nil, "server-trouble", checks.CauseOpen},
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

// What guides for users and runbooks of supporters advise is reached from the complaint.
func TestWhatGuidesAdviseIsReached(t *testing.T) {
	for _, c := range []struct{ symptom, cause, advice string }{
		{"delay", "wireless", "over a cable"},
		{"delay", "device", "another computer or a desk phone"},
		{"delay", "priority", "its own queue on the router"},
		{"delay", "delay", "another Internet access"},
		{"one-way-audio", "pbx-nat", "STUN server"},
		{"one-way-audio", "port-forward", "sipdoctor router"},
		{"echo", "headset", "not the one of the laptop"},
		{"echo", "device", "drivers of the sound card"},
		{"choppy", "codec-choice", "choose G.729"},
		{"choppy", "device", "firmware of the phone"},
		{"choppy", "loss", "another Internet access"},
		{"choppy", "far-end", "records calls, listen"},
		{"phones-offline", "udp-timeout", "register every 60 s"},
		{"phones-offline", "no-internet", ""},
		{"no-incoming-calls", "provider-routing", "assigned to this trunk or employee"},
		{"no-incoming-calls", "provider-routing", "SIM card"},
		{"no-incoming-calls", "dialplan", ""},
		{"no-outgoing-calls", "trunk", ""},
		{"no-outgoing-calls", "policy", "permitted directions"},
		{"not-registering", "credentials", ""},
		{"not-registering", "acl", "deny and permit"},
		{"not-registering", "phone-settings", "outbound proxy, transport"},
		{"not-registering", "banned", "sipdoctor why"},
		{"transfer", "dtmf-mode", "RFC 4733"},
		{"transfer", "trunk", ""},
		{"unavailable-503", "phones-gone", ""},
	} {
		s, _ := Get(c.symptom)
		has := slices.ContainsFunc(s.Causes, func(w weighted) bool { return w.Cause == c.cause })
		if !has || !strings.Contains(causes()[c.cause].Advice[words.English], c.advice) {
			t.Errorf("%s does not lead to %s, %q", c.symptom, c.cause, c.advice)
		}
	}
}
