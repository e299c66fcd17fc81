package sipalg_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

const modemAddr = "192.168.1.1"

// behindAModem puts a second router in front of the office's: the office's own
// has the address 192.168.1.2 on its outer side, the modem translates again.
func behindAModem(t *testing.T, office, modem checktest.RouterOptions) *internet {
	t.Helper()
	w := checktest.New(1)
	t.Cleanup(w.Close)
	n := &internet{T: t, world: w}
	n.lan = w.Segment("192.168.88.0/24")
	between := w.Segment("192.168.1.0/24")
	n.outside = w.Segment("203.0.113.0/24", "198.51.100.0/24")
	office.Inside, office.InsideAddrs, office.Outside, office.OutsideAddrs = n.lan, []string{routerAddr}, between, []string{"192.168.1.2"}
	modem.Inside, modem.InsideAddrs, modem.Outside, modem.OutsideAddrs = between, []string{modemAddr}, n.outside, []string{publicAddr}
	n.phone, n.router = n.lan.Host(phoneAddr), w.Router(office)
	w.Router(modem)
	n.responder = n.outside.Host(responderAddr, secondAddr)
	n.network = n.phone
	n.inputs.NoPublic = true
	n.serve(n.outside, sipAddr, checktest.SIPOptions{})
	n.serveSTUN()
	return n
}

// Between two NATs the answers of a server show nothing of an ALG in the first
// box. The modem behind it does: it quotes what it got.
func TestTheNextRouterQuotesWhatTheALGDid(t *testing.T) {
	withALG := natRouter(checktest.LinuxALG())
	contactOnly := checktest.ALG{Name: "contact", Rewrite: checktest.Contact, Way: checktest.OutwardOnly}
	quiet := natRouter()
	quiet.Quiet = true
	short := natRouter()
	short.QuoteBytes = 28
	for name, c := range map[string]struct {
		office, modem checktest.RouterOptions
		verdict       string
		status        checks.Status
		title, reason string
	}{
		"an ALG in the router":         {withALG, natRouter(), sipalg.Rewriting, checks.Fail, "outer address 192.168.1.2", ""},
		"it changes the Contact alone": {natRouter(contactOnly), natRouter(), sipalg.Rewriting, checks.Fail, "outer address 192.168.1.2", ""},
		"an ALG in the modem":          {natRouter(), withALG, sipalg.NoSign, checks.Inconclusive, "", "second NAT"},
		"no ALG":                       {natRouter(), natRouter(), sipalg.NoSign, checks.Inconclusive, "", "second NAT"},
		"a modem that says nothing":    {withALG, quiet, sipalg.NoSign, checks.Inconclusive, "", ""},
		"a modem that quotes little":   {withALG, short, sipalg.NoSign, checks.Inconclusive, "", "second NAT"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := behindAModem(t, c.office, c.modem).check()
				if s.Verdict != c.verdict || s.result.Status != c.status || !strings.Contains(s.result.Reason, c.reason) {
					t.Errorf("%s (%s): %s; %s", s.Verdict, s.result.Status, s.result.Summary, s.result.Reason)
				}
				i := slices.IndexFunc(s.result.Findings, func(f checks.Finding) bool { return f.ID == "sip-alg.rewriting" })
				if (i >= 0) != (c.title != "") {
					t.Fatalf("findings %v", s.findings())
				}
				if i < 0 {
					return
				}
				fd := s.result.Findings[i]
				if !strings.Contains(fd.Title, c.title) || fd.Confidence != checks.Certain {
					t.Errorf("%s: %q", fd.Confidence, fd.Title)
				}
				if !slices.ContainsFunc(fd.Evidence, func(e checks.Evidence) bool {
					return strings.Contains(e.Name, "Contact as received by "+modemAddr) && strings.Contains(e.Got, "192.168.1.2")
				}) {
					t.Errorf("evidence %+v", fd.Evidence)
				}
			})
		})
	}
}

// With one NAT the provider's first router shows what the office's did, even
// where no answer repeats it, and the office's own quote says that it did not
// come changed to it.
func TestTheProvidersRouterShowsTheOfficesOwn(t *testing.T) {
	contactOnly := checktest.ALG{Name: "contact", Rewrite: checktest.Contact, Way: checktest.OutwardOnly}
	for name, c := range map[string]struct {
		router  checktest.RouterOptions
		verdict string
		title   string
	}{
		"it changes the Contact": {natRouter(contactOnly), sipalg.Rewriting, "A SIP ALG in your router rewrites SIP messages"},
		"it changes nothing":     {natRouter(), sipalg.NoSign, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := checktest.New(1)
				t.Cleanup(w.Close)
				n := &internet{T: t, world: w}
				n.lan, n.outside = w.Segment("192.168.88.0/24"), w.Segment("198.51.100.0/24")
				line := w.Segment("203.0.113.0/24")
				office := c.router
				office.Inside, office.InsideAddrs, office.Outside, office.OutsideAddrs = n.lan, []string{routerAddr}, line, []string{publicAddr}
				n.phone, n.router = n.lan.Host(phoneAddr), w.Router(office)
				w.Router(checktest.RouterOptions{Inside: line, InsideAddrs: []string{"203.0.113.254"}, Outside: n.outside, OutsideAddrs: []string{"198.51.100.1"}})
				n.network, n.inputs.NoPublic = n.phone, true
				n.serve(n.outside, sipAddr, checktest.SIPOptions{})
				n.serveSTUN()
				s := n.check()
				if s.Verdict != c.verdict || len(s.result.Findings) > 0 != (c.title != "") || strings.Contains(s.result.Reason, "second NAT") {
					t.Errorf("%s (%s) %v: %s", s.Verdict, s.result.Status, s.findings(), s.result.Reason)
				}
				if c.title != "" && len(s.result.Findings) > 0 && s.result.Findings[0].Title != c.title {
					t.Errorf("%q", s.result.Findings[0].Title)
				}
			})
		})
	}
}

// A question that is quoted must not reach the server.
func TestTheQuotedQuestionsDieOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := behindAModem(t, natRouter(), natRouter())
		far := n.outside.Host("198.51.100.40")
		var heard *checktest.Server
		heard, err := checktest.ServeSIP(n.Context(), far, checktest.SIPOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n.Cleanup(heard.Close)
		n.inputs.SIPServers = []string{"198.51.100.40"}
		n.check()
		udp := 0
		for _, h := range heard.Requests() {
			if h.Transport == checktest.UDP && h.From.Addr() == netip.MustParseAddr(publicAddr) {
				udp++
			}
		}
		if udp > 3 { // the question, its control, and the one of TTL 3 that just reaches this near server
			t.Errorf("%d questions over UDP", udp)
		}
	})
}
