package blocked

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxFlows is how many connections of a subject are shown.
const maxFlows = 5

// flows adds the connections that go on though new packets are stopped.
func (e question) flows(s Subject) Subject {
	if sparesFlows(s) {
		s.Flows = e.Flows
	}
	return s
}

// sparesFlows reports whether a ban stops the subject and spares its
// connections. What a list of "recent" stops came too often: a limit, and no ban.
func sparesFlows(s Subject) bool {
	return establishedPass(s) && slices.ContainsFunc(effectiveBlocks(s), func(b Block) bool { return b.Layer != bans.LayerRecent })
}

// readFlows reads the connections of the addresses that something holds.
func (r *Read) readFlows(ctx context.Context, sys platform.System, rules *packetfilter.Ruleset) {
	var held []*Asked
	for i := range r.Asked {
		a := &r.Asked[i]
		if len(a.Bans) > 0 || len(r.jailed(a.Address).Holds) > 0 || len(rules.Mentions(a.Address)) > 0 {
			held = append(held, a)
		}
	}
	if len(held) == 0 {
		return
	}
	for _, p := range pbx.SIPPorts(r.Ports) {
		list, err := netinfo.ReadFlows(ctx, sys, p.Protocol, p.Port)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, platform.ErrNotCollected) {
				r.FlowsUnread = platform.Words(err).Reason()
			}
			return // it is the same for all ports
		}
		for _, f := range list {
			for _, a := range held {
				if f.Answered && a.Address.Contains(f.From.Addr()) && len(a.Flows) < maxFlows {
					a.Flows = append(a.Flows, f)
				}
			}
		}
	}
}

// connectionGoesOn is about connections that outlive a ban: a phone that still works,
// or a scanner that was never shut out.
func connectionGoesOn(s Subject) (checks.Finding, bool) {
	if len(s.Flows) == 0 {
		return checks.Finding{}, false
	}
	f := checks.Finding{
		ID: "blocked.connection-goes-on", Severity: checks.Warning, Confidence: checks.Certain, Args: words.Args{"who": who(s)},
	}
	var steps []command.Step
	for _, x := range s.Flows {
		flow := words.Args{"protocol": strings.ToUpper(x.Protocol), "from": x.From, "port": x.To.Port()}
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("blocked.evidence.connection", nil), nil, words.Say("blocked.evidence.flow", flow)))
		steps = pbx.AddStep(steps, command.Step{Do: []command.Command{x.End()}})
	}
	f.Fixes = fixes.Build("end-connections", "", words.Args{"address": pbx.AddressText(s.Address)}, steps...)
	return f, true
}
