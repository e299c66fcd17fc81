package platform

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Routes, rules and sets are worded like the programs do, without them.
func TestTheKernelAnswersInsteadOfItsPrograms(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		inside(t, p.server, func() error {
			_, bad, _ := strings.Cut("x 203.0.113.0/24", " ")
			dst, err := netlink.ParseIPNet(bad)
			if err != nil {
				return err
			}
			host, _ := netlink.ParseIPNet("192.0.2.66/32")
			rule := netlink.NewRule()
			rule.Src, rule.Type, rule.Priority = host, unix.RTN_PROHIBIT, 77
			timeout := uint32(600)
			if err := firstError(
				netlink.RouteAdd(&netlink.Route{Dst: dst, Type: unix.RTN_BLACKHOLE}),
				netlink.RuleAdd(rule),
				netlink.IpsetCreate("f2b-sip", "hash:ip", netlink.IpsetCreateOptions{Timeout: &timeout}),
				netlink.IpsetAdd("f2b-sip", &netlink.IPSetEntry{IP: host.IP.To4()}),
			); err != nil {
				return err
			}
			for _, c := range []struct{ line, want string }{
				{"ip -j route show table all", `{"type":"blackhole","dst":"203.0.113.0/24","table":"main"}`},
				{"ip -j rule list", `{"action":"prohibit","priority":77,"src":"192.0.2.66","srclen":32}`},
			} {
				f := strings.Fields(c.line)
				out, err := ThisSystem().Run(context.Background(), f[0], f[1:]...)
				if err != nil {
					return err
				}
				if !json.Valid(out) || !strings.Contains(string(out), c.want) {
					t.Errorf("%s: %s lacks %s", c.line, out, c.want)
				}
			}
			sets, err := nativeSets()
			if err != nil {
				return err
			}
			for _, want := range []string{"create f2b-sip hash:ip family inet timeout 600\n", "add f2b-sip 192.0.2.66 timeout "} {
				if !strings.Contains(string(sets), want) {
					t.Errorf("the sets %q lack %q", sets, want)
				}
			}
			return nil
		})
	})
}

// A change of the rules shows, so that nobody evaluates half of two rulesets.
func TestTheGenerationOfTheRulesMoves(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		inside(t, p.server, func() error {
			before, known := FilterGeneration(ThisSystem())
			if !known {
				return errors.New("nftables tells no generation")
			}
			c := &nftables.Conn{}
			c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "x"})
			if err := c.Flush(); err != nil {
				return err
			}
			if after, _ := FilterGeneration(ThisSystem()); after == before {
				t.Errorf("the generation stays %d after a change", before)
			}
			list, err := ThisSystem().Run(t.Context(), "nft", "-j", "list", "tables")
			if want := `{"nftables":[{"table":{"family":"inet","name":"x"}}]}`; string(list) != want {
				t.Errorf("the tables are %s, %v, not %s", list, err, want)
			}
			return nil
		})
	})
}
