package labtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live/routertest"
)

// session runs the program as a technician does who has nothing but an export.
func session(t *testing.T, export string, args ...string) (*checks.Report, int) {
	t.Helper()
	need(t, "nft")
	file := filepath.Join(t.TempDir(), "export.rsc")
	if err := os.WriteFile(file, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	return routerSession(t, os.Environ(), append([]string{file}, args...)...)
}

func routerSession(t *testing.T, env []string, args ...string) (*checks.Report, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv(programVar), append([]string{"router", "--format", "json"}, args...)...)
	cmd.Env = append(env, "LC_MESSAGES=C", "STATE_DIRECTORY="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, errs.String())
	}
	return rep, cmd.ProcessState.ExitCode()
}

func factoryRouter(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "netinfo", "routeros", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// statuses are those of the checks that a story is about.
func statuses(r *checks.Report) map[string]checks.Status {
	out := map[string]checks.Status{}
	for _, res := range r.Results {
		out[res.Check] = res.Status
	}
	return out
}

func statusesBefore(r *checks.Report) map[string]checks.Status {
	out := map[string]checks.Status{}
	for _, o := range r.Twin.Before {
		out[o.Check] = o.Status
	}
	return out
}

// The office of a customer who left the router as it was shipped: from the export to green,
// before anything is typed into the router.
func TestARouterAsItIsShipped(t *testing.T) {
	for _, name := range []string{"factory6.rsc", "factory7.rsc"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, exit := session(t, factoryRouter(t, name), "--twin", "--try")
			before := statusesBefore(rep)
			if before["sip-alg"] != checks.Fail || before["routeros"] != checks.Warn || before["rtp-ports"] != checks.Pass {
				t.Errorf("before: %v", before)
			}
			want := map[string]checks.Status{"routeros": checks.Pass, "uplink": checks.Pass, "nat": checks.Pass, "sip-alg": checks.Pass, "fragments": checks.Pass, "rtp-ports": checks.Pass, "media": checks.Pass}
			if diff := cmp.Diff(want, statuses(rep)); diff != "" || exit != 0 {
				t.Errorf("after: exit %d, %s\n%s", exit, rep.Headline, diff)
			}
			if !slices.Contains(rep.Twin.Typed, "/ip firewall service-port set sip disabled=yes") || rep.Twin.Refused != "" {
				t.Errorf("typed %q, refused %q", rep.Twin.Typed, rep.Twin.Refused)
			}
		})
	}
}

// A rule of the router stops calls. The proposed rules stand where they must: the packets
// pass on the kernel too, with a provider whose networks are known and without.
func TestARuleThatStopsCalls(t *testing.T) {
	export := strings.Replace(factoryRouter(t, "factory7.rsc"), "/ip firewall filter\n",
		"/ip firewall filter\nadd action=drop chain=forward comment=\"no voice\" dst-port=5060,10000-20000 out-interface-list=WAN protocol=udp\n", 1)
	for _, args := range [][]string{nil, {"--profile", "megafon-vats"}, {"--profile", "twilio"}} { // twilio takes media in another network than SIP
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			rep, exit := session(t, export, append(args, "--twin", "--try")...)
			for when, got := range map[checks.Status]map[string]checks.Status{checks.Fail: statusesBefore(rep), checks.Pass: statuses(rep)} {
				if got["routeros"] != when || got["sip-alg"] != when || got["rtp-ports"] != when {
					t.Errorf("%v, where %s was to be expected", got, when)
				}
			}
			if exit != 0 {
				t.Errorf("exit %d, %s", exit, rep.Headline)
			}
		})
	}
}

// A PBX behind the router is asked from outside.
func TestAPBXBehindTheRouter(t *testing.T) {
	forward := func(ports string) string {
		return "/ip firewall service-port set sip disabled=yes\n/ip firewall nat add action=dst-nat chain=dstnat dst-port=" + ports + " in-interface-list=WAN protocol=udp to-addresses=192.168.88.50\n"
	}
	for _, tt := range []struct {
		ports string
		want  checks.Status
	}{{"10000-20000", checks.Pass}, {"10000-14000", checks.Fail}} {
		t.Run(tt.ports, func(t *testing.T) {
			t.Parallel()
			rep, _ := session(t, factoryRouter(t, "factory7.rsc")+forward(tt.ports), "--twin", "--pbx", "192.168.88.50")
			if got := statuses(rep)["rtp-ports"]; got != tt.want || !rep.Twin.PBX || rep.Twin.Phone.String() != "192.168.88.50" {
				t.Errorf("rtp-ports %s, %+v", got, rep.Twin)
			}
		})
	}
}

// A router that answers is read over the network, and rebuilt where there is none.
func TestARouterThatAnswersIsRebuilt(t *testing.T) {
	need(t, "nft")
	t.Parallel()
	router := routertest.New(t, factoryRouter(t, "factory7.rsc"))
	at := router.SSH(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("correct\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// As on a technician's machine, which is not in the lab yet.
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "SIPDOCTOR_LAB_INSIDE=") })
	rep, exit := routerSession(t, env, fmt.Sprintf("admin@127.0.0.1:%d", at.Port), "--host-key", at.HostKey, "--password-file", password, "--twin", "--try")
	if exit != 0 || statusesBefore(rep)["sip-alg"] != checks.Fail || statuses(rep)["sip-alg"] != checks.Pass || len(rep.Inputs.Files) > 0 || !strings.HasPrefix(rep.Inputs.On, "admin@127.0.0.1") {
		t.Errorf("exit %d, %s, before %v, on %q of %q", exit, rep.Headline, statusesBefore(rep), rep.Inputs.On, rep.Inputs.Files)
	}
	if typed := strings.Join(router.Typed(), "\n"); strings.Contains(typed, "set sip") {
		t.Errorf("the router itself was changed: %s", typed)
	}
}

// In the rebuilt office a technician looks around.
func TestAShellInTheRebuiltOffice(t *testing.T) {
	need(t, "nft", "ip")
	file := filepath.Join("..", "..", "..", "netinfo", "routeros", "testdata", "factory7.rsc")
	out, err := exec.CommandContext(t.Context(), os.Getenv(programVar), "lab", "--router", file, "--", "sh", "-c", "ip -4 route; grep lab /etc/hosts").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"default via 192.168.88.1 dev eth0", "192.168.88.1 router.lab", "198.51.100.2 responder.lab"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// What the audit says of a PBX behind the router, the kernel says too, before its fixes
// and after: media that the filter stops, and ports that NAT changes.
func TestWhatTheAuditSaysOfAPBXIsSo(t *testing.T) {
	export := factoryRouter(t, "bare7.rsc") + `/ip firewall service-port set sip disabled=yes
/ip firewall nat add chain=dstnat in-interface=ether1 action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.1.10
/ip firewall nat add chain=dstnat in-interface=ether1 action=dst-nat protocol=udp dst-port=10000-20000 to-addresses=192.168.1.10
/ip firewall filter add chain=forward action=drop in-interface=ether1 connection-state=new protocol=udp dst-port=10000-20000
/ip firewall nat set [find action=masquerade] randomise-ports=yes
`
	rep, _ := session(t, export, "--twin", "--try", "--pbx", "192.168.1.10")
	before, after := statusesBefore(rep), statuses(rep)
	if before["rtp-ports"] != checks.Fail || after["rtp-ports"] != checks.Pass {
		t.Errorf("rtp-ports %s, then %s", before["rtp-ports"], after["rtp-ports"])
	}
	if before["nat"] != checks.Warn || after["nat"] != checks.Pass {
		t.Errorf("nat %s, then %s", before["nat"], after["nat"])
	}
	if len(rep.Twin.Typed) != 2 || rep.Twin.Refused != "" {
		t.Errorf("typed %q, refused %q", rep.Twin.Typed, rep.Twin.Refused)
	}
}

// Ctrl-C in the middle ends the office, and what was learnt until then is told.
func TestAnInterruptedSession(t *testing.T) {
	need(t, "nft")
	t.Parallel()
	file := filepath.Join("..", "..", "..", "netinfo", "routeros", "testdata", "factory7.rsc")
	cmd := exec.CommandContext(t.Context(), os.Getenv(programVar), "router", file, "--twin", "--try", "--format", "json")
	cmd.Env = append(os.Environ(), "LC_MESSAGES=C", "STATE_DIRECTORY="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // the audit takes less on a slow machine, the checks more on a fast one
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	if exit := cmd.ProcessState.ExitCode(); !rep.Interrupted || rep.Result("routeros") == nil || rep.Twin == nil || exit != 1 && exit != 4 {
		t.Errorf("exit %d, interrupted %v, %v", exit, rep.Interrupted, statuses(rep))
	}
}

// The lists of what must not come from the Internet name documentation networks. The
// servers of the rebuilt office are not in them, nor in the networks of the router.
func TestTheServersOutsideAreOrdinary(t *testing.T) {
	for name, lines := range map[string]string{
		"bogons": `/ip firewall address-list
add list=bogons address=192.0.2.0/24
add list=bogons address=198.51.100.0/24
add list=bogons address=203.0.113.0/24
add list=bogons address=198.18.0.0/15
/ip firewall raw
add action=drop chain=prerouting src-address-list=bogons
add action=drop chain=prerouting dst-address-list=bogons
`,
		"a network of the router": "/ip address add address=198.51.100.1/24 interface=ether5\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, _ := session(t, factoryRouter(t, "factory7.rsc")+"/ip firewall service-port set sip disabled=yes\n"+lines, "--twin")
			for check, status := range statuses(rep) {
				if check != "routeros" && status != checks.Pass {
					t.Errorf("%s: %s, %s", check, status, rep.Headline)
				}
			}
		})
	}
}
