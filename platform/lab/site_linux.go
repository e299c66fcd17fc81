package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// load gives a node its packet filter, its settings and the rules that choose a
// table of routes.
func (n *Node) load(ctx context.Context, np nodePlan) error {
	if np.script != "" {
		if err := n.nft(ctx, np.script); err != nil {
			return err
		}
	}
	return n.Do(func() error {
		for _, s := range np.settings {
			err := os.WriteFile("/proc/sys/net/"+s.Key, []byte(s.Value), 0)
			if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(s.Key, "netfilter/") {
				continue // nothing here tracks connections, so there is nothing to time out
			}
			if err != nil {
				return unavailable(fmt.Errorf("setting net/%s: %w", s.Key, err))
			}
		}
		for _, r := range np.rules {
			for _, k := range r.kernel() {
				if err := netlink.RuleAdd(k); err != nil {
					return unavailable(fmt.Errorf("adding a rule of routing: %w", err))
				}
			}
		}
		return nil
	})
}

// nft loads a script.
func (n *Node) nft(ctx context.Context, script string) error {
	path, err := findNFT()
	if err != nil {
		return fmt.Errorf("%w: loading a packet filter takes nft, which is not installed (package nftables)", ErrUnavailable)
	}
	cmd := n.Command(ctx, path, "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("loading the packet filter: %w: %.500s", err, out)
	}
	return nil
}

// findNFT finds the program also where a user's PATH does not lead.
func findNFT() (path string, err error) {
	for _, name := range []string{"nft", "/usr/sbin/nft", "/sbin/nft"} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.Join(exec.ErrNotFound, err)
}

// kernel is the rule as the kernel takes it: one of each family, if it names no address.
func (r Rule) kernel() (list []*netlink.Rule) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		other := func(p netip.Prefix) bool { return p.IsValid() && p.Addr().Is4() != (family == netlink.FAMILY_V4) }
		if _, err := os.Stat("/proc/sys/net/ipv6"); other(r.Src) || other(r.Dst) || family == netlink.FAMILY_V6 && err != nil {
			continue
		}
		k := netlink.NewRule()
		k.Family, k.Priority, k.Table, k.IifName, k.Type = family, r.Priority, r.Table, r.In, uint8(r.Refuse.kernel())
		if r.Mask != 0 {
			mask := r.Mask
			k.Mark, k.Mask = r.Mark, &mask
		}
		if r.Src.IsValid() {
			k.Src = ipNet(r.Src)
		}
		if r.Dst.IsValid() {
			k.Dst = ipNet(r.Dst)
		}
		list = append(list, k)
	}
	return list
}

// kernel is the type of a route (linux/rtnetlink.h), which is the action of a rule too
// (linux/fib_rules.h); 0: the usual one.
func (r Refusal) kernel() int {
	return [...]int{0, unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT}[r]
}
