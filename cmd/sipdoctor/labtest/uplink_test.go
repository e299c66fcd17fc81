package labtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// However the Internet is gone, there is one finding, at uplink: no server is
// accused, and no resolver is recommended that was silent a second ago.
func TestNoInternetIsOneFinding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		break_ []string // on the router
		want   string   // the finding
		title  string
	}{
		"the router has no default route": {
			[]string{"ip route flush table main proto static", "ip route del default || true", "ip route add unreachable default"}, "uplink.no-internet", "no route to the Internet",
		},
		"the router drops everything": {
			[]string{"nft add table ip f", "nft 'add chain ip f fw { type filter hook forward priority -10; policy drop; }'"}, "uplink.no-internet", "Nothing outside this network answers",
		},
		"the router rejects everything": {
			[]string{"nft add table ip f", "nft 'add chain ip f fw { type filter hook forward priority -10; }'", "nft add rule ip f fw reject"}, "uplink.no-internet", "rejects all outbound traffic",
		},
		"the router resets connections and prohibits the rest": {
			[]string{
				"nft add table ip f", "nft 'add chain ip f fw { type filter hook forward priority -10; }'",
				"nft add rule ip f fw meta l4proto tcp reject with tcp reset", "nft add rule ip f fw reject with icmp admin-prohibited",
			}, "uplink.no-internet", "rejects all outbound traffic",
		},
		"the router is gone from the network": {
			[]string{"ip addr flush dev lan0 2>/dev/null || ip -o -4 addr | awk '/192.168.88.1\\//{print $2}' | xargs -I{} ip addr flush dev {}"}, "uplink.gateway-silent", "The gateway does not answer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, "nft")
			o := open(t, scenario(t, "clean"))
			shell(t, o.Routers[0], c.break_...)
			rep, exit := o.check(t, "--no-lookup", "--sip-server", lab.ResponderAddr, "--sip-server", "pbx.example.net")
			up := rep.Result("uplink")
			if exit != 1 || up.Status != checks.Fail || len(up.Findings) != 1 || up.Findings[0].ID != c.want || up.Findings[0].Severity != checks.Critical {
				t.Fatalf("exit %d, uplink %s %v\n%s", exit, up.Status, findings(rep), explain(rep))
			}
			if !strings.Contains(rep.Headline, c.title) {
				t.Errorf("headline %q", rep.Headline)
			}
			plainWords(t, rep)
			for _, r := range rep.Results {
				if r.Check == "uplink" || r.Status == checks.Skip {
					continue
				}
				if r.ExplainedBy != "uplink" || r.Status != checks.Inconclusive {
					t.Errorf("%s is %s, explained by %q", r.Check, r.Status, r.ExplainedBy)
				}
				for _, f := range r.Findings {
					if f.Severity != checks.Info {
						t.Errorf("%s still says %s %s: %s", r.Check, f.Severity, f.ID, f.Title)
					}
				}
			}
		})
	}
}

// goPhrases are what Go's own packages say about sockets and time.
var goPhrases = regexp.MustCompile(`context (deadline exceeded|canceled)|i/o timeout|\b(dial|read|write|listen) (udp|tcp)[46]? |sendmsg: |connect: |unexpected EOF|use of closed|x509: |tls: `)

// plainWords asserts that nothing in a report is in Go's words.
func plainWords(t *testing.T, rep *checks.Report) {
	t.Helper()
	raw, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	if at := goPhrases.FindIndex(raw); at != nil {
		t.Errorf("the report says …%s…", raw[max(0, at[0]-150):min(len(raw), at[1]+50)])
	}
}

// Where only the DNS servers are gone, they are the cause.
func TestDeadDNSExplainsWhatCouldNotBeLookedUp(t *testing.T) {
	t.Parallel()
	need(t, "nft")
	o := open(t, scenario(t, "clean"))
	for _, n := range append(slices.Clone(o.Routers), o.Internet, o.Responder, o.SIPServer, o.STUNServer) {
		shell(t, n, "nft add table inet nodns", "nft 'add chain inet nodns in { type filter hook input priority -10; }'", "nft add rule inet nodns in udp dport 53 drop", "nft add rule inet nodns in tcp dport 53 drop")
	}
	rep, exit := o.check(t, "--no-lookup", "--stun", lab.STUNServerAddr, "--sip-server", "pbx.example.net")
	if exit != 1 || rep.Result("uplink").Status != checks.Pass || rep.Result("dns").Status != checks.Fail {
		t.Fatalf("exit %d\n%s", exit, explain(rep))
	}
	plainWords(t, rep)
	if s := rep.Result("signalling"); s.ExplainedBy != "dns" || s.Status != checks.Inconclusive {
		t.Errorf("signalling is %s, explained by %q", s.Status, s.ExplainedBy)
	}
	if n := rep.Result("nat"); n.Status == checks.Fail || n.Summary == "" {
		t.Errorf("nat is %s: %q", n.Status, n.Summary)
	}
}
