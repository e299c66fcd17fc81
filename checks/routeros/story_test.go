package routeros

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var book = sync.OnceValue(func() *words.Book { return checks.BookOf([]*checks.Check{Check()}) })

// exported are the words of a router as it is shipped, with lines after it.
func exported(t testing.TB, file string, lines ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../netinfo/routeros/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b) + strings.Join(lines, "\n") + "\n"
	if !strings.Contains(text, "/ip service") { // what manages the router is a story of its own
		text += "/ip service disable [find]\n"
	}
	return text
}

// Whoever has no filter, or opens it, has the router managed by everybody.
func TestWhoManagesTheRouter(t *testing.T) {
	const all, private = "/ip service enable ssh", "/ip address set [find interface=ether1] address=192.168.100.2/24"
	for _, tt := range []struct {
		name, file string
		lines      []string
		want       string
		confidence checks.Confidence
	}{
		{"no filter", "bare7.rsc", []string{all}, "w management-open", checks.Certain},
		{"as shipped", "factory7.rsc", []string{all}, "", ""},
		{"as shipped, and the rule that drops is off, an address by DHCP", "factory7.rsc", []string{all, "/ip dns set allow-remote-requests=no", `/ip firewall filter disable [find comment="defconf: drop all not coming from LAN"]`}, "w management-open", checks.Likely},
		{"no filter, behind a modem", "bare7.rsc", []string{all, private}, "", ""},
		{"every service for the LAN alone", "bare7.rsc", []string{"/ip service set [find] address=192.168.1.0/24"}, "", ""},
		{"every service for every address", "bare7.rsc", []string{"/ip service set [find] address=0.0.0.0/0"}, "w management-open", checks.Certain},
		{"every service off", "bare7.rsc", []string{"/ip service disable [find]"}, "", ""},
		{"Winbox for everybody", "bare7.rsc", []string{"/ip service disable [find name!=winbox]"}, "w management-open", checks.Certain},
		{"a forward of which nobody knows what it takes", "bare7.rsc", []string{"/ip service disable [find name!=ssh]", "/ip firewall nat add chain=dstnat action=dst-nat in-interface=ether1 protocol=tcp dst-port=22 to-addresses=192.168.1.20 packet-size=0-1500"}, "", ""},
		{"a forward that takes all of it", "bare7.rsc", []string{"/ip service disable [find name!=ssh]", "/ip firewall nat add chain=dstnat action=dst-nat in-interface=ether1 protocol=tcp dst-port=22 to-addresses=192.168.1.20"}, "", ""},
		{"only from the provider's network", "bare7.rsc", []string{all, "/ip firewall filter add chain=input action=drop in-interface=ether1 src-address=!198.51.100.0/24"}, "", ""},
	} {
		r := told(t, exported(t, tt.file, append([]string{helperOff}, tt.lines...)...), "")
		if got := ids(r); got != tt.want || tt.want != "" && r.Findings[0].Confidence != tt.confidence {
			t.Errorf("%s: %q, want %q: %s", tt.name, got, tt.want, r.Reason)
		}
	}
}

func told(t testing.TB, text, profile string) checks.Result {
	t.Helper()
	return toldOf(t, text, profile, "")
}

// toldOf is told of a router with this PBX behind it.
func toldOf(t testing.TB, text, profile, pbx string) checks.Result {
	t.Helper()
	inputs := checks.Inputs{Profile: profile}
	if pbx != "" {
		inputs.PBX = netip.MustParseAddr(pbx)
	}
	f := checks.File{Name: "router.rsc", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	return run(t, &checks.Env{Files: []checks.File{f}, Inputs: inputs})
}

func run(t testing.TB, env *checks.Env) checks.Result {
	t.Helper()
	list := []*checks.Check{Check()}
	r := checks.Run(context.Background(), list, env, checks.Meta{Command: "router"})
	again, err := checks.Rejudge(r, list)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r.Results[0])
	b, _ := json.Marshal(again.Results[0])
	if !bytes.Equal(a, b) {
		t.Errorf("judged again it says\n%s\ninstead of\n%s", b, a)
	}
	for _, l := range []words.Lang{words.Russian, words.English} {
		checks.Fill(r, book(), l)
		for _, f := range r.Results[0].Findings {
			if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 || strings.ContainsAny(f.Title+f.Explanation, "{}") {
				t.Errorf("%s in %s says %q, %q", f.Words(), l, f.Title, f.Explanation)
			}
		}
	}
	return r.Results[0]
}

func ids(r checks.Result) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Severity)[:1]+" "+strings.TrimPrefix(f.Words(), "routeros."))
	}
	return strings.Join(list, "; ")
}

// profile writes one and returns its name.
func profile(t testing.TB, lines string) string {
	t.Helper()
	name := t.TempDir() + "/example.yaml"
	text := "name: example\ntitle: Example Telecom\nkind: provider\nsource: its manual\nchecked: 2026-11-01\n" + lines
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := netinfo.LoadProfile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

const (
	helperOff = "/ip firewall service-port set sip disabled=yes"
	first     = "/ip firewall filter add chain=forward place-before=0 "
	provider  = `subnets:
  - {cidr: 198.51.100.0/26, use: any}
ports:
  - {protocol: udp, ports: [5060], use: signalling, for: SIP}
  - {protocol: tcp, ports: [5060], use: signalling, for: SIP}
rtp:
  - {range: 20000-30000}
`
)

func TestWhatAnExportSays(t *testing.T) {
	example := profile(t, provider)
	for _, tt := range []struct {
		name    string
		file    string
		lines   []string
		profile string
		want    string
		status  checks.Status
	}{
		{"as shipped, version 7", "factory7.rsc", nil, "", "w sip-helper", checks.Warn},
		{"as shipped, version 6", "factory6.rsc", nil, "", "w sip-helper", checks.Warn},
		{"as shipped, the helper off", "factory7.rsc", []string{helperOff}, "", "", checks.Pass},
		{"as shipped, the helper off, a profile", "factory6.rsc", []string{helperOff}, example, "", checks.Pass},
		{"no rule, static addresses", "bare7.rsc", []string{helperOff}, example, "", checks.Pass},

		{"the provider wants the helper off", "factory7.rsc", nil, profile(t, provider+"client: {sip_alg: \"off\"}\n"), "c sip-helper", checks.Fail},
		{"the provider wants the helper on", "factory7.rsc", nil, profile(t, provider+"client: {sip_alg: \"on\"}\n"), "", checks.Pass},
		{"a helper for ports that the provider has not", "factory7.rsc", []string{"/ip firewall service-port set sip ports=5080"}, example, "", checks.Pass},
		{"a helper for one of the provider's ports", "factory7.rsc", []string{"/ip firewall service-port set sip ports=5060,5080"}, example, "w sip-helper", checks.Warn},

		{"a helper without NAT", "bare7.rsc", []string{"/ip firewall nat set [find] disabled=yes", "/ip address set [find interface=ether1] address=10.0.0.2/30"}, "", "", checks.Pass},
		{"a helper with NAT", "bare7.rsc", nil, "", "w sip-helper", checks.Warn},

		{"two minutes", "factory7.rsc", []string{helperOff, "/ip firewall connection tracking set udp-stream-timeout=2m"}, "", "", checks.Pass},
		{"less than two minutes", "factory7.rsc", []string{helperOff, "/ip firewall connection tracking set udp-stream-timeout=1m59s"}, "", "w udp-timeout", checks.Warn},
		{"as long as the provider demands", "factory7.rsc", []string{helperOff}, profile(t, provider+"client: {udp_timeout_min_s: 180, registration_s: 600}\n"), "", checks.Pass},
		{"less than the provider demands", "factory7.rsc", []string{helperOff}, profile(t, provider+"client: {udp_timeout_min_s: 181}\n"), "w udp-timeout.demand", checks.Warn},
		{"a keep-alive often enough", "factory7.rsc", []string{helperOff, "/ip firewall connection tracking set udp-stream-timeout=30s"}, profile(t, provider+"client: {keepalive_s: 30, registration_s: 600}\n"), "", checks.Pass},
		{"a keep-alive too seldom", "factory7.rsc", []string{helperOff, "/ip firewall connection tracking set udp-stream-timeout=29s"}, profile(t, provider+"client: {keepalive_s: 30}\n"), "w udp-timeout.keepalive", checks.Warn},
		{"registrations too seldom", "factory7.rsc", []string{helperOff}, profile(t, provider+"client: {registration_s: 181}\n"), "w udp-timeout.registration", checks.Warn},
		{"registrations often enough", "factory7.rsc", []string{helperOff}, profile(t, provider+"client: {registration_s: 180}\n"), "", checks.Pass},

		{"SIP dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=5060"}, "", "c provider-blocked", checks.Fail},
		{"SIP rejected to the provider", "factory7.rsc", []string{helperOff, first + "action=reject protocol=udp dst-address=198.51.100.0/24 dst-port=5060"}, example, "c provider-blocked", checks.Fail},
		{"SIP dropped to somebody else", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-address=203.0.113.0/24 dst-port=5060"}, example, "", checks.Pass},
		{"SIP dropped on its way back only", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp src-port=5060 in-interface=ether1"}, example, "c provider-blocked.answers", checks.Fail},
		{"new packets from the provider's port dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp src-port=5060 in-interface=ether1 connection-state=new"}, example, "", checks.Pass},
		{"SIP dropped, but the rule is disabled", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=5060 disabled=yes"}, example, "", checks.Pass},
		{"SIP accepted before it is dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=5060", first + "action=accept dst-address=198.51.100.0/26"}, example, "", checks.Pass},
		{"SIP dropped after all is accepted", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=5060", first + "action=accept"}, "", "", checks.Pass},
		{"TCP dropped, UDP passes", "factory7.rsc", []string{helperOff, first + "action=drop protocol=tcp dst-port=5060"}, example, "w provider-blocked", checks.Warn},
		{"TCP dropped, UDP passes, nobody knows whether TCP is used", "factory7.rsc", []string{helperOff, first + "action=drop protocol=tcp dst-port=5060"}, "", "", checks.Pass},
		{"a part of the media dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=30000-40000"}, example, "c provider-blocked", checks.Fail},
		{"next to the media dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=30001-40000"}, example, "", checks.Pass},
		{"a part of the media dropped that nobody may use", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp dst-port=30000-40000"}, "", "", checks.Pass},
		{"all UDP dropped", "factory7.rsc", []string{helperOff, first + "action=drop protocol=udp"}, "", "c provider-blocked", checks.Fail},
		{"networks of nobody dropped", "factory7.rsc", []string{helperOff, first + "action=drop dst-address=240.0.0.0/4"}, "", "", checks.Pass},
		{"one phone dropped", "factory7.rsc", []string{helperOff, first + "action=drop src-address=192.168.88.50"}, example, "", checks.Pass},
		{"dropped in raw", "factory7.rsc", []string{helperOff, "/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5060"}, example, "c provider-blocked", checks.Fail},
		{"dropped by layer 7, perhaps", "factory7.rsc", []string{helperOff, "/ip firewall layer7-protocol add name=sip regexp=sip", first + "action=drop layer7-protocol=sip"}, example, "", checks.Inconclusive},

		{"a part of the world dropped by layer 7, perhaps", "factory7.rsc", []string{helperOff, "/ip firewall layer7-protocol add name=sip regexp=sip", first + "action=drop layer7-protocol=sip dst-address=240.0.0.0/4"}, "", "", checks.Pass},

		{"a guest network without Internet", "factory7.rsc", []string{helperOff, "/interface vlan add name=guests interface=bridge vlan-id=60", "/ip address add address=192.168.60.1/24 interface=guests",
			first + "action=drop in-interface=guests"}, example, "", checks.Pass},
		{"a guest network without SIP", "factory7.rsc", []string{helperOff, "/interface vlan add name=guests interface=bridge vlan-id=60", "/ip address add address=192.168.60.1/24 interface=guests",
			first + "action=drop in-interface=guests protocol=udp dst-port=5060"}, example, "c provider-blocked", checks.Fail},
		{"a network that is switched off", "factory7.rsc", []string{helperOff, "/interface vlan add name=guests interface=bridge vlan-id=60 disabled=yes", "/ip address add address=192.168.60.1/24 interface=guests",
			first + "action=drop in-interface=guests protocol=udp dst-port=5060"}, example, "", checks.Pass},
		{"nothing gets out", "factory7.rsc", []string{helperOff, first + "action=drop"}, example, "c provider-blocked", checks.Fail},
		{"out by one uplink, back by the other", "factory7.rsc", []string{helperOff, "/ip dhcp-client add interface=ether5", first + "action=drop out-interface=ether5 protocol=udp dst-port=5060", first + "action=drop in-interface=ether1 protocol=udp src-port=5060"}, example, "c provider-blocked.answers; c provider-blocked", checks.Fail},
		{"kept from the second uplink", "factory7.rsc", []string{helperOff, "/ip dhcp-client add interface=ether5", first + "action=drop out-interface=ether5"}, example, "", checks.Pass},

		{"DNS for the Internet", "bare7.rsc", []string{helperOff, "/ip dns set allow-remote-requests=yes"}, "", "w dns-open", checks.Warn},
		{"DNS for the Internet but for a few networks", "bare7.rsc", []string{helperOff, "/ip dns set allow-remote-requests=yes", "/ip firewall filter add chain=input action=drop src-address=240.0.0.0/4"}, "", "w dns-open", checks.Warn},
		{"DNS for one network outside", "bare7.rsc", []string{helperOff, "/ip dns set allow-remote-requests=yes", "/ip firewall filter add chain=input action=accept src-address=198.51.100.0/24",
			"/ip firewall filter add chain=input action=drop in-interface=ether1"}, "", "", checks.Pass},
		{"DNS for the LAN", "bare7.rsc", []string{helperOff, "/ip dns set allow-remote-requests=yes", "/ip firewall filter add chain=input action=drop protocol=udp dst-port=53 in-interface=ether1",
			"/ip firewall filter add chain=input action=drop protocol=tcp dst-port=53 in-interface=ether1"}, "", "", checks.Pass},
		{"DNS for the Internet, the address by DHCP", "factory7.rsc", []string{helperOff, "/ip firewall filter remove [find chain=input]"}, "", "w dns-open", checks.Warn},
		{"no DNS", "bare7.rsc", []string{helperOff}, "", "", checks.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := told(t, exported(t, tt.file, tt.lines...), tt.profile)
			if got := ids(r); got != tt.want || r.Status != tt.status {
				t.Errorf("%s %q, want %s %q\n%s; %s", r.Status, got, tt.status, tt.want, r.Reason, strings.Join(r.Notes, "\n"))
			}
			for _, f := range r.Findings {
				t.Log(f.Title, "|", f.Explanation, "|", f.Evidence)
			}
		})
	}
}

// What the file does not tell is not known, and not a pass.
func TestWhatAFileDoesNotTell(t *testing.T) {
	for _, tt := range []struct{ name, text, want, why string }{
		{"of the helper alone, off", "# by RouterOS 7.17\n/ip firewall service-port\nset sip disabled=yes\n", "", "UDP mappings"},
		{"of the helper alone, on", "# by RouterOS 7.17\n/ip firewall service-port\nset sip disabled=no\n", "w sip-helper", "firewall does"},
		{"a script", "/ip firewall filter add chain=forward action=drop\n/ip address add address=192.168.88.1/24 interface=bridge\n/ip route add gateway=203.0.113.1%ether1\n", "", "whether the SIP helper is on"},
		{"without rules that were not read", exported(t, "factory7.rsc", helperOff, "/ip firewall filter add chain=forward action=drop src-address=[/ip address get 99 address]"), "", "not all of them were understood"},
		{"a backup", "\x88\xac\xa1\xb1 and so on", "", "binary backup"},
		{"prose", "hello world\n", "", "not a RouterOS export"},
		{"nothing", "", "", "not a RouterOS export"},
		{"of a switch", "# by RouterOS 7.17\n/interface bridge\nadd name=bridge\n/ip firewall service-port\nset sip disabled=yes\n", "", "which network"},
	} {
		r := told(t, tt.text, "")
		if got := ids(r); got != tt.want || r.Status != checks.Inconclusive || !strings.Contains(r.Reason, tt.why) {
			t.Errorf("%s: %s %q: %s", tt.name, r.Status, got, r.Reason)
		}
	}
	if r := run(t, &checks.Env{}); r.Status != checks.Skip {
		t.Errorf("without a file: %s", r.Status)
	}
}

// The commands of a fix, typed into the router, let the packets pass, and the undo
// leaves it as it was.
func TestTheFixOfABlockedProviderWorks(t *testing.T) {
	two := profile(t, strings.Replace(provider, "ports:", "  - {cidr: 203.0.113.64/28, use: media}\nports:", 1))
	for name, lines := range map[string][]string{
		"a drop with a comment":            {first + `action=drop protocol=udp comment="no \"games\" \$here"`},
		"a drop without one":               {first + "action=drop protocol=udp dst-port=5060"},
		"one after the other":              {first + "action=drop protocol=udp dst-port=1-65535", first + "action=reject protocol=udp dst-port=5060"},
		"raw and the filter":               {"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5060", first + "action=drop protocol=udp"},
		"a chain that rules jump to":       {first + "action=jump jump-target=games", "/ip firewall filter add chain=games action=drop protocol=udp dst-port=20000-25000"},
		"rules of the program from before": {first + "action=drop protocol=udp", "/ip firewall filter add chain=output action=accept comment=sipdoctor-provider"},
	} {
		t.Run(name, func(t *testing.T) {
			text := exported(t, "factory7.rsc", append([]string{helperOff}, lines...)...)
			r := told(t, text, two)
			if len(r.Findings) == 0 || len(r.Findings[0].Fixes) != 1 {
				t.Fatalf("%s: %+v", ids(r), r.Findings)
			}
			router, err := ros.Read([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			before := router.Export()
			for _, f := range r.Findings {
				for _, x := range f.Fixes {
					typeAll(t, router, x.Commands)
					typeAll(t, router, x.Verify)
				}
			}
			if after := told(t, router.Export(), two); after.Status != checks.Pass {
				t.Errorf("after the fix: %s %s\n%s", after.Status, ids(after), router.Export())
			}
			for _, f := range r.Findings {
				for _, x := range f.Fixes {
					typeAll(t, router, x.Undo)
				}
			}
			if diff := cmp.Diff(before, router.Export()); diff != "" {
				t.Errorf("after the undo (-before +after)\n%s", diff)
			}
		})
	}
}

func typeAll(t *testing.T, router *ros.Config, lines []string) {
	t.Helper()
	for _, line := range lines {
		if strings.HasPrefix(line, "sipdoctor ") {
			continue
		}
		if _, err := router.Console().Type(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// The other fixes as well.
func TestTheOtherFixesWork(t *testing.T) {
	text := exported(t, "factory6.rsc", "/ip firewall connection tracking set udp-stream-timeout=1m")
	router, err := ros.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	before := router.Export()
	r := told(t, text, "")
	if got := ids(r); got != "w sip-helper; w udp-timeout" {
		t.Fatal(got)
	}
	for _, f := range r.Findings {
		typeAll(t, router, f.Fixes[0].Commands)
	}
	if after := told(t, router.Export(), ""); after.Status != checks.Pass {
		t.Errorf("after the fixes: %s %s", after.Status, ids(after))
	}
	for _, f := range r.Findings {
		typeAll(t, router, f.Fixes[0].Undo)
	}
	if diff := cmp.Diff(before, router.Export()); diff != "" {
		t.Errorf("after the undo (-before +after)\n%s", diff)
	}
}

func TestFactsAndEvidence(t *testing.T) {
	r := told(t, exported(t, "factory7.rsc", first+"action=drop protocol=udp dst-port=5060"), "")
	b, _ := json.Marshal(r.Facts)
	var f struct {
		Version, Model string
		Helper         map[string]any `json:"sip_helper"`
		UDP            int            `json:"udp_timeout_s"`
		Stream         int            `json:"udp_stream_timeout_s"`
		Paths          []map[string]any
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(f.Version, f.Model, f.Helper, f.UDP, f.Stream)
	for _, p := range f.Paths {
		got += fmt.Sprintln(p["direction"], p["partly"], p["from"], p["to"], p["protocol"], p["ports"], p["purpose"], p["verdict"], p["rule"], p["table"], p["line"])
	}
	got = strings.ReplaceAll(got, `add chain=forward comment="defconf: accept established,related, untracked" connection-state=established,related,untracked`, "ESTABLISHED")
	want := `7.17.2 E50UG map[direct_media:true enabled:true ports:5060,5061 timeout_s:3600] 30 180
out <nil> 192.168.88.0/24 <nil> udp 5060 sip drop add action=drop chain=forward dst-port=5060 protocol=udp filter forward 86
in true 192.168.88.0/24 <nil> udp 5060 sip drop add action=drop chain=forward dst-port=5060 protocol=udp filter forward 86
in true 192.168.88.0/24 <nil> udp 5060 sip accept ESTABLISHED filter forward 53
out <nil> 192.168.88.0/24 <nil> tcp 5060-5061 sip accept  <nil> <nil>
in <nil> 192.168.88.0/24 <nil> tcp 5060-5061 sip accept ESTABLISHED filter forward 53
out <nil> 192.168.88.0/24 <nil> udp 10000-65535 rtp accept  <nil> <nil>
in true 192.168.88.0/24 <nil> udp 10000-65535 rtp accept ESTABLISHED filter forward 53
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = ""
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			got += fmt.Sprintf("%s | %s | %s\n", e.Name, e.Want, e.Got)
		}
	}
	want = `line 86, filter forward |  | "/ip firewall filter add chain=forward place-before=0 action=drop protocol=udp dst-port=5060"
192.168.88.0/24 to any address, udp 5060 | accept | drop
no line sets it | disabled=yes | the default of RouterOS: disabled=no (https://help.mikrotik.com/docs/spaces/ROS/pages/3211299/NAT)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A router masquerades the first phone's port 5060 to itself: a rule against scanners
// in front of connection tracking stops its answers. Other ports of phones are none of
// SIP's.
func TestARuleAgainstScannersThatStopsAnswers(t *testing.T) {
	for line, want := range map[string]bool{
		"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5060 in-interface=ether1":                         true,
		"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5062 in-interface=ether1":                         false,
		"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5060 in-interface=ether1 src-address=240.0.0.0/4": false,
		"/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060 in-interface=ether1":                         false, // after established
	} {
		r := told(t, exported(t, "factory7.rsc", helperOff, line), "")
		if got := strings.Contains(strings.Join(r.Notes, " "), "in answer to"); got != want || r.Status != checks.Pass {
			t.Errorf("%s: %s %q", line, r.Status, r.Notes)
		}
	}
}

// A helper whose ports are not known may read the SIP of any provider.
func TestAHelperWithoutKnownPorts(t *testing.T) {
	on, other := true, []netinfo.PortRange{{First: 5070, Last: 5070}}
	for ports, want := range map[string]int{"": 1, "?": 1, "5070": 1, "5060,5061": 0} {
		o := Observed{Files: 1, Helper: Helper{Enabled: &on, Ports: ports}, Need: Need{Profile: "Example", Ports: []Use{{Purpose: "sip", Protocol: "udp", Ports: other}}}}
		if got := sipHelper(o); len(got) != want {
			t.Errorf("ports %q: %d findings, want %d", ports, len(got), want)
		}
	}
}

// A rule that stops what comes back as well needs two before it.
func TestAFixLetsAnswersComeBack(t *testing.T) {
	for line, want := range map[string]int{
		first + "action=drop":                                                                3 + 3, // out and back, for SIP by UDP and TCP and for RTP
		first + "action=drop connection-state=new":                                           3,
		first + "action=drop src-address=192.168.88.0/24":                                    3,
		first + "action=drop protocol=udp dst-port=5060":                                     1 + 1, // phones may have that port as well
		"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=5060":       0,     // back from anybody: raw knows no connections
		"/ip firewall raw add chain=prerouting action=drop in-interface=bridge protocol=udp": 2,
	} {
		r := told(t, exported(t, "factory7.rsc", helperOff, line), "")
		got := 0
		for _, x := range r.Findings[0].Fixes {
			got += len(x.Commands)
		}
		if got != want {
			t.Errorf("%s: %d commands, want %d: %s", line, got, want, ids(r))
		}
		if n := strings.Count(r.Findings[0].Explanation, "192.168.88.0/24 (bridge)"); n != 1 {
			t.Errorf("%s: the network is named %d times: %s", line, n, r.Findings[0].Explanation)
		}
		if told := strings.Contains(strings.Join(r.Findings[0].Advice, " "), "Answers need one as well"); told != (want == 0) {
			t.Errorf("%s: %q", line, r.Findings[0].Advice)
		}
	}
}
