// Package conntrack is the check of what the PBX's own kernel does with SIP:
// whether its helper rewrites it, whether the connection table is full, and
// whether it forgets a trunk's flow between two registrations.
package conntrack

import (
	"cmp"
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "conntrack", Words: ownWords, Group: "pbx", Bundle: true,
		Timeout: 20 * time.Second, // the packet filter's listing
	}, observe, judge)
}

// Observed is the state of connection tracking and what depends on it.
type Observed struct {
	State   netinfo.ConntrackState `json:"state"`
	Helpers []Helper               `json:"helpers,omitempty"`
	Trunks  []Trunk                `json:"trunks,omitempty"`
	Banned  []BannedFlow           `json:"banned_flows,omitempty"`
	Moved   []Moved                `json:"moved,omitempty"`
	Notes   []words.Reason         `json:"notes,omitempty"`
	Unread  bool                   `json:"unread,omitempty"`  // rules that need root
	Missing words.Reason           `json:"missing,omitempty"` // rules that were not read, and why
}

// Helper is a rule that hands SIP to the kernel's helper.
type Helper struct {
	Rule  string                  `json:"rule"`
	Where string                  `json:"where"`
	Edits []packetfilter.RuleEdit `json:"edits,omitempty"` // remove it
}

// Trunk is a registration of this PBX with a provider.
type Trunk struct {
	Name   string       `json:"name"`
	Addr   netip.Addr   `json:"addr"`
	EveryS int          `json:"every_s"` // between two registrations or OPTIONS
	New    string       `json:"new"`     // verdict on a first packet of the provider
	Answer string       `json:"answer"`  // on one of a flow that is remembered
	Rule   words.Reason `json:"rule"`
	// Allow lets the trunk in right before the rule that decides.
	Allow []packetfilter.RuleEdit `json:"allow,omitempty"`
}

// defaultExpiration is how long Asterisk's registrations ask to last, in
// seconds (res_pjsip_outbound_registration, expiration).
const defaultExpiration = 3600

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	var o Observed
	state, notes := netinfo.ReadConntrack(env.System)
	o.State, o.Notes = state, words.Quotes(notes)
	filter := machine.Filter(ctx)
	for _, u := range filter.Unread {
		o.Unread = o.Unread || u.Privilege
		if o.Missing == "" && !u.Aside {
			o.Missing = u.Reason()
		}
	}
	o.Notes = append(o.Notes, words.Quotes(filter.Notes)...)
	wording := packetfilter.NewWording(ctx, env.System)
	for _, step := range filter.Rules.SIPHelpers() {
		o.Helpers = append(o.Helpers, Helper{Rule: step.Rule.Text, Where: pbx.RulePlace(step), Edits: step.Delete(wording).Rules})
	}
	ast := machine.Asterisk(ctx)
	if ast.State != nil && !o.Unread {
		o.trunks(ctx, env, machine, ast.State, wording)
	}
	if !o.Unread {
		o.Moved = moved(filter.Rules, wording, machine.Routes(ctx), ast.Wanted())
		o.flows(ctx, env.System, filter, machine.Routes(ctx), ast)
	}
	return o, ctx.Err()
}

// trunks takes a provider's call through the rules, as a first packet and as
// one that a remembered flow covers.
func (o *Observed) trunks(ctx context.Context, env *checks.Env, machine *pbx.PBX, st *asterisk.State, wording *packetfilter.Wording) {
	filter, routes := machine.Filter(ctx), machine.Routes(ctx)
	sip := slices.IndexFunc(machine.Asterisk(ctx).Wanted(), func(p pbx.Ports) bool { return p.Purpose == "sip" && p.Protocol == "udp" })
	if sip < 0 {
		return // no UDP, no UDP flow that is forgotten
	}
	ports := machine.Asterisk(ctx).Wanted()[sip]
	for _, r := range st.Registrations {
		if r.Cut || r.Transport == "tcp" || r.Transport == "tls" {
			continue
		}
		for _, a := range addresses(ctx, env, r.Server) {
			c := packetfilter.Class{
				Protocol: packetfilter.UDP, Src: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, DstPorts: ports.Set,
				Hook: packetfilter.HookInput, In: routes.Host.InterfaceTo(a), State: packetfilter.StateNew,
			}
			t := Trunk{Name: r.Name, Addr: a, EveryS: cmp.Or(r.Expiration, defaultExpiration), New: "accept"}
			for _, x := range filter.Rules.Evaluate(c).Outcomes {
				if x.Verdict != packetfilter.Accepted {
					t.New, t.Rule = string(x.Verdict), pbx.RuleAt(x.Decider)
					t.Allow = x.Decider.AllowBefore(wording, c.Src[0], c.Protocol, ports.Set).Rules
				}
			}
			c.State = packetfilter.StateEstablished
			t.Answer = string(pbx.Verdict(filter.Rules, c))
			for _, e := range st.Endpoints {
				if e.Name == r.Name && e.Qualify > 0 {
					t.EveryS = min(t.EveryS, e.Qualify)
				}
			}
			o.Trunks = append(o.Trunks, t)
		}
	}
}

// addresses are those of a host, as far as they can be had here.
func addresses(ctx context.Context, env *checks.Env, host string) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	if !env.System.Live() || env.Net == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // a name that does not resolve is the dns check's business
	defer cancel()
	list, _ := env.Net.LookupAddrs(ctx, host)
	return list
}
