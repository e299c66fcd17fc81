package pbx

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

func TestAddressesAreWrittenAsPeopleWriteThem(t *testing.T) {
	for prefix, want := range map[string]string{"192.0.2.7/32": "192.0.2.7", "192.0.2.0/24": "192.0.2.0/24", "2001:db8::7/128": "2001:db8::7"} {
		if got := AddressText(netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("%s: %q, want %q", prefix, got, want)
		}
	}
}

// An address stands in names of files and rules, where neither slash nor colon
// may stand.
func TestWhatACureMayNameOfAnAddress(t *testing.T) {
	for prefix, want := range map[string]map[string]string{
		"192.0.2.0/24":    {"Address": "192.0.2.0/24", "Network": "192.0.2.0/24", "Family": "ipv4", "AddressName": "192.0.2.0_24"},
		"2001:db8::7/128": {"Address": "2001:db8::7", "Network": "2001:db8::7/128", "Family": "ipv6", "AddressName": "2001-db8--7"},
	} {
		if diff := cmp.Diff(want, AddressVars(netip.MustParsePrefix(prefix))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", prefix, diff)
		}
	}
}

// Two rules that are taken away by one command are one step.
func TestAStepThatIsPlannedTwiceIsDoneOnce(t *testing.T) {
	step := func(name string) command.Step {
		return command.Step{Do: []command.Command{command.New("ipset", "del", "bans").Values(name)}}
	}
	var list []command.Step
	for _, s := range []command.Step{step("192.0.2.7"), step("192.0.2.8"), step("192.0.2.7"), {}} {
		list = AddStep(list, s)
	}
	if len(list) != 2 {
		t.Errorf("%d steps: %v", len(list), list)
	}
}

// Without anything to do there is no cure: an empty one would be offered.
func TestNoCureWithoutAStep(t *testing.T) {
	if list := EditFilter("open-rtp", nil, nil); list != nil {
		t.Errorf("edits nothing: %v", list)
	}
	if list := ExemptFromJails(netip.MustParsePrefix("192.0.2.7/32"), nil); list != nil {
		t.Errorf("spares the address in no jail: %v", list)
	}
}

// Packets of which one kind is dropped are not let in, whatever comes of the
// others, and in whatever order.
func TestTheWorstVerdictCounts(t *testing.T) {
	const accept, drop = "-A INPUT -p udp --dport 5060 -j ACCEPT\n", "-A INPUT -p udp --dport 5061 -j DROP\n"
	for _, tt := range []struct {
		name, rules string
		ports       packetfilter.NumSet
		want        packetfilter.Decision
	}{
		{"all let in", accept, Port(5060), packetfilter.Accepted},
		{"the first is dropped", drop + accept, Port(5060).Union(Port(5061)), packetfilter.Dropped},
		{"the last is dropped", accept + drop, Port(5060).Union(Port(5061)), packetfilter.Dropped},
		{"one of them is in the air", accept + "-A INPUT -m string --string REGISTER --algo bm -j DROP\n", Port(5061), packetfilter.Maybe},
	} {
		rules := packetfilter.New(packetfilter.ReadIPTablesSave("iptables", "*filter\n:INPUT ACCEPT [0:0]\n"+tt.rules+"COMMIT\n"))
		got := Verdict(rules, packetfilter.Class{Protocol: packetfilter.UDP, DstPorts: tt.ports, Hook: packetfilter.HookInput})
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
