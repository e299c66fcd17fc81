package labtest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// "make truth" asks every question below often and under loss, and writes the
// table of docs/truth.md. An ordinary test run asks each of them once, without
// loss.
var (
	truthTable = flag.String("truth-table", "", "write the table of TestVerdictsAreTrue to this file")
	truthRuns  = flag.Int("truth-runs", 1, "runs per office, loss and method in TestVerdictsAreTrue")
	truthLoss  = flag.String("truth-loss", "0", "per cent of loss in TestVerdictsAreTrue, separated by commas")
)

// A question is an office and what may be said about the SIP ALG in it.
type question struct {
	name    string
	routers []lab.Router // from the office outwards
	// responder and server are the verdict with a responder, and with nothing
	// but an ordinary Kamailio that answers UDP and TCP on port 5060.
	responder, server string
}

func questions() []question {
	nat := func(alg ...lab.ALG) lab.Router { return lab.Router{NAT: lab.Preserving, ALG: alg} }
	random := func(alg ...lab.ALG) lab.Router { return lab.Router{NAT: lab.Random, ALG: alg} }
	udp, tcp := lab.ALG{Protocol: "udp", Port: 5060}, lab.ALG{Protocol: "tcp", Port: 5060}
	return []question{
		{"NAT, no ALG", []lab.Router{nat()}, "none", "no-sign"},
		{"NAT with random ports, no ALG", []lab.Router{random()}, "none", "no-sign"},
		{"no NAT, no ALG", []lab.Router{{NAT: lab.NoNAT}}, "none", "no-sign"},
		{"two NATs, no ALG", []lab.Router{nat(), nat()}, "none", "no-sign"},
		{"ALG on UDP 5060", []lab.Router{nat(udp)}, "rewriting", "rewriting"},
		{"ALG on TCP 5060", []lab.Router{nat(tcp)}, "rewriting", "rewriting"},
		{"ALG on UDP and TCP 5060", []lab.Router{nat(udp, tcp)}, "rewriting", "rewriting"},
		{"ALG on UDP 5060, random ports", []lab.Router{random(udp)}, "rewriting", "rewriting"},
		{"ALG on port 5080 only", []lab.Router{nat(lab.ALG{Protocol: "udp", Port: 5080}, lab.ALG{Protocol: "tcp", Port: 5080})}, "rewriting", "no-sign"},
		{"two NATs, ALG in the office router", []lab.Router{nat(udp), nat()}, "rewriting", "rewriting"},
		{"two NATs, ALG at the carrier", []lab.Router{nat(), nat(udp)}, "rewriting", "no-sign"},
		{"no NAT, ALG that opens RTP ports", []lab.Router{{NAT: lab.NoNAT, Stateful: true, ALG: []lab.ALG{udp}}}, "pinhole", "no-sign"},
		{"SIP over UDP dropped by content", []lab.Router{{NAT: lab.Preserving, Block: []lab.Block{{Protocol: "udp", SIP: true}}}}, "dropping", "inconclusive"},
		{"port 5060 blocked", []lab.Router{{NAT: lab.Preserving, Block: []lab.Block{{Port: 5060}}}}, "inconclusive", "inconclusive"},
		{"IP fragments dropped, no ALG", []lab.Router{{NAT: lab.Preserving, DropFragments: true}}, "none", "no-sign"},
	}
}

// lose makes the outermost router lose so many per cent of all packets, each
// way, whatever they carry.
func lose(t *testing.T, o *lab.Office, percent int) {
	t.Helper()
	if percent > 0 {
		shell(t, o.Routers[len(o.Routers)-1], "nft add table ip loss",
			"nft 'add chain ip loss forward { type filter hook forward priority -10; }'",
			fmt.Sprintf("nft add rule ip loss forward numgen random mod 100 '<' %d drop", percent))
	}
}

func TestVerdictsAreTrue(t *testing.T) {
	var sheet sheet
	t.Cleanup(func() { sheet.write(t) }) // once all that run beside each other are done
	for _, percent := range strings.Split(*truthLoss, ",") {
		var loss int
		if _, err := fmt.Sscan(percent, &loss); err != nil {
			t.Fatalf("-truth-loss %s: %v", *truthLoss, err)
		}
		for _, c := range questions() {
			for _, method := range []string{"responder", "server"} {
				t.Run(fmt.Sprintf("%s, %s, %d %%", c.name, method, loss), func(t *testing.T) {
					t.Parallel()
					c.ask(t, method, loss, &sheet)
				})
			}
		}
	}
}

// ask makes all runs in one office: what a run leaves behind in the router must
// not change what the next one says.
func (c question) ask(t *testing.T, method string, loss int, sheet *sheet) {
	t.Helper()
	want, args := c.server, withoutResponder
	s := lab.Scenario{Name: "truth", Routers: c.routers}
	var o *office
	if method == "responder" {
		o = open(t, s)
		want, args = c.responder, append(o.server.CheckArgs(), "nat", "sip-alg", "--no-public")
		i := slices.Index(args, "--sip-server")
		args = slices.Delete(args, i, i+2)
	} else {
		o = &office{Office: peers(t, s)}
		kamailio(t, o.Office)
	}
	lose(t, o.Office, loss)
	for range *truthRuns {
		rep, _ := o.check(t, args...)
		got := said(facts(t, rep, "sip-alg")["verdict"].(string), rep.Result("sip-alg").Findings)
		sheet.add(c.name, method, loss, got)
		if honest := got == "inconclusive" || got == "no-sign"; got != want && !(loss >= 20 && honest) {
			t.Errorf("sip-alg says %s, the truth is %s\n%s", got, want, explain(rep))
		}
	}
}

// said is a verdict, and what was called certain beside it without being it: a
// right verdict does not excuse a false alarm.
func said(verdict string, findings []checks.Finding) string {
	for _, f := range findings {
		its := f.ID == "sip-alg."+verdict || verdict == "inconclusive" && f.ID == "sip-alg.port-blocked"
		if f.Confidence == checks.Certain && !its {
			verdict += " and " + f.ID
		}
	}
	return verdict
}

// A sheet counts verdicts.
type sheet struct {
	mu     sync.Mutex
	counts map[string]map[string]int // by cell, then by verdict
	losses []int
}

func cell(name, method string, loss int) string { return fmt.Sprint(name, "|", method, "|", loss) }

func (s *sheet) add(name, method string, loss int, verdict string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]map[string]int{}
	}
	at := cell(name, method, loss)
	if s.counts[at] == nil {
		s.counts[at] = map[string]int{}
	}
	s.counts[at][verdict]++
	if !slices.Contains(s.losses, loss) {
		s.losses = append(s.losses, loss)
		slices.Sort(s.losses)
	}
}

const truthPreface = `# What sip-alg says, and the truth

Made by "make truth": real offices of Linux network namespaces, with the
kernel's own NAT and SIP helper (nf_nat_sip). The program runs several times in
each office, so that what a run leaves behind in the router can mislead the
next. Loss is of all packets, each way, at the outermost router. A cell counts
the verdicts, and names every finding that was called certain beside a verdict
that is not its own. Wrong is whatever differs from the truth; at 20 % loss
"inconclusive" and "no-sign", which is inconclusive too, are honest answers.

"no-sign" is all that can be said without a responder where nothing is wrong:
SIP servers echo a part of what arrives, never Contact or SDP. An ALG at the
carrier, behind a second NAT, is not visible in what they echo.
`

// write makes a Markdown table for each method: a row is an office, a column a
// rate of loss.
func (s *sheet) write(t *testing.T) {
	if *truthTable == "" {
		return
	}
	var b strings.Builder
	b.WriteString(truthPreface)
	for _, m := range []struct{ method, title string }{{"responder", "With a responder"}, {"server", "With Kamailio and STUN only"}} {
		fmt.Fprintf(&b, "\n## %s\n\n| office | the truth |", m.title)
		for _, l := range s.losses {
			fmt.Fprintf(&b, " %d %% lost |", l)
		}
		b.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(s.losses)) + "\n")
		for _, c := range questions() {
			want := map[string]string{"responder": c.responder, "server": c.server}[m.method]
			fmt.Fprintf(&b, "| %s | %s |", c.name, want)
			for _, l := range s.losses {
				fmt.Fprintf(&b, " %s |", s.verdicts(c.name, m.method, l))
			}
			b.WriteString("\n")
		}
	}
	if err := os.WriteFile(*truthTable, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// verdicts are what was said in a cell: "10 rewriting", "9 none, 1 inconclusive".
func (s *sheet) verdicts(name, method string, loss int) string {
	counts := s.counts[cell(name, method, loss)]
	verdicts := make([]string, 0, len(counts))
	for v := range counts {
		verdicts = append(verdicts, v)
	}
	slices.SortFunc(verdicts, func(a, b string) int { return counts[b] - counts[a] })
	for i, v := range verdicts {
		verdicts[i] = fmt.Sprint(counts[v], " ", v)
	}
	return strings.Join(verdicts, ", ")
}
