package labtest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// elsewhere is a login from a node of the lab on another, with the journal of whoever
// logs in.
type elsewhere struct {
	t     *testing.T
	from  *lab.Node
	login []string // --on and what belongs to it
	state string
}

// run reads that machine and returns the report, saved as a file too.
func (e elsewhere) run(args ...string) (r *checks.Report, exit int, file string) {
	e.t.Helper()
	r, exit = run(e.t, e.from, append(append(args, "--format", "json"), e.login...)...)
	b, err := json.Marshal(r)
	if err != nil {
		e.t.Fatal(err)
	}
	file = filepath.Join(e.t.TempDir(), "report.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		e.t.Fatal(err)
	}
	return r, exit, file
}

// fix applies or undoes the fixes of a report there.
func (e elsewhere) fix(file string, args ...string) string {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	cmd := program(ctx, e.t, e.from, append(append([]string{"fix", file, "--yes"}, args...), e.login...)...)
	cmd.Env = append(os.Environ(), "LC_MESSAGES=C", "STATE_DIRECTORY="+e.state)
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Errorf("fix %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func faultsOf(r *checks.Report) (ids []string) {
	for _, res := range r.Results {
		for _, f := range res.Findings {
			if f.Severity != checks.Info {
				ids = append(ids, f.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// A technician in the office, at a router that is a Linux: what harms calls is found in it,
// taken away from his laptop, and put back.
func TestALinuxRouterIsMendedFromTheOffice(t *testing.T) {
	t.Parallel()
	o := open(t, lab.Scenario{Name: "linux", Routers: []lab.Router{{
		NAT: lab.Preserving, UDPTimeoutS: 300, ALG: []lab.ALG{{Protocol: "udp", Port: 5060}}, Block: []lab.Block{{Protocol: "udp", Port: 10000, LastPort: 65535}},
	}}})
	p := &pbx{t: t, node: o.Routers[0], outside: o.Phone}
	ownFiles(t, p.node)
	key, identity := p.sshServer()
	e := elsewhere{t, o.Phone, []string{"--on", "root@" + lab.RouterAddr, "--host-key", key, "--identity", identity}, t.TempDir()}
	if err := os.Chmod(e.state, 0o700); err != nil {
		t.Fatal(err)
	}

	r, exit, file := e.run("router")
	if got := faultsOf(r); exit != 1 || !slices.Equal(got, []string{"linux-router.provider-blocked", "linux-router.sip-helper"}) {
		t.Fatalf("exit %d, %q: %s", exit, got, r.Headline)
	}
	if before, _ := o.check(t, append(o.withResponder(), "sip-alg", "rtp-ports")...); before.Result("sip-alg").Status != checks.Fail || before.Result("rtp-ports").Status != checks.Fail {
		t.Fatalf("the phone sees nothing of it: %s", before.Headline)
	}
	rules := p.says("nft -s list ruleset")
	said := e.fix(file, "--apply")
	if r, exit, _ := e.run("router"); exit != 0 || len(faultsOf(r)) > 0 {
		t.Errorf("after the fixes: exit %d, %s, %q\n%s", exit, r.Headline, faultsOf(r), said)
	}
	if after, _ := o.check(t, append(o.withResponder(), "sip-alg", "rtp-ports")...); after.Result("sip-alg").Status != checks.Pass || after.Result("rtp-ports").Status != checks.Pass {
		t.Errorf("the phone: %s\n%s", after.Headline, said)
	}
	said = e.fix(file, "--undo")
	if got := p.says("nft -s list ruleset"); got != rules {
		t.Errorf("the undo left\n%s\nof\n%s\n%s", got, rules, said)
	}
}

// A ban on a PBX is lifted from elsewhere, and set again.
func TestABanIsLiftedFromElsewhere(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "nft", "ssh-keygen", "ss")
	shell(t, p.node, "nft add table inet office", "nft 'add chain inet office input { type filter hook input priority 0; }'",
		"nft 'add rule inet office input ip saddr 192.0.2.7 udp dport 5060 drop'")
	key, identity := p.sshServer()
	e := elsewhere{t, p.outside, []string{"--on", "root@" + lab.SIPServerAddr, "--host-key", key, "--identity", identity}, t.TempDir()}
	if err := os.Chmod(e.state, 0o700); err != nil {
		t.Fatal(err)
	}
	_, exit, file := e.run("why", "192.0.2.7")
	if exit != 1 || p.passes("192.0.2.7") {
		t.Fatalf("exit %d", exit)
	}
	if said := e.fix(file, "--apply"); !p.passes("192.0.2.7") {
		t.Errorf("still banned\n%s", said)
	}
	if said := e.fix(file, "--undo"); p.passes("192.0.2.7") {
		t.Errorf("not banned again\n%s", said)
	}
	// The report is about that machine; without --on it is refused.
	cmd := program(t.Context(), t, p.outside, "fix", file, "--apply", "--yes")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "give --on root@"+lab.SIPServerAddr) {
		t.Errorf("%v %s", err, errs.String())
	}
}
