// Package firewall is the check of the PBX's own packet filter: whether it
// opens the ports that Asterisk uses, to those who have not been banned.
package firewall

import (
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
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
		ID: "firewall", Words: ownWords, Group: "pbx", Bundle: true,
		Timeout: 30 * time.Second, // a listing of 100,000 nftables rules takes some seconds on a small machine
	}, observe, judge)
}

// Observed is what the rules do with a stranger's packets, and what listens.
type Observed struct {
	Asterisk bool   `json:"asterisk"` // there is one
	Running  bool   `json:"running"`
	RTP      string `json:"rtp"`      // "10000-20000"
	RTPFrom  string `json:"rtp_from"` // where that stands
	Parts    []Part `json:"parts,omitempty"`
	// At is the own address that Parts are about, where others fare differently.
	At       netip.Addr     `json:"at,omitzero"`
	Sockets  []Socket       `json:"sockets,omitempty"`
	Root     bool           `json:"root"`
	Unread   bool           `json:"unread,omitempty"` // the packet filter was not read
	Managers []string       `json:"managers,omitempty"`
	Denied   bool           `json:"denied,omitempty"`  // because it needs root
	Missing  words.Reason   `json:"missing,omitempty"` // a part of it that was not read
	Notes    []words.Reason `json:"notes,omitempty"`
	RTPSet   *RTPSet        `json:"rtp_set,omitempty"`
	RTPUse   *RTPUse        `json:"rtp_use,omitempty"`
	Limits   []Limit        `json:"limits,omitempty"`
}

// Part is a part of the ports that fares alike.
type Part struct {
	Protocol string         `json:"protocol"`
	Ports    string         `json:"ports"`
	Purpose  string         `json:"purpose"` // sip or rtp
	Verdict  string         `json:"verdict"` // accept drop reject maybe
	Rule     string         `json:"rule"`
	Table    string         `json:"table,omitempty"`
	Reasons  []words.Reason `json:"reasons,omitempty"`
	Why      words.Reason   `json:"why,omitempty"` // what decides besides the rules
	// Allow accepts everyone right before the rule that decides.
	Allow []packetfilter.RuleEdit `json:"allow,omitempty"`
}

// Socket is a SIP port that Asterisk is set to, and whether something listens.
type Socket struct {
	Protocol  string `json:"protocol"`
	Port      uint16 `json:"port"`
	Listening bool   `json:"listening"`
	Program   string `json:"program,omitempty"`
	At        string `json:"at,omitempty"` // FILE:LINE that sets it
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	ast, routes := machine.Asterisk(ctx), machine.Routes(ctx)
	o := Observed{Root: env.System.Root(), Notes: ast.Notes}
	if ast.State != nil {
		o.Asterisk, o.Running, o.RTPFrom = true, ast.State.Running, ast.State.RTP.From
		if ast.State.FreePBX {
			o.Managers = append(o.Managers, "freepbx")
		}
	}
	open := o.sockets(ctx, env, ast)
	filter := machine.Filter(ctx)
	o.filterNotes(filter)
	wording := packetfilter.NewWording(ctx, env.System)
	for _, ports := range ast.Wanted() {
		if ports.Purpose == "rtp" {
			o.RTP = pbx.WritePorts(ports.Set)
			o.inUse(open, ast, ports.Set)
		}
		if !o.Unread && ports.Purpose == "sip" {
			o.Limits = append(o.Limits, limits(filter.Rules, routes, ports)...)
		}
	}
	if !o.Unread {
		o.parts(filter.Rules, wording, routes, ast)
	}
	o.notReloaded(ast, func(p pbx.Ports) []Part {
		return o.uncertain(partsAt(filter.Rules, wording, routes, p, pbx.Arrival{In: routes.Host.InterfaceTo(pbx.Nobody(false).Addr()), To: []netip.Addr{o.At}}))
	})
	return o, ctx.Err()
}

// filterNotes says what of the packet filter is missing, and which part of it
// may stop an IPv4 packet that the rest accepts.
func (o *Observed) filterNotes(f pbx.Filter) {
	for _, u := range f.Unread {
		o.Notes = append(o.Notes, u.Reason())
		o.Denied = o.Denied || u.Privilege
	}
	o.Notes = append(o.Notes, words.Quotes(f.Notes)...)
	o.Missing = packetfilter.FirstUnread(f.Unread, false)
	o.Unread = o.Denied || o.Missing != "" && len(f.Rules.Tables) == 0
}

// uncertain takes back what the rules that were read accept, where others were
// not read.
func (o *Observed) uncertain(list []Part) []Part {
	for i := range list {
		if p := &list[i]; o.Missing != "" && p.Verdict == string(packetfilter.Accepted) {
			p.Verdict, p.Reasons = string(packetfilter.Maybe), append(slices.Clone(p.Reasons), o.Missing)
		}
	}
	return list
}

// parts takes a stranger's packets through the rules, to each own address that
// they come to, and keeps the one at which most is open: that is the one the PBX
// is reached at. At is that address, where the others fare differently.
func (o *Observed) parts(rules *packetfilter.Ruleset, wording *packetfilter.Wording, routes *pbx.Routes, ast pbx.Asterisk) {
	most, differ := -1, false
	for _, arrival := range routes.Arrivals(pbx.Nobody(false).Addr(), ast.Bound()) {
		to := arrival.To
		if len(to) == 0 {
			to = []netip.Addr{{}} // no address is known
		}
		for _, at := range to {
			var list []Part
			for _, ports := range ast.Wanted() {
				list = append(list, partsAt(rules, wording, routes, ports, pbx.Arrival{In: arrival.In, To: []netip.Addr{at}})...)
			}
			n := open(list)
			differ = differ || most >= 0 && n != most
			if n > most {
				most, o.Parts, o.At = n, list, at
			}
		}
	}
	if !differ {
		o.At = netip.Addr{}
	}
	o.Parts = o.uncertain(o.Parts)
}

// open counts the ports that strangers reach.
func open(list []Part) (n int) {
	for _, p := range list {
		if p.Verdict == string(packetfilter.Accepted) {
			n += count(p.Ports)
		}
	}
	return n
}

// partsAt takes a stranger's packets that come in at one place to some ports
// through the rules.
func partsAt(rules *packetfilter.Ruleset, wording *packetfilter.Wording, routes *pbx.Routes, ports pbx.Ports, at pbx.Arrival) (list []Part) {
	c := routes.PacketsAt(at, []netip.Prefix{pbx.Nobody(false)}, ports)
	everyone := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, o := range rules.Evaluate(c).Outcomes {
		p := Part{
			Protocol: ports.Protocol, Ports: pbx.WritePorts(o.Region.DstPort), Purpose: ports.Purpose,
			Verdict: string(o.Verdict), Rule: pbx.RuleText(o.Decider), Table: pbx.RulePlace(o.Decider), Reasons: o.Reasons, Why: o.Decider.Why,
		}
		if pbx.Stopped(o) {
			p.Allow = rules.Allow(wording, c, o, everyone).Rules
		}
		list = append(list, p)
	}
	return list
}

// sockets compares the transports with what listens.
func (o *Observed) sockets(ctx context.Context, env *checks.Env, ast pbx.Asterisk) []netinfo.Socket {
	if ast.State == nil {
		return nil
	}
	open, notes := netinfo.ReadSockets(ctx, env.System)
	o.Notes = append(o.Notes, words.Quotes(notes)...)
	if len(open) == 0 {
		return nil // nothing is known, and silence proves nothing
	}
	for _, t := range ast.State.Transports {
		protocol := map[string]string{"udp": "udp", "tcp": "tcp", "tls": "tcp"}[t.Protocol]
		if protocol == "" || t.Bind.Port() == 0 {
			continue
		}
		addr := t.Bind.Addr()
		if addr.IsUnspecified() {
			addr = netip.Addr{}
		}
		s, ok := netinfo.Listens(open, protocol, addr, t.Bind.Port())
		o.Sockets = append(o.Sockets, Socket{Protocol: protocol, Port: t.Bind.Port(), Listening: ok, Program: s.Program, At: t.At})
	}
	return open
}
