package nat

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// Real NAT of the Linux kernel, and coturn as the referee for RFC 5780: it
// shares no line with our server, so our client must read what it says, and
// our server must say the same.

const labReason = "SIPDOCTOR_LAB_REASON"

func TestMain(m *testing.M) {
	inside, exit, err := lab.Enter(context.Background())
	if err != nil {
		if err := os.Setenv(labReason, err.Error()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err != nil || inside {
		exit = m.Run()
	}
	os.Exit(exit)
}

// unavailable skips, or fails where the lab is required.
func unavailable(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatalf("SIPDOCTOR_LAB=require, and %s", reason)
	}
	t.Skip(reason)
}

// kernelOffice builds a scenario of the lab with coturn as its server.
func kernelOffice(t *testing.T, name string) *lab.Office {
	t.Helper()
	if reason := os.Getenv(labReason); reason != "" {
		unavailable(t, reason)
	}
	if _, err := exec.LookPath("turnserver"); err != nil {
		unavailable(t, "coturn is not installed")
	}
	s, ok := lab.Find(name)
	if !ok {
		t.Fatalf("there is no scenario %q", name)
	}
	o, err := lab.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	coturn(t, o.Responder, lab.ResponderAddr, lab.ResponderAddr2)
	return o
}

// coturn runs the server on a node until the test ends, and waits until it
// answers.
func coturn(t *testing.T, n *lab.Node, addrs ...string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{
		"-n", "--stun-only", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--simple-log",
		"--pidfile", filepath.Join(dir, "pid"), "--userdb", filepath.Join(dir, "db"), "--listening-port", "3478", "--alt-listening-port", "3479",
	}
	for _, a := range addrs {
		args = append(args, "--listening-ip", a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := n.Command(ctx, "turnserver", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("coturn said:\n%s", out.String())
		}
	})
	s, err := stun.Open(t.Context(), n.Network(platform.Real(platform.RealOptions{})), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin := time.Now()
	for _, a := range addrs {
		for _, port := range []uint16{3478, 3479} {
			to := netip.AddrPortFrom(netip.MustParseAddr(a), port)
			for !s.Ask(t.Context(), stun.Question{To: to, Plan: stun.Plan{First: 100 * time.Millisecond, Sends: 1, Linger: 100 * time.Millisecond}}).Answered {
				if time.Since(begin) > 15*time.Second {
					t.Fatalf("coturn does not answer at %v", to)
				}
			}
		}
	}
}

func TestKernelNATWithCoturn(t *testing.T) {
	for _, tc := range []struct {
		office             string
		mapping, filtering string
	}{
		{"clean", independent, addressPort},
		{"symmetric-nat", addressPort, addressPort},
		{"double-nat", independent, addressPort},
		{"no-nat", independent, independent},
		{"lossy", independent, addressPort},
	} {
		t.Run(tc.office, func(t *testing.T) {
			o := kernelOffice(t, tc.office)
			host := &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr(lab.RouterAddr)}}
			env := &checks.Env{
				Net:    o.Phone.Network(platform.Real(platform.RealOptions{})),
				Inputs: checks.Inputs{NoPublic: true, STUN: []string{lab.ResponderAddr}},
			}
			begin := time.Now()
			seen, err := observe(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(begin)
			j := judge(seen, host)
			f := facts(j)
			want := o.Scenario.Expect
			if f.BehindNAT != want.BehindNAT || f.Mapping != tc.mapping || f.Filtering != tc.filtering || f.CGNAT != want.CGNAT {
				t.Errorf("told %+v\nobserved %+v", f, seen)
			}
			if want.NATLayers != 0 && f.NATLayers != want.NATLayers {
				t.Errorf("%d layers, want %d; hops %v", f.NATLayers, want.NATLayers, seen.Families[0].Hops)
			}
			for _, id := range want.Findings {
				if strings.HasPrefix(id, "nat.") && !slices.Contains(found(j), id) {
					t.Errorf("%s was not found, but %v", id, found(j))
				}
			}
			if took > 6*time.Second {
				t.Errorf("took %v", took)
			}
			t.Logf("%v: %s; findings %v; hops %v", took.Round(time.Millisecond), english(t, j.Summary), found(j), seen.Families[0].Hops)
		})
	}
}

// What an answer is, in kind: where it comes from and what it says.
type kind struct{ From, Mapped, Plain, Other, Origin string }

func kindOf(from netip.AddrPort, r stun.Response) kind {
	return kind{from.String(), r.Mapped.String(), r.Plain.String(), r.Other.String(), r.Origin.String()}
}

func TestOurServerAgreesWithCoturn(t *testing.T) {
	o := kernelOffice(t, "clean")
	s, err := stun.Open(t.Context(), o.SIPServer.Network(platform.Real(platform.RealOptions{})), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	us := netip.AddrPortFrom(netip.MustParseAddr(lab.SIPServerAddr), s.Local().Port())
	two := stun.Server{Proven: true, Primary: netip.MustParseAddr(lab.ResponderAddr), Alternate: netip.MustParseAddr(lab.ResponderAddr2), Port: 3478, AltPort: 3479}
	// Only at the primary address: see the next test.
	for _, port := range []uint16{3478, 3479} {
		for flags := range 4 {
			two.Local = netip.AddrPortFrom(two.Primary, port)
			req := stun.Request{ID: stun.NewID(), ChangeIP: flags&1 != 0, ChangePort: flags&2 != 0, Software: stun.ClientSoftware}
			reply, from, ok := stun.Answer(req.Bytes(), us, two)
			if !ok {
				t.Fatal("our server does not answer")
			}
			ours, err := stun.ParseResponse(reply)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Ask(t.Context(), stun.Question{To: two.Local, Expect: from, Request: req, Plan: stun.Patient()})
			if !got.Answered {
				t.Fatalf("coturn, asked at %v with %+v, did not answer from %v but %v", two.Local, req, from, got.Elsewhere)
			}
			if d := cmp.Diff(kindOf(got.From, got.Response), kindOf(from, ours)); d != "" {
				t.Errorf("asked at %v, change address %v, port %v (-coturn +ours):\n%s", two.Local, req.ChangeIP, req.ChangePort, d)
			}
		}
	}
}

// coturn 4.6.1, asked at its second address, names that very address as its
// other one, and answers from it: the trap in the wild. Our client must not
// believe it, and still finds out everything when it begins there.
func TestServerThatRepeatsItsOwnAddress(t *testing.T) {
	o := kernelOffice(t, "clean")
	env := &checks.Env{
		Net:    o.Phone.Network(platform.Real(platform.RealOptions{})),
		Inputs: checks.Inputs{NoPublic: true, STUN: []string{lab.ResponderAddr2, lab.ResponderAddr}},
	}
	seen, err := observe(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	f := facts(judge(seen, nil))
	if f.Mapping != independent || f.Filtering != addressPort {
		t.Errorf("told %+v\nobserved %+v", f, seen)
	}
	notBelieved := []string{"answered-elsewhere", "false-other-address", "ignores-change-request"}
	for _, s := range f.Servers {
		if want := strings.HasPrefix(s.Address, lab.ResponderAddr2); slices.Contains(notBelieved, s.Note) != want {
			t.Errorf("%s: note %q", s.Address, s.Note)
		}
	}
}

// What coturn does with attributes it does not know is what we do.
func TestUnknownAttributeAgreesWithCoturn(t *testing.T) {
	o := kernelOffice(t, "clean")
	conn, err := o.SIPServer.Network(platform.Real(platform.RealOptions{})).OpenUDP(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := stun.Request{ID: stun.NewID()}.Bytes()
	req = append(req, 0x71, 0x23, 0, 0) // required, unknown
	req[3] = 4
	at := netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), 3478)
	if err := conn.WriteTo(req, at, platform.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	d, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := stun.ParseResponse(buf[:d.N])
	if err != nil {
		t.Fatal(err)
	}
	reply, _, _ := stun.Answer(req, netip.MustParseAddrPort("198.51.100.20:9"), stun.Server{Local: at, Primary: at.Addr(), Port: 3478, Proven: true})
	ours, err := stun.ParseResponse(reply)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]any{theirs.ErrorCode, theirs.Unknown}, []any{ours.ErrorCode, ours.Unknown}); d != "" {
		t.Errorf("(-coturn +ours):\n%s", d)
	}
}
