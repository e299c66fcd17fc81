package labtest

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// "sipdoctor serve" on the PBX itself, as its help recommends: the PBX goes on
// undisturbed, and nobody is told that somebody on the way answers for it.
func TestAResponderBesideAPBX(t *testing.T) {
	t.Parallel()
	need(t, "nft")
	two := []string{"--listen", lab.ResponderAddr, "--listen", lab.ResponderAddr2}
	for _, tt := range []struct {
		name   string
		pbx    string // where it listens
		serve  []string
		rules  string
		says   []string
		most   int // SIP requests that the PBX may get
		reason string
	}{
		{name: "the PBX has all IPv4 addresses", pbx: "0.0.0.0:5060",
			says: []string{"all IPv4 addresses", "not served   SIP over UDP 5060 of all IPv4 addresses: in use by"}, reason: "does not serve UDP port 5060"},
		{name: "the PBX has one of two addresses", pbx: lab.ResponderAddr + ":5060", serve: two,
			says: []string{"at           " + lab.ResponderAddr2, "not served   SIP over UDP " + lab.ResponderAddr + ":5060: in use by"}, reason: "does not serve UDP port 5060"},
		{name: "the PBX has one address, serve wants all", pbx: lab.ResponderAddr + ":5060",
			says: []string{"not served   SIP over UDP 5060 of all IPv4 addresses: in use by"}, reason: "does not serve UDP port 5060"},
		{name: "a rule takes the port to a PBX", pbx: "0.0.0.0:5070",
			rules: "table ip nat { chain pre { type nat hook prerouting priority dstnat; meta l4proto { tcp, udp } th dport 5060 redirect to :5070; }; }",
			says:  []string{"a packet filter rule of this machine takes it elsewhere"}, reason: "does not serve UDP port 5060"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := lab.Build(t.Context(), scenario(t, "clean"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			at := netip.MustParseAddrPort(tt.pbx)
			pbx, err := checktest.ServeSIP(t.Context(), o.Responder.Network(platform.Real(platform.RealOptions{})), checktest.SIPOptions{Addr: at.Addr(), Port: at.Port()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pbx.Close)
			if tt.rules != "" {
				nft := o.Responder.Command(t.Context(), "nft", "-f", "-")
				nft.Stdin = strings.NewReader(tt.rules)
				if out, err := nft.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			said, fingerprint := serveAt(t, o, tt.serve...)
			for _, want := range tt.says {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			report, _ := run(t, o.Phone, "check", "nat", "sip-alg", "fragments", "--deep", "--no-public", "--no-lookup", "--format", "json",
				"--responder", lab.ResponderAddr, "--responder-fingerprint", fingerprint)
			for _, r := range report.Results {
				if r.Check == "sip-alg" && (r.Status != checks.Inconclusive || !strings.Contains(r.Reason, tt.reason)) {
					t.Errorf("sip-alg: %s, %q", r.Status, r.Reason)
				}
				if r.Status == checks.Fail {
					t.Errorf("%s: %s", r.Check, r.Summary)
				}
			}
			if list := methods(pbx); len(list) > tt.most {
				t.Errorf("the PBX got %v, at most %d", list, tt.most)
			}
		})
	}
}

// methods are the SIP requests that a server got.
func methods(s *checktest.Server) (list []string) {
	for _, h := range s.Requests() {
		if m, _, ok := bytes.Cut(h.Raw, []byte(" sip:")); ok {
			list = append(list, h.Transport+" "+string(m))
		}
	}
	return list
}

// serveAt starts the program beside whatever else runs on the responder's host,
// on its usual ports.
func serveAt(t *testing.T, o *lab.Office, args ...string) (said, fingerprint string) {
	t.Helper()
	cmd := o.Responder.Command(t.Context(), os.Getenv(programVar), slices.Concat([]string{"serve", "--ephemeral"}, args)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); fingerprint == "" && lines.Scan(); {
		said += lines.Text() + "\n"
		fingerprint = fingerprintPattern.FindString(lines.Text())
	}
	if fingerprint == "" {
		t.Fatalf("the responder ended and said: %s", said)
	}
	return said, fingerprint
}
