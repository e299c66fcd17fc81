package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
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
			if err := netlink.RuleAdd(r.kernel()); err != nil {
				return unavailable(fmt.Errorf("adding a rule of routing: %w", err))
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

// kernel is the rule as the kernel takes it.
func (r Rule) kernel() *netlink.Rule {
	k := netlink.NewRule()
	k.Priority, k.Table, k.IifName = r.Priority, r.Table, r.In
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
	return k
}
