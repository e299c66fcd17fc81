package sipalg

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// loses makes a probe one that nobody heard of again.
func loses(p *Probe) { *p = lost(*p) }

// udp5060 picks outbound probes of UDP port 5060.
func udp5060(fits func(p *Probe) bool, r network) network {
	return func(p *Probe) {
		if p.Transport == "udp" && p.Port == 5060 && !p.Inbound && fits(p) {
			r(p)
		}
	}
}

// tries makes every n-th probe need two tries: a line on which one of n+1
// tries is lost.
func tries(n int) network {
	return func(p *Probe) {
		if p.Answered && p.ID%n == 0 {
			p.Tries = 2
		}
	}
}

// Silence is judged by how much of it there is, how bad the line is otherwise,
// and what became of the controls.
func TestWhenSilenceProvesSomething(t *testing.T) {
	clear := func(message, source string) func(*Probe) bool {
		return func(p *Probe) bool {
			return !p.Masked && (message == "" || p.Message == message) && (source == "" || p.Source == source)
		}
	}
	masked := func(source string) func(*Probe) bool {
		return func(p *Probe) bool { return p.Masked && p.Source == source }
	}
	calls := func(maskedPass bool, only int) network {
		return func(p *Probe) {
			if p.Inbound && (only == 0 || p.Port == only) && !(maskedPass && p.Masked) {
				*p = lost(*p)
				p.Tries, p.ReplySent = 4, Wire("INVITE")
			}
		}
	}
	for name, c := range map[string]struct {
		rules    []network
		verdict  string
		findings []string
	}{
		"registrations are lost on a good line": {
			[]network{udp5060(clear("REGISTER", ""), loses)}, Dropping, []string{"sip-alg.dropping"}},
		"they pass from source port 5060 only": {
			[]network{udp5060(clear("REGISTER", "fresh"), loses)}, Dropping, []string{"sip-alg.dropping"}},
		"only OPTIONS are lost": {
			[]network{udp5060(clear("OPTIONS", ""), loses)}, Dropping, []string{"sip-alg.dropping"}},
		"calls are lost, and so are as many bytes that are no SIP": {
			[]network{udp5060(func(p *Probe) bool { return p.Message == "INVITE" }, loses)}, Inconclusive, []string{}},
		"registrations are lost, and every second try of the rest": {
			[]network{tries(1), udp5060(clear("REGISTER", ""), loses)}, Inconclusive, []string{}},
		"registrations are lost, and a good fifth of the other tries": {
			[]network{tries(7), tries(4), udp5060(clear("REGISTER", ""), loses)}, Dropping, []string{"sip-alg.dropping"}},
		"all SIP is lost, and every fifth try of the rest": {
			[]network{tries(4), udp5060(clear("", ""), loses)}, Dropping, []string{"sip-alg.dropping"}},
		"a message and its own control are lost, on its flow and on a fresh one": {
			[]network{udp5060(func(p *Probe) bool { return p.Message == "OPTIONS" && p.Source == "fresh" }, loses)}, Inconclusive, []string{}},
		"OPTIONS are lost on their flow, and pass from a fresh port": {
			[]network{udp5060(func(p *Probe) bool { return p.Message == "OPTIONS" && !p.Masked && !p.Again }, loses)}, Dropping, []string{"sip-alg.dropping"}},
		"nothing passes from source port 5060": {
			[]network{udp5060(func(p *Probe) bool { return p.Source == "5060" }, loses)}, None, []string{"sip-alg.port-blocked"}},
		"nothing passes from any other source port": {
			[]network{udp5060(func(p *Probe) bool { return p.Source == "fresh" }, loses)}, Inconclusive, []string{"sip-alg.port-blocked"}},
		"SIP is lost on a bad line, and all else but from source port 5060": {
			[]network{tries(1), udp5060(clear("", ""), loses), udp5060(masked("fresh"), loses)}, Inconclusive, []string{"sip-alg.port-blocked"}},
		"calls from outside are lost":            {[]network{calls(true, 0)}, Dropping, []string{"sip-alg.dropping"}},
		"calls to port 5060 are lost":            {[]network{calls(true, 5060)}, Dropping, []string{"sip-alg.dropping"}},
		"calls to port 5080 are lost":            {[]network{calls(true, 5080)}, Dropping, []string{"sip-alg.dropping"}},
		"calls are lost, and so are masked ones": {[]network{calls(false, 0)}, None, []string{}},
		"calls are lost on a bad line":           {[]network{tries(1), calls(true, 5060)}, None, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(visit(append([]network{passes}, c.rules...)...), office)
			if f := factsOf(t, j); f.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s: %s", f.Verdict, c.verdict, english(j.Summary))
			}
			if d := cmp.Diff(c.findings, ids(j)); d != "" {
				t.Errorf("findings: %s", d)
			}
		})
	}
}

// What is dropped is named once a message, and a call from outside apart from
// our own.
func TestWhichMessagesAreDropped(t *testing.T) {
	calls := func(p *Probe) {
		if p.Inbound && !p.Masked {
			*p = lost(*p)
			p.Tries, p.ReplySent = 4, Wire("INVITE")
		}
	}
	ours := udp5060(func(p *Probe) bool { return p.Message == "INVITE" && !p.Masked }, loses)
	r := resultOf(t, visit(passes, calls, ours), office)
	if d := cmp.Diff([]string{"sip-alg.dropping critical certain"}, found(r)); d != "" || r.Status != checks.Fail {
		t.Fatalf("%s: %s", r.Status, d)
	}
	var got []string
	for _, e := range r.Findings[0].Evidence {
		got = append(got, e.Name)
	}
	if d := cmp.Diff([]string{"UDP 5060 INVITE", "UDP 5060 incoming INVITE", "UDP 5080 incoming INVITE", "UDP 8765 incoming INVITE"}, got); d != "" {
		t.Error(d)
	}
}

func TestMessagesThatAreDroppedAlikeAreShownTogether(t *testing.T) {
	r := resultOf(t, visit(passes, on("udp", 5060, true, func(p *Probe) { *p = lost(*p) })), office)
	var got []string
	for _, e := range r.Findings[0].Evidence {
		got = append(got, e.Name+": "+e.Got)
	}
	want := []string{"UDP 5060 INVITE, REGISTER, OPTIONS, SUBSCRIBE, BYE: none of 10 tries arrived, while the same bytes were answered when masked"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// An ALG that has just been turned off keeps the flow of the fixed port; one that
// works is met from every port, or on another destination port.
func TestAFlowThatKeepsTheALGIsNamed(t *testing.T) {
	from5060 := func(p *Probe) bool { return p.Source == "5060" }
	for name, tt := range map[string]struct {
		rules []network
		want  string
	}{
		"the old flow alone":        {[]network{passes, udp5060(from5060, rewrites)}, "from-5060"},
		"every flow":                {[]network{passes, on("udp", 5060, true, rewrites)}, ""},
		"fresh flows alone":         {[]network{passes, udp5060(func(p *Probe) bool { return !from5060(p) }, rewrites)}, ""},
		"the old flow and TCP":      {[]network{passes, udp5060(from5060, rewrites), on("tcp", 5060, true, rewrites)}, ""},
		"fresh flows are not heard": {[]network{silent, on("tcp", 0, false, passes), udp5060(from5060, passes), udp5060(from5060, rewrites)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(visit(tt.rules...), office)
			i := slices.IndexFunc(j.Findings, func(f checks.Finding) bool { return f.ID == "sip-alg.rewriting" })
			if i < 0 || j.Findings[i].Variant != tt.want {
				t.Errorf("%+v", j.Findings)
			}
		})
	}
}

func TestTheBlockedSourcePortIsNamed(t *testing.T) {
	for source, want := range map[string]string{
		"5060":  "UDP 5060 blocked from source port 5060; UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean",
		"fresh": "UDP 5060 blocked from any source port but 5060; UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean",
	} {
		j := alone(visit(passes, udp5060(func(p *Probe) bool { return p.Source == source }, loses)), office)
		if d := cmp.Diff(want, english(j.Summary)); d != "" {
			t.Error(d)
		}
	}
}
