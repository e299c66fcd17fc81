package netinfo

import (
	"context"
	"fmt"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// readFilter finds what attaches the kernel's SIP helper on a Linux machine: the
// switch of kernels before 6.0, and rules, with the commands that remove each
// and put it back in its place.
func readFilter(ctx context.Context, sys platform.System) (f filterFacts) {
	if goos, _ := platform.OSOf(sys); goos != "linux" {
		return f
	}
	const automatic = "net.netfilter.nf_conntrack_helper"
	if c, _ := ReadConntrack(sys); c.AutoHelper && c.SIPHelper {
		f.helpers = append(f.helpers, SIPHelper{
			Tool: "sysctl", Rule: automatic + " = 1", Del: "sysctl -w " + automatic + "=0", Add: "sysctl -w " + automatic + "=1",
		})
	}
	if !sys.Root() {
		if sys.Live() {
			f.errs = append(f.errs, fmt.Errorf("reading the packet filter: %w", platform.ErrPrivilege))
		}
		return f
	}
	rules, unread := packetfilter.Load(ctx, sys)
	for _, u := range unread {
		if !u.Aside {
			f.errs = append(f.errs, u.Err)
		}
	}
	words := packetfilter.NewWording(ctx, sys)
	for _, step := range rules.SIPHelpers() {
		for _, e := range step.Delete(words).Rules {
			f.helpers = append(f.helpers, helperOf(e))
		}
	}
	return f
}

// helperOf describes a rule that attaches the helper.
func helperOf(e packetfilter.RuleEdit) SIPHelper {
	h := SIPHelper{Edit: &e}
	if r := e.NFT; r != nil {
		h.Tool, h.Table, h.Chain, h.Rule = "nft", r.Family+" "+r.Table, r.Chain, r.Text
	} else if r := e.IPTables; r != nil {
		h.Tool, h.Table, h.Chain, h.Rule = r.Program, r.Table, r.Chain, r.Listed
	}
	for _, s := range packetfilter.Plan([]packetfilter.RuleEdit{e}) {
		h.Del, h.Add = s.Do[0].String(), s.Undo[0].String()
	}
	return h
}
