package fixes

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// What print shows of the rules that RouterOS makes itself.
const (
	fasttrackCounters = ` 0  D ;;; special dummy rule to show fasttrack counters
      chain=forward action=passthrough

`
	hotspotRules = ` 0  D chain=forward action=jump jump-target=hs-unauth hotspot=from-client,!auth
 1  D chain=forward action=jump jump-target=hs-unauth-to hotspot=to-client,!auth
 2  D chain=input action=jump jump-target=hs-input hotspot=from-client
 3  D chain=input action=drop protocol=tcp hotspot=!from-client dst-port=64872-64875
 4  D chain=hs-input action=jump jump-target=pre-hs-input
 5  D chain=hs-input action=accept protocol=udp dst-port=64872
 6  D chain=hs-unauth action=reject reject-with=tcp-reset protocol=tcp
`
	hotspotNAT = ` 0  D chain=dstnat action=jump jump-target=hotspot hotspot=from-client
 1  D chain=hotspot action=jump jump-target=pre-hotspot
 2  D chain=hotspot action=redirect to-ports=64872 protocol=udp dst-port=53
`
)

// A mikrotik is a router that the commands must work on.
type mikrotik struct {
	name, file     string
	filter, nat    string   // dynamic rules in front
	typed          []string // what its owner typed
	outer, network string
}

func mikrotiks() []mikrotik {
	const factory = "192.168.88.0/24"
	return []mikrotik{
		{name: "as shipped, version 6", file: "factory6.rsc", outer: "ether1", network: factory},
		{name: "as shipped, version 7", file: "factory7.rsc", outer: "ether1", network: factory},
		{name: "with the counters of fasttrack, version 6", file: "factory6.rsc", filter: fasttrackCounters, outer: "ether1"},
		{name: "with the counters of fasttrack, version 7", file: "factory7.rsc", filter: fasttrackCounters, outer: "ether1"},
		{name: "with a hotspot", file: "factory7.rsc", filter: hotspotRules, nat: hotspotNAT, outer: "ether1"},
		{name: "an empty filter, no interface list WAN", file: "bare7.rsc", outer: "ether1"},
		{name: "counters of fasttrack and nothing else", file: "bare7.rsc", filter: fasttrackCounters, outer: "ether1"},
		{name: "no rule at all", file: "bare7.rsc", typed: []string{"/ip firewall nat remove [find]"}, outer: "ether1"},
		{name: "DNS redirected", file: "factory7.rsc", outer: "ether1", typed: []string{
			"/ip firewall nat add chain=dstnat action=redirect protocol=udp dst-port=53 in-interface=bridge",
			"/ip firewall nat add chain=dstnat action=redirect protocol=tcp dst-port=53 in-interface=bridge disabled=yes",
		}},
		{name: "times of its owner, the helper's media at the provider", file: "factory7.rsc", outer: "ether1", typed: []string{
			"/ip firewall connection tracking set udp-stream-timeout=2m",
			"/ip dhcp-server network set [find] dns-server=192.0.2.53",
			"/system ntp client set enabled=yes servers=192.0.2.123",
		}},
	}
}

// open is the router's configuration with a console on it.
func (m mikrotik) open(t *testing.T) (*routeros.Config, *routeros.Console) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "netinfo", "routeros", "testdata", m.file))
	if err != nil {
		t.Fatal(err)
	}
	return m.configure(t, b)
}

func (m mikrotik) configure(t *testing.T, export []byte) (*routeros.Config, *routeros.Console) {
	t.Helper()
	c, err := routeros.Read(export)
	if err != nil {
		t.Fatal(err)
	}
	for path, dynamic := range map[string]string{"/ip/firewall/filter": m.filter, "/ip/firewall/nat": m.nat} {
		rows, err := routeros.ReadPrint([]byte(dynamic))
		if err != nil {
			t.Fatal(err)
		}
		c.Show(path, rows)
	}
	k := c.Console()
	for _, line := range m.typed {
		if _, err := k.Type(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return c, k
}

// replacements are what the reader of a fix puts in place of the placeholders on m.
func (m mikrotik) replacements(c *routeros.Config, fix string) *strings.Replacer {
	value := c.Settings("/ip/firewall/connection/tracking").Get("udp-stream-timeout").Text
	servers := ""
	for r := range c.Rows("/ip/dhcp-server/network") {
		servers = cmp.Or(servers, r.Get("dns-server").Text)
	}
	if ntp := c.Settings("/system/ntp/client"); strings.HasPrefix(fix, "set-clock") {
		value, servers = ntp.Get("enabled").Text, ntp.Get("servers").Text+ntp.Get("server-dns-names").Text
	}
	return strings.NewReplacer(
		"<outer interface>", m.outer, "<address of the PBX>", "192.168.88.10", "<address or network of the provider>", "198.51.100.0/26",
		"<udp or tcp>", "udp", "<port>", "5060", "<servers that the first line showed>", routeros.Quote(servers),
		"<numbers that the first line showed without X>", enabledRedirects(c), "<value that the first line showed>", value,
	)
}

// enabledRedirects are the numbers of the rules for port 53, as a print of these
// shows them, that are not disabled.
func enabledRedirects(c *routeros.Config) string {
	var numbers []string
	n := 0
	for r := range c.Rows("/ip/firewall/nat") {
		if r.Get("dst-port").Text != "53" {
			continue
		}
		if !r.Off() && !r.Dynamic {
			numbers = append(numbers, strconv.Itoa(n))
		}
		n++
	}
	return cmp.Or(strings.Join(numbers, ","), "[find where dst-port=0]") // with none, there is nothing to type
}

// typable are the lines of a fix that are typed: advice has commands before prose,
// and the program itself is typed elsewhere.
func typable(lines []string) (out []string) {
	for _, line := range lines {
		command, _, _ := strings.Cut(line, ": ")
		if strings.HasPrefix(line, "{") {
			command = line
		}
		if strings.HasPrefix(command, "/") || strings.HasPrefix(command, "{") {
			out = append(out, command)
		}
	}
	return out
}

// everyVariable are values of every variable, as checks fill them in.
func everyVariable() map[string]string {
	return map[string]string{
		"PBX": "192.168.88.10", "SIPPort": "5061", "RTPRange": "10000-20000", "UDPTimeout": "130", "WAN": "ether1",
		"Network": "198.51.100.0/26", "Protocol": "tcp", "Ports": "5060-5061", "Router": "192.168.88.1", "Phone": "192.168.88.20",
	}
}

// Every command for MikroTik that is printed is taken by a router, of whatever
// configuration, and its undo leaves the router as it was.
func TestEveryMikroTikCommandThatIsPrintedRuns(t *testing.T) {
	for _, m := range mikrotiks() {
		t.Run(m.name, func(t *testing.T) { m.tryAll(t, func() (*routeros.Config, *routeros.Console) { return m.open(t) }) })
	}
}

// tryAll types every fix into a router, each into one of its own.
func (m mikrotik) tryAll(t *testing.T, open func() (*routeros.Config, *routeros.Console)) {
	ran := 0
	for _, r := range documentOf(catalogue(), "mikrotik").Fixes {
		for _, vars := range []map[string]string{nil, everyVariable()} {
			c, k := open()
			if !r.fits(c.Version.Text) {
				continue
			}
			f, ok := r.build("mikrotik", values(r, nil, vars))
			if !ok {
				t.Fatalf("%s lacks a value", r.ID)
			}
			fill := m.replacements(c, r.ID)
			before := c.Export()
			for _, line := range slices.Concat(typable(f.Commands), typable(f.Verify), typable(f.Undo), typable(f.Verify)) {
				ran++
				line = fill.Replace(line)
				if _, err := k.Type(line); err != nil {
					t.Errorf("%s: %s: %v", r.ID, line, err)
				}
			}
			if diff := gocmp.Diff(before, c.Export()); diff != "" && len(f.Undo) > 0 {
				t.Errorf("%s: the undo does not undo (-before +after)\n%s", r.ID, diff)
			}
		}
	}
	if ran < 60 {
		t.Errorf("only %d commands ran", ran)
	}
}

// The rules of a fix come before whatever stops the packets, and after what
// RouterOS puts in front itself.
func TestTheRulesOfAMikroTikFixStandInFront(t *testing.T) {
	fronts := map[string]string{
		"allow-sip-provider": "/ip/firewall/filter", "allow-provider-networks": "/ip/firewall/filter", "open-media-ports": "/ip/firewall/filter",
		"forward-media-ports": "/ip/firewall/nat", "endpoint-independent-nat": "/ip/firewall/nat",
	}
	for _, m := range mikrotiks() {
		for _, id := range slices.Sorted(maps.Keys(fronts)) {
			c, k := m.open(t)
			f := ByID("mikrotik", id, everyVariable())
			if r := findRow(catalogue(), "mikrotik/"+id); len(f) != 1 || !r.fits(c.Version.Text) {
				continue
			}
			for _, line := range f[0].Commands {
				if _, err := k.Type(line); err != nil {
					t.Errorf("%s: %s: %v", m.name, line, err)
				}
			}
			others, ours := false, 0
			for r := range c.Rows(fronts[id]) {
				own := strings.HasPrefix(r.Get("comment").Text, "sipdoctor")
				if own && others {
					t.Errorf("%s: %s: a rule of the fix stands after one of the router's owner", m.name, id)
				}
				if own {
					ours++
				}
				others = others || !own && !r.Dynamic
			}
			if ours == 0 {
				t.Errorf("%s: %s made no rule", m.name, id)
			}
		}
	}
}
