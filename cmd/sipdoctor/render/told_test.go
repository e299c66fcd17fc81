package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func textOf(t *testing.T, o TextOptions, list ...checks.Finding) string {
	t.Helper()
	r := &checks.Report{Verdict: checks.Fail, Results: []checks.Result{{Check: "sip-alg", Status: checks.Fail, Findings: list}}}
	var b bytes.Buffer
	if err := Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whoever does not know the router reads first how to find out, not what eight
// makers call the switch.
func TestTheNextStepComesBeforeTheMenusOfOtherMakers(t *testing.T) {
	for _, l := range words.Languages() {
		f := fixes.For(fixes.SIPALG, nil, nil)[0]
		f.Say(l)
		alg := checks.Finding{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "X", Fixes: []fixes.Fix{f}}
		short := textOf(t, TextOptions{Lang: l, Width: 160}, alg)
		if !strings.Contains(short, f.Commands[0]) || strings.Contains(short, "NAT Passthrough") || !strings.Contains(short, "ASUS, Fortinet FortiGate") {
			t.Errorf("%s:\n%s", l, short)
		}
		if long := textOf(t, TextOptions{Lang: l, Width: 160, Verbose: true}, alg); !strings.Contains(long, "ASUS: WAN > NAT Passthrough") {
			t.Errorf("%s with --verbose:\n%s", l, long)
		}
	}
}

// A cure, a proof or a piece of advice that helps against two faults is told
// once, and how to verify alternatives as well.
func TestNothingIsToldTwice(t *testing.T) {
	tls := fixes.Fix{Title: "Move to TLS", Where: "phone", Form: fixes.FormAdvice, Commands: []string{"Set TLS"}, Verify: []string{"sipdoctor check sip-alg"}}
	rule := fixes.Fix{Title: "Allow SIP", Where: "router", Form: fixes.FormAdvice, Commands: []string{"Allow 5060"}, Verify: []string{"It rings", "sipdoctor check sip-alg"}}
	proof := []checks.Evidence{{Name: "router 2", Want: "a public address", Got: "100.64.0.1"}}
	first := checks.Finding{ID: "a", Severity: checks.Critical, Title: "A", Evidence: proof, Fixes: []fixes.Fix{rule, tls}, Advice: []string{"Works today: TLS."}}
	second := checks.Finding{ID: "b", Severity: checks.Critical, Title: "B", Evidence: proof, Fixes: []fixes.Fix{tls}, Advice: []string{"Works today: TLS."}}
	out := textOf(t, TextOptions{}, first, second)
	for text, times := range map[string]int{
		"Set TLS": 1, "100.64.0.1": 1, "Works today": 1, "It rings": 1, "sipdoctor check sip-alg": 1,
		"proof: as in 1": 1, "On the phones: Move to TLS (as in 1)": 1,
	} {
		if n := strings.Count(out, text); n != times {
			t.Errorf("%q %d times, not %d", text, n, times)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// A proof with nothing to compare has no label, and its words stay whole in 40
// columns.
func TestAProofThatStandsAlone(t *testing.T) {
	f := checks.Finding{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "X", Evidence: []checks.Evidence{
		{Name: "не переписано", Got: "Call-ID, a=rtcp: по-прежнему 192.168.88.10, сообщение противоречит само себе"},
		{Name: "TCP 443", Want: "connected", Got: "connected"},
	}}
	out := textOf(t, TextOptions{Width: 40, Lang: words.Russian}, f)
	for _, want := range []string{"противоречит", "192.168.88.10", "     TCP 443"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(out, "получено") || strings.Count(out, "connected") != 1 {
		t.Error("a label, or the same value twice")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// "not told: X: X" says X once, and a proof is not repeated in the line of the
// check.
func TestAFactIsSaidOnce(t *testing.T) {
	proof := []checks.Finding{{Evidence: []checks.Evidence{{Name: "UDP 5060", Got: "nothing passes on this port"}}}}
	for _, tt := range []struct {
		name, want string
		res        checks.Result
	}{
		{"a reason that begins like the summary", "not told: no UDP arrives, on any port", checks.Result{Summary: "not told: no UDP arrives", Reason: "no UDP arrives, on any port"}},
		{"the same twice", "no answer", checks.Result{Summary: "no answer", Reason: "no answer"}},
		{"two facts", "no answer: asked 5 times", checks.Result{Summary: "no answer", Reason: "asked 5 times"}},
		{"a reason that is evidence", "UDP 5060 blocked", checks.Result{Summary: "UDP 5060 blocked", Reason: "UDP 5060: nothing passes on this port", Findings: proof}},
	} {
		if got := newPage(nil, TextOptions{}).fact(tt.res, TextOptions{}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAPortStaysWithItsTransport(t *testing.T) {
	if got := Wrap("Use TLS 5061 or IP > Firewall", 8); strings.Join(got, "|") != "Use|TLS 5061|or IP >|Firewall" {
		t.Errorf("%q", got)
	}
}

// A bar of RTP ports that is too wide has fewer marks, each the worst of those
// it stands for: one blocked port must not vanish on a narrow terminal.
func TestTheBarOfPortsFitsThePage(t *testing.T) {
	bar := "10000 [" + strings.Repeat("#", 20) + "." + strings.Repeat("#", 20) + "<?<####] 65535"
	f := checks.Finding{ID: "rtp-ports.blocked-return", Severity: checks.Critical, Title: "X", Evidence: []checks.Evidence{{Name: "at a glance", Got: bar}}}
	for width, want := range map[int]string{
		160: "     at a glance  " + bar + "\n",
		80:  "     at a glance  " + bar + "\n",
		40:  "     at a glance\n       10000 [########.#######<<#] 65535\n",
	} {
		if out := textOf(t, TextOptions{Width: width}, f); !strings.Contains(out, want) {
			t.Errorf("%d columns: no %q in\n%s", width, want, out)
		}
	}
	stranger := checks.Finding{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "X", Evidence: []checks.Evidence{{Name: "header", Got: bar}}}
	if out := textOf(t, TextOptions{Width: 40}, stranger); strings.Count(out, "#") != 44 {
		t.Errorf("what a stranger sent is shortened:\n%s", out)
	}
}

// An address stays whole on a narrow page, and so does a command.
func TestWordsAreNotBroken(t *testing.T) {
	f := checks.Finding{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "X", Evidence: []checks.Evidence{{Name: "Via", Want: "203.0.113.1", Got: "received=192.168.188.110"}}}
	if out := textOf(t, TextOptions{Width: 40}, f); !strings.Contains(out, "\n       arrived  received=192.168.188.110\n") {
		t.Errorf("the address is broken:\n%s", out)
	}
	if out := textOf(t, TextOptions{Width: 40, Lang: words.Russian}, f); !strings.Contains(out, "\n       получено:\n         received=192.168.188.110\n") {
		t.Errorf("the address is broken:\n%s", out)
	}
	if got := Wrap(`Start one outside: "sipdoctor serve"; RFC 4787, section 4.1`, 36); strings.Join(got, "|") != `Start one outside:|"sipdoctor serve"; RFC 4787,|section 4.1` {
		t.Errorf("%q", got)
	}
}
