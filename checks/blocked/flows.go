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
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxFlows is how many connections of a subject are shown.
const maxFlows = 5

// flows are the connections of a subject that go on though its new packets are
// stopped.
func (o *Observed) flows(ctx context.Context, sys platform.System, s *Subject, ports []pbx.Ports) {
	// What a list of "recent" stops came too often: a limit, and no ban.
	if !establishedPass(*s) || !slices.ContainsFunc(effectiveBlocks(*s), func(b Block) bool { return b.Layer != bans.LayerRecent }) {
		return
	}
	for _, p := range ports {
		if p.Purpose == purposeRTP {
			continue
		}
		for _, span := range p.Set {
			if span.Hi-span.Lo >= 10 {
				continue // a range is media
			}
			for port := span.Lo; port <= span.Hi; port++ {
				list, err := netinfo.ReadFlows(ctx, sys, p.Protocol, uint16(port))
				if err != nil {
					if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, platform.ErrNotCollected) {
						o.Notes = append(o.Notes, platform.Words(err))
					}
					return // it is the same for all ports
				}
				for _, f := range list {
					if f.Answered && s.Address.Contains(f.From.Addr()) && len(s.Flows) < maxFlows {
						s.Flows = append(s.Flows, f)
					}
				}
			}
		}
	}
}

// goingOn is about connections that outlive a ban: a phone that still works,
// or a scanner that was never shut out.
func goingOn(s Subject) (checks.Finding, bool) {
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
		if c := x.End(); !slices.ContainsFunc(steps, func(s command.Step) bool { return s.Do[0].Equal(c) }) {
			steps = append(steps, command.Step{Do: []command.Command{c}})
		}
	}
	f.Fixes = fixes.Build("end-connections", "", words.Args{"address": addrString(s.Address)}, steps...)
	return f, true
}
