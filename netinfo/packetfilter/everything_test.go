package packetfilter_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// A ruleset with every match and statement that is understood, asked about
// every kind of packet: what is said of each stays what it was.
func TestWhatIsSaidOfARulesetWithEverythingInIt(t *testing.T) {
	const golden = "testdata/everything-told.txt"
	raw, err := os.ReadFile("testdata/nft/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	rules := packetfilter.New(packetfilter.ReadNFT(string(raw)))
	for _, c := range everyClass() {
		fmt.Fprintf(&b, "%s protocol %d in %q out %q from %v state %v mark %d\n", c.Hook, c.Protocol, c.In, c.Out, c.Src, c.State, c.CtMark)
		for _, o := range rules.Evaluate(c).Outcomes {
			fmt.Fprintf(&b, "\t%s | %v>%v %v>%v %s %v", told(o), o.Region.Src, o.Region.Dst, o.Region.SrcPort, o.Region.DstPort, o.With, o.ToPorts)
			for _, step := range o.Trace {
				if step.Chain != nil {
					fmt.Fprintf(&b, " | %s %s %v", step.Chain.Name, step.What, step.Assumed)
				}
			}
			fmt.Fprintln(&b)
		}
	}
	if os.Getenv("SIPDOCTOR_UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("(-before +now), accept with make judged:\n%s", diff)
	}
}

// everyClass are classes of every hook, protocol, family and state.
func everyClass() (list []packetfilter.Class) {
	local := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	for _, hook := range []string{"input", "forward", "output"} {
		for _, protocol := range []uint8{1, 6, 17, 47, 58} {
			for _, src := range []string{"0.0.0.0/0", "192.0.2.44/32", "::/0"} {
				for _, state := range []packetfilter.Num{packetfilter.StateNew, packetfilter.StateEstablished} {
					if v4 := !strings.Contains(src, ":"); protocol == 1 && !v4 || protocol == 58 && v4 {
						continue
					}
					c := packetfilter.Class{
						Hook: packetfilter.HookName(hook), Protocol: protocol, Src: []netip.Prefix{netip.MustParsePrefix(src)}, State: state, Local: local, In: "eth0",
					}
					if hook == "output" {
						c.In, c.Out = "", "eth0"
					}
					list = append(list, c)
				}
			}
		}
	}
	return list
}
