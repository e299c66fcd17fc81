// Package linuxrouter is the check of a router that is a Linux, such as OpenWrt, VyOS or
// EdgeOS, from inside: what its kernel and its loaded rules do with the SIP and RTP of the
// phones behind it.
package linuxrouter

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "linux-router", Words: ownWords, Group: "router",
		Timeout: 30 * time.Second, // the packet filter's listing
	}, observe, judge)
}

// Observed is what the router is, and what becomes of the packets of its phones.
type Observed struct {
	System  System                 `json:"system"`
	State   netinfo.ConntrackState `json:"state"`
	Helpers []Helper               `json:"helpers,omitempty"`
	NAT     bool                   `json:"nat,omitempty"` // a rule translates addresses
	Need    need.Need              `json:"need"`
	Uplinks []string               `json:"uplinks"`
	LANs    []LAN                  `json:"lans"`
	Stops   []Stop                 `json:"stops,omitempty"`
	Maybe   []words.Reason         `json:"maybe,omitempty"` // why it cannot be told what becomes of some packets
	Asked   int                    `json:"asked"`           // kinds of packets whose way was evaluated
	Cut     bool                   `json:"cut,omitempty"`   // there were too many stops to ask about all
	Notes   []words.Reason         `json:"notes,omitempty"`
	Unread  bool                   `json:"unread,omitempty"`  // rules that need root
	Missing words.Reason           `json:"missing,omitempty"` // rules or routes that were not read, and why
}

// Helper is a rule that hands SIP to the kernel's helper.
type Helper struct {
	Rule  string                  `json:"rule"`
	Where string                  `json:"where"`
	Edits []packetfilter.RuleEdit `json:"edits,omitempty"` // remove it
}

// LAN is a network behind the router.
type LAN struct {
	Prefix    netip.Prefix `json:"prefix"`
	Interface string       `json:"interface"`
	// Closed reports that not even HTTPS gets out of it.
	Closed bool `json:"closed,omitempty"`
}

// Stop is a rule that stops packets from a LAN, or what comes back.
type Stop struct {
	LAN     LAN                     `json:"lan"`
	Out     string                  `json:"out"`
	Answers bool                    `json:"answers,omitempty"` // it stops what the provider answers
	Purpose string                  `json:"purpose"`           // sip, rtp
	Proto   string                  `json:"protocol"`
	Ports   []netinfo.PortRange     `json:"ports"`
	To      []netip.Prefix          `json:"to,omitempty"` // empty: whatever address
	Rule    string                  `json:"rule"`
	Where   string                  `json:"where"`
	Verdict string                  `json:"verdict"`
	Edits   []packetfilter.RuleEdit `json:"edits,omitempty"` // let them pass
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	o := Observed{System: systemOf(env.System), Uplinks: []string{}, LANs: []LAN{}}
	state, notes := netinfo.ReadConntrack(env.System)
	o.State, o.Notes = state, words.Quotes(notes)
	var profile *netinfo.Profile
	if env.Inputs.Profile != "" {
		var err error
		if profile, err = netinfo.LoadProfile(env.Inputs.Profile); err != nil {
			return o, fmt.Errorf("loading the profile: %w", err)
		}
	}
	o.Need = need.Of(profile)
	filter, routes := machine.Filter(ctx), machine.Routes(ctx)
	for _, u := range filter.Unread {
		o.Unread = o.Unread || u.Privilege
		if o.Missing == "" && !u.Aside {
			o.Missing = u.Reason()
		}
	}
	if routes.Err != nil && o.Missing == "" {
		o.Missing = words.Quote(routes.Err.Error())
	}
	wording := packetfilter.NewWording(ctx, env.System)
	for _, step := range filter.Rules.SIPHelpers() {
		o.Helpers = append(o.Helpers, Helper{Rule: step.Rule.Text, Where: pbx.RulePlace(step), Edits: step.Delete(wording).Rules})
	}
	o.networks(routes)
	for _, x := range pbx.Matches[*packetfilter.NAT](filter.Rules) {
		o.NAT = o.NAT || x.Kind == packetfilter.Masquerade || x.Kind == packetfilter.SNAT
	}
	if !o.Unread && o.Missing == "" {
		o.evaluate(ctx, filter.Rules, wording, routes)
	}
	return o, ctx.Err()
}

// maxLANs bounds the networks that are looked at.
const maxLANs = 8

// networks are the uplinks, by which default routes lead out, and the private IPv4
// networks on other interfaces.
func (o *Observed) networks(rt *pbx.Routes) {
	for _, r := range rt.Host.Routes {
		if r.Dst.Bits() == 0 && r.Dst.Addr().Is4() && r.Interface != "" && r.Table == "main" && !slices.Contains(o.Uplinks, r.Interface) {
			o.Uplinks = append(o.Uplinks, r.Interface)
		}
	}
	for _, a := range rt.Host.Addrs {
		for _, r := range rt.Host.Routes { // the network of an address is a route of its interface
			lan := LAN{Prefix: r.Dst.Masked(), Interface: a.Interface}
			if r.Interface != a.Interface || !r.Dst.Contains(a.Addr) || r.Dst.Bits() == 0 || r.Dst.Bits() > 30 || !a.Addr.Is4() || !a.Addr.IsPrivate() ||
				slices.Contains(o.Uplinks, a.Interface) || slices.Contains(o.LANs, lan) || len(o.LANs) == maxLANs {
				continue
			}
			o.LANs = append(o.LANs, lan)
		}
	}
}
