package packetfilter

import (
	"net/netip"
	"testing"
)

// What a limit does with a source that has used it up, and with one that nobody
// has seen.
func TestALimitThatIsUsedUp(t *testing.T) {
	for name, c := range map[string]struct {
		rules       string
		fresh, over Decision
	}{
		"what is above the limit is dropped":         {"-A INPUT -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name x -j DROP\n", Accepted, Dropped},
		"what is below it is let in, the rest not":   {"-A INPUT -p udp -m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name x -j ACCEPT\n-A INPUT -j DROP\n", Accepted, Dropped},
		"it is about TCP":                            {"-A INPUT -p tcp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name x -j DROP\n", Accepted, Accepted},
		"an earlier rule accepts":                    {"-A INPUT -p udp -j ACCEPT\n-A INPUT -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name x -j DROP\n", Accepted, Accepted},
		"what is above it goes to a chain of drops":  {":over - [0:0]\n-A INPUT -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name x -j over\n-A over -j DROP\n", Accepted, Dropped},
		"what is above it is marked, and no more is": {"-A INPUT -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name x -j MARK --set-xmark 0x1/0x1\n", Accepted, Accepted},
	} {
		r := New(ReadIPTablesSave(ToolIPTablesNFT, "*filter\n:INPUT ACCEPT [0:0]\n"+c.rules+"COMMIT\n"), ReadHashLimit(FamilyIP, "x", ""))
		ask := Class{Protocol: UDP, Src: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, DstPorts: OneNum(5060)}
		for what, want := range map[string]Decision{"fresh": c.fresh, "over": c.over} {
			if ask.Exceeded = nil; what == "over" {
				ask.Exceeded = limitOf(t, r)
			}
			if o := r.Evaluate(ask).Outcomes; len(o) != 1 || o[0].Verdict != want {
				t.Errorf("%s, %s: %+v, want %s", name, what, o, want)
			}
		}
	}
}

func limitOf(t *testing.T, r *Ruleset) *Metered {
	t.Helper()
	for _, c := range r.Tables[0].Chains {
		for _, rule := range c.Rules {
			for _, x := range rule.Exprs {
				if m, ok := x.(*Metered); ok {
					return m
				}
			}
		}
	}
	t.Fatal("no limit was read")
	return nil
}
