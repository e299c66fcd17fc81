package sipalg_test

import (
	"bytes"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

// everything that a clean network lets through, the safest first.
var everyWay = []string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5060", "UDP 5080"}

func waysWithout(lost ...string) []string {
	return slices.DeleteFunc(slices.Clone(everyWay), func(w string) bool { return slices.Contains(lost, w) })
}

// diagnosis is what a report must say of a network.
type diagnosis struct {
	verdict  string
	codes    []sip.Code // must be among the changes
	findings []string
	works    []string // nil: chance decides
	status   checks.Status
}

func clean() diagnosis { return diagnosis{sipalg.None, nil, []string{}, everyWay, checks.Pass} }

func (d diagnosis) compare(t *testing.T, s seen) {
	t.Helper()
	if s.Verdict != d.verdict || s.result.Status != d.status {
		t.Errorf("verdict %s (%s), want %s (%s)", s.Verdict, s.result.Status, d.verdict, d.status)
	}
	got := s.codes()
	for _, c := range d.codes {
		if !slices.Contains(got, c) {
			t.Errorf("no %s among the changes %v", c, got)
		}
	}
	if len(d.codes) == 0 && len(got) > 0 {
		t.Errorf("changes where nothing was changed: %v", got)
	}
	if diff := cmp.Diff(d.findings, s.findings()); diff != "" {
		t.Errorf("findings: %s", diff)
	}
	if diff := cmp.Diff(d.works, s.Works); diff != "" && d.works != nil {
		t.Errorf("works today: %s", diff)
	}
	if (s.Verdict == sipalg.Inconclusive) != (s.result.Reason != "") {
		t.Errorf("verdict %s because of %q", s.Verdict, s.result.Reason)
	}
	// The check itself plus the session: an installer waits no longer.
	if s.took > 15*time.Second {
		t.Errorf("it took %s", s.took)
	}
	if t.Failed() {
		s.explain(t)
	}
}

func natRouter(algs ...checktest.ALG) checktest.RouterOptions {
	return checktest.RouterOptions{NAT: checktest.Linux(), ALGs: algs, Delay: 10 * time.Millisecond}
}

func TestEveryKindOfALGOnEveryPort(t *testing.T) {
	flow := []sip.Code{sip.ViaSentBy, sip.ContactChanged, sip.FromChanged}
	sdp := []sip.Code{sip.SDPOrigin, sip.SDPConnection, sip.ContentLength}
	undone := []sip.Code{sip.ReceivedReversed}
	kinds := map[string]struct {
		verdict, finding string
		status           checks.Status
		codes            []sip.Code
	}{
		"linux":         {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, slices.Concat(flow, sdp, undone)},
		"proxy":         {sipalg.Proxying, "sip-alg.proxying", checks.Fail, []sip.Code{sip.ViaAdded, sip.MaxForwards, sip.HeaderOrder, sip.HeaderCase, sip.SDPMediaPort}},
		"header-only":   {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, slices.Concat(flow, undone)},
		"regex":         {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, slices.Concat(flow, sdp, undone, []sip.Code{sip.CallID, sip.SDPAttribute, sip.Other})},
		"call-id":       {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, slices.Concat(flow, sdp, undone, []sip.Code{sip.CallID})},
		"pinhole":       {sipalg.PinholeOpen, "sip-alg.pinhole", checks.Warn, nil},
		"dropping":      {sipalg.Dropping, "sip-alg.dropping", checks.Fail, nil},
		"response-only": {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, undone},
		"one-way":       {sipalg.Rewriting, "sip-alg.rewriting", checks.Fail, slices.Concat(flow, sdp)},
	}
	places := map[string]struct {
		attach func(checktest.ALG) checktest.ALG
		spoilt []string // what no longer passes unchanged
	}{
		"on UDP 5060":    {func(a checktest.ALG) checktest.ALG { return a.On("udp", 5060) }, []string{"UDP 5060"}},
		"on UDP 5080":    {func(a checktest.ALG) checktest.ALG { return a.On("udp", 5080) }, []string{"UDP 5080"}},
		"on TCP 5060":    {func(a checktest.ALG) checktest.ALG { return a.On("tcp", 5060) }, []string{"TCP 5060"}},
		"on TCP 5080":    {func(a checktest.ALG) checktest.ALG { return a.On("tcp", 5080) }, []string{"TCP 5080"}},
		"on any port":    {func(a checktest.ALG) checktest.ALG { return a }, []string{"UDP 5060", "UDP 5080", "TCP 5060", "TCP 5080"}},
		"on source 5060": {func(a checktest.ALG) checktest.ALG { a.LocalPort = 5060; return a }, []string{"UDP 5060"}},
	}
	for _, alg := range checktest.ALGs() {
		for place, p := range places {
			t.Run(alg.Name+" "+place, func(t *testing.T) {
				k, ok := kinds[alg.Name]
				if !ok {
					t.Fatal("nobody says what this kind of ALG is called")
				}
				synctest.Test(t, func(t *testing.T) {
					n := newInternet(t, 1, natRouter(p.attach(alg)))
					n.respond()
					want := diagnosis{k.verdict, k.codes, []string{k.finding}, waysWithout(p.spoilt...), k.status}
					if k.verdict == sipalg.PinholeOpen {
						want.works = everyWay // nothing is rewritten
					}
					want.compare(t, n.check())
				})
			})
		}
	}
}

// An office is a network and what a technician calls its fault.
type network struct {
	router checktest.RouterOptions
	before func(*internet) // what else is there
	want   diagnosis
}

func (c network) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, c.router)
		n.respond()
		if c.before != nil {
			c.before(n)
		}
		c.want.compare(t, n.check())
	})
}

func tableOf(t *testing.T, networks map[string]network) {
	for name, c := range networks {
		t.Run(name, c.run)
	}
}

func through(nat *checktest.NAT, rules ...checktest.Rule) checktest.RouterOptions {
	return checktest.RouterOptions{NAT: nat, Rules: rules, Delay: 10 * time.Millisecond}
}

// A NAT translates below SIP. Whatever its kind, it is no ALG, and that RTP
// gets in somewhere is no pinhole unless it gets in nowhere else.
func TestWhatIsNoALG(t *testing.T) {
	fullCone := &checktest.NAT{}
	tableOf(t, map[string]network{
		"an ordinary router":                    {router: natRouter(), want: clean()},
		"a full-cone NAT":                       {router: through(fullCone), want: clean()},
		"a restricted-cone NAT":                 {router: through(&checktest.NAT{Filtering: checktest.AddressDependent}), want: clean()},
		"a symmetric NAT":                       {router: through(checktest.Symmetric()), want: clean()},
		"a symmetric NAT that keeps the parity": {router: through(&checktest.NAT{Mapping: checktest.AddressDependent, Filtering: checktest.AddressAndPortDependent, Ports: checktest.ParityPorts}), want: clean()},
		"no NAT and no filter":                  {router: through(nil), want: clean()},
		"no NAT, a stateful firewall":           {router: checktest.RouterOptions{Stateful: true}, want: clean()},

		"two lines that take turns": {
			router: checktest.RouterOptions{NAT: &checktest.NAT{Filtering: checktest.AddressAndPortDependent, Arbitrary: true}, OutsideAddrs: []string{publicAddr, "203.0.113.77"}},
			// The responder calls nobody at an address that did not show itself.
			want: diagnosis{sipalg.None, nil, []string{}, nil, checks.Pass}},
		"a router that forgets flows within 3 s": {router: through(&checktest.NAT{Filtering: checktest.AddressAndPortDependent, Timeout: 3 * time.Second, AssuredTimeout: 3 * time.Second}), want: clean()},
		"an ALG on a port that nobody uses":      {router: natRouter(checktest.LinuxALG().On("udp", 5062)), want: clean()},
		"a routed line with an ALG that rewrites nothing for want of a NAT": {
			router: checktest.RouterOptions{ALGs: []checktest.ALG{checktest.OneWayALG()}}, want: clean()},
		"an office line 300 ms away": {router: checktest.RouterOptions{NAT: checktest.Linux(), Delay: 150 * time.Millisecond}, want: clean()},
		"a softphone owns port 5060": {router: natRouter(), before: (*internet).softphone, want: clean()},
	})
}

// softphone takes the phone's port 5060 for itself.
func (n *internet) softphone() {
	n.Helper()
	c, err := n.phone.OpenUDP(n.Context(), netip.MustParseAddrPort("0.0.0.0:5060"))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = c.Close() })
}

// what begins like a SIP message of the given kind.
func starts(words ...string) func([]byte) bool {
	return func(b []byte) bool {
		return slices.ContainsFunc(words, func(w string) bool { return bytes.HasPrefix(b, []byte(w+" ")) })
	}
}

// afterTheFirst matches every SIP message but the first of each probe.
func afterTheFirst() func([]byte) bool {
	token := regexp.MustCompile(`sdt[0-9a-z]{20,}`)
	seen := map[string]bool{}
	return func(b []byte) bool {
		t := string(token.Find(b))
		again := seen[t]
		seen[t] = t != ""
		return again
	}
}

func TestHowSIPIsStopped(t *testing.T) {
	udp := func(words ...string) checktest.Rule { return checktest.Rule{Proto: "udp", Content: starts(words...)} }
	inward := func(r checktest.Rule) checktest.Rule { r.Inward = true; return r }
	at := func(port uint16, r checktest.Rule) checktest.Rule { r.Port = port; return r }
	tcp := func(r checktest.Rule) checktest.Rule { r.Proto = "tcp"; return r }
	dropping := func(works []string) diagnosis {
		return diagnosis{sipalg.Dropping, nil, []string{"sip-alg.dropping"}, works, checks.Fail}
	}
	blocked := func(verdict string, status checks.Status, works []string) diagnosis {
		return diagnosis{verdict, nil, []string{"sip-alg.port-blocked"}, works, status}
	}
	router := func(rules ...checktest.Rule) checktest.RouterOptions { return through(checktest.Linux(), rules...) }
	noUDP := waysWithout("UDP 5060", "UDP 5080")
	no5060 := waysWithout("UDP 5060", "TCP 5060")
	tableOf(t, map[string]network{
		"calls vanish, registrations pass":      {router: router(udp("INVITE")), want: dropping(noUDP)},
		"only OPTIONS vanish":                   {router: router(udp("OPTIONS")), want: dropping(noUDP)},
		"only SUBSCRIBE to 5060 vanishes":       {router: router(at(5060, udp("SUBSCRIBE"))), want: dropping(waysWithout("UDP 5060"))},
		"only the end of calls vanishes":        {router: router(at(5060, udp("BYE"))), want: dropping(waysWithout("UDP 5060"))},
		"only OPTIONS vanish, over TCP":         {router: router(tcp(udp("OPTIONS"))), want: dropping(waysWithout("TCP 5060"))},
		"registrations vanish, calls pass":      {router: router(udp("REGISTER")), want: dropping(noUDP)},
		"calls vanish over TCP":                 {router: router(tcp(udp("INVITE"))), want: dropping(waysWithout("TCP 5060", "TCP 5080"))},
		"registrations vanish over TCP":         {router: router(tcp(udp("REGISTER"))), want: dropping(waysWithout("TCP 5060", "TCP 5080"))},
		"the answers vanish":                    {router: router(inward(udp("SIP/2.0"))), want: dropping(noUDP)},
		"the answers from port 5060 vanish":     {router: router(at(5060, inward(udp("SIP/2.0")))), want: dropping(waysWithout("UDP 5060"))},
		"the answers vanish over TCP":           {router: router(tcp(inward(udp("SIP/2.0")))), want: dropping(waysWithout("TCP 5060", "TCP 5080"))},
		"all SIP is refused with an ICMP error": {router: router(checktest.Rule{Proto: "udp", Content: checktest.LooksLikeSIP, Action: checktest.Reject}), want: dropping(noUDP)},
		"answers to incoming calls vanish":      {router: router(udp("SIP/2.0")), want: dropping(noUDP)},
		"incoming calls from port 5060 vanish":  {router: router(at(5060, inward(udp("INVITE")))), want: dropping(waysWithout("UDP 5060"))},
		"incoming calls vanish":                 {router: router(inward(udp("INVITE"))), want: dropping(noUDP)},
		"port 5060 is closed":                   {router: router(checktest.Rule{Port: 5060}), want: blocked(sipalg.Inconclusive, checks.Fail, no5060)},
		"port 5060 is prohibited":               {router: router(checktest.Rule{Port: 5060, Action: checktest.Reject}), want: blocked(sipalg.Inconclusive, checks.Fail, no5060)},
		"port 5060 is refused":                  {router: router(checktest.Rule{Port: 5060, Action: checktest.Refuse}), want: blocked(sipalg.Inconclusive, checks.Fail, no5060)},
		"answers from port 5060 are closed":     {router: router(checktest.Rule{Proto: "udp", Port: 5060, Inward: true}), want: blocked(sipalg.Inconclusive, checks.Fail, waysWithout("UDP 5060"))},
		"source port 5060 is closed":            {router: router(checktest.Rule{Proto: "udp", Near: 5060}), want: diagnosis{sipalg.None, nil, []string{"sip-alg.port-blocked"}, waysWithout("UDP 5060"), checks.Warn}},
		// Whose firewall it is, the responder's or ours, nothing here can tell.
		"UDP is closed altogether": {router: router(checktest.Rule{Proto: "udp"}),
			want: diagnosis{sipalg.Inconclusive, nil, []string{}, noUDP, checks.Inconclusive}},
		"TCP is closed altogether": {router: router(checktest.Rule{Proto: "tcp"}), want: blocked(sipalg.None, checks.Warn, []string{"UDP 5060", "UDP 5080"})},
		"TLS is closed":            {router: router(checktest.Rule{Proto: "tcp", Port: 5061}), want: blocked(sipalg.None, checks.Warn, waysWithout("TLS 5061"))},
		"one answer for each question": {router: router(inward(checktest.Rule{Proto: "udp", Content: afterTheFirst()})),
			// Repetitions are lost, and nothing else.
			want: clean()},
		"everything but HTTPS to us is closed": {router: router(checktest.Rule{Proto: "tcp", Port: 8765, Action: checktest.Accept}, checktest.Rule{}), want: diagnosis{sipalg.Inconclusive, nil, []string{}, []string{}, checks.Inconclusive}},
		"this machine's own filter stops UDP SIP": {router: router(), before: func(n *internet) {
			n.phone.BlockOutput(checktest.Rule{Proto: "udp", Port: 5060})
		}, want: diagnosis{sipalg.Inconclusive, nil, []string{}, waysWithout("UDP 5060"), checks.Inconclusive}},
	})
}

// A router with room for few flows drops what comes last, whatever it is.
func TestALimitOnFlowsIsNoClosedPort(t *testing.T) {
	for limit := 4; limit <= 32; limit += 2 {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := natRouter()
				r.StateLimit = limit
				n := newInternet(t, uint64(limit), r)
				n.respond()
				s := n.check()
				if len(s.findings()) > 0 || s.Verdict != sipalg.None && s.Verdict != sipalg.Inconclusive {
					t.Errorf("verdict %s, findings %v", s.Verdict, s.findings())
					s.explain(t)
				}
			})
		})
	}
}

// What is lost whatever it holds is lost because of its size.
func TestLargeDatagramsThatVanishAreNoALG(t *testing.T) {
	large := func(b []byte) bool { return len(b) >= 650 }
	for name, rules := range map[string][]checktest.Rule{
		"on the way out":  {{Proto: "udp", Content: large}},
		"both ways":       {{Proto: "udp", Content: large}, {Proto: "udp", Content: large, Inward: true}},
		"to port 5060":    {{Proto: "udp", Content: large, Port: 5060}},
		"in answers only": {{Proto: "udp", Content: func(b []byte) bool { return len(b) >= 600 }, Inward: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, through(checktest.Linux(), rules...))
				n.respond()
				s := n.check()
				if len(s.findings()) > 0 || s.result.Status != checks.Inconclusive || !strings.Contains(s.result.Reason, "large datagrams are lost") {
					t.Errorf("status %s, findings %v, reason %q", s.result.Status, s.findings(), s.result.Reason)
					s.explain(t)
				}
			})
		})
	}
}

func TestALGsInOtherPlaces(t *testing.T) {
	inwardCalls := checktest.LinuxALG()
	inwardCalls.Way = checktest.InwardCalls
	rewriting := func(codes []sip.Code, spoilt ...string) diagnosis {
		return diagnosis{sipalg.Rewriting, codes, []string{"sip-alg.rewriting"}, waysWithout(spoilt...), checks.Fail}
	}
	tableOf(t, map[string]network{
		"only incoming calls are rewritten": {router: natRouter(inwardCalls),
			want: rewriting([]sip.Code{sip.RequestURI, sip.ToChanged, sip.ContactChanged, sip.SDPConnection}, "UDP 5060", "UDP 5080")},
		"a stateful firewall that opens ports": {
			router: checktest.RouterOptions{Stateful: true, ALGs: []checktest.ALG{checktest.LinuxALG()}},
			want:   diagnosis{sipalg.PinholeOpen, nil, []string{"sip-alg.pinhole"}, everyWay, checks.Warn}},
		"a helper behind a symmetric NAT": {
			router: checktest.RouterOptions{NAT: checktest.Symmetric(), ALGs: []checktest.ALG{checktest.LinuxALG().On("udp", 5060)}},
			want:   rewriting([]sip.Code{sip.ViaSentBy, sip.ContactChanged, sip.SDPConnection}, "UDP 5060")},
		"a helper behind a full-cone NAT": {
			router: checktest.RouterOptions{NAT: &checktest.NAT{}, ALGs: []checktest.ALG{checktest.LinuxALG().On("udp", 5060)}},
			want:   rewriting([]sip.Code{sip.ViaSentBy, sip.ContactChanged, sip.SDPConnection}, "UDP 5060")},
		"a helper and a filter that drops incoming calls": {
			router: checktest.RouterOptions{NAT: checktest.Linux(), ALGs: []checktest.ALG{checktest.LinuxALG().On("udp", 5060)},
				Rules: []checktest.Rule{{Inward: true, Proto: "udp", Content: starts("INVITE")}}},
			want: diagnosis{sipalg.Rewriting, []sip.Code{sip.ViaSentBy}, []string{"sip-alg.rewriting", "sip-alg.dropping"}, waysWithout("UDP 5060", "UDP 5080"), checks.Fail}},
		"two helpers in a row": {
			router: natRouter(checktest.LinuxALG().On("udp", 5060), checktest.CallIDALG().On("udp", 5060)),
			want:   rewriting([]sip.Code{sip.ViaSentBy, sip.CallID}, "UDP 5060")},
		"a helper that only rewrites, on TCP with the answers": {
			router: natRouter(checktest.ResponseALG().On("tcp", 0)), want: rewriting([]sip.Code{sip.ReceivedReversed}, "TCP 5060", "TCP 5080")},
		"a helper, while a softphone owns port 5060": {
			router: natRouter(checktest.LinuxALG().On("udp", 5060)), before: (*internet).softphone,
			want: rewriting([]sip.Code{sip.ViaSentBy}, "UDP 5060")},
	})
}
