package allowlist

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// office is one behind a NAT router, with a provider outside, in memory.
type office struct {
	*testing.T
	world  *checktest.World
	phone  *checktest.Host
	server *checktest.Host // sip.provider.example: SIP on UDP and TCP 5060, nothing else
	inputs checks.Inputs
	host   *netinfo.Host
}

const (
	officeAddr = "5.255.1.1" // such an address can be asked about; nothing leaves the world in memory
	serverAddr = "198.51.100.20"
)

// provider is what the provider asks for.
const provider = `name: provider
title: The provider
sip:
  - {host: sip.provider.example, port: 5060, transport: udp}
  - {host: sip.provider.example, port: 5060, transport: tcp}
subnets:
  - {cidr: 198.51.100.0/26, use: signalling}
  - {cidr: 198.51.100.64/26, use: any}
ports:
  - {protocol: udp, ports: [5060], use: signalling, for: SIP}
  - {protocol: tcp, ports: [5060], use: signalling, for: SIP}
rtp:
  - {range: 10000-20000}
source: the administrator
checked: 2026-11-22
`

func newOffice(t *testing.T, profile string, o checktest.RouterOptions) *office {
	return newOfficeOf(t, 7, profile, o)
}

// newOfficeOf is newOffice with a seed, which decides which packets are lost.
func newOfficeOf(t *testing.T, seed uint64, profile string, o checktest.RouterOptions) *office {
	w := checktest.New(seed)
	n := &office{T: t, world: w}
	lan := w.Segment("192.168.88.0/24")
	outside := w.Segment("5.255.0.0/16", "198.51.100.0/24")
	o.Inside, o.Outside = lan, outside
	o.InsideAddrs, o.OutsideAddrs = []string{"192.168.88.1"}, []string{officeAddr}
	o.NAT = &checktest.NAT{}
	n.phone = lan.Host("192.168.88.10")
	w.Router(o)
	n.server = outside.Host(serverAddr)
	w.AddName("sip.provider.example", serverAddr)
	n.host = &netinfo.Host{Uplink: netinfo.Uplink{
		Gateway: netip.MustParseAddr("192.168.88.1"), Local: []netip.Addr{netip.MustParseAddr("192.168.88.10")},
	}}
	n.inputs = checks.Inputs{Profile: filepath.Join(t.TempDir(), "provider.yaml"), NoPublic: true}
	if err := os.WriteFile(n.inputs.Profile, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := checktest.ServeSIP(t.Context(), n.server, checktest.SIPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); w.Close() })
	return n
}

// check observes and judges.
func (n *office) check() checks.Judgement {
	n.Helper()
	j, _ := n.told()
	return j
}

// told is check with what a user reads of it. The observation has been through
// JSON as in a saved report.
func (n *office) told() (checks.Judgement, checks.Result) {
	n.Helper()
	o, err := observe(n.Context(), &checks.Env{Net: n.phone, Inputs: n.inputs})
	if err != nil {
		n.Fatal(err)
	}
	raw, err := json.Marshal(o)
	if err != nil {
		n.Fatal(err)
	}
	var saved Observed
	if err := json.Unmarshal(raw, &saved); err != nil {
		n.Fatal(err)
	}
	return judge(saved, n.host), Check().Judge(raw, n.host)
}

// statuses are the facts, a line each: "udp 5060 sip.provider.example reachable".
func statuses(j checks.Judgement) (list []string) {
	for _, r := range j.Facts.([]Row) {
		list = append(list, r.Protocol+" "+r.Ports+" "+r.Target+" "+r.Status)
	}
	return list
}

// found are the findings that say something is wrong.
func found(j checks.Judgement) (list []string) {
	for _, f := range j.Findings {
		if f.Severity != checks.Info {
			list = append(list, f.ID+" "+string(f.Severity))
		}
	}
	return list
}

func finding(t *testing.T, list []checks.Finding, id string) checks.Finding {
	t.Helper()
	i := slices.IndexFunc(list, func(f checks.Finding) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no finding %s in %+v", id, list)
	}
	return list[i]
}

// told is what a user reads of it.
func told(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, officeHost())
}
