package routeros

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/fixes"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Besides is what stops packets besides the rules of the IP firewall.
type Besides struct {
	NoForward Line      `json:"no_forward,omitzero"` // where the router is told to forward nothing
	Refused   []Refusal `json:"refused,omitempty"`
	Hotspots  []string  `json:"hotspots,omitempty"` // interfaces of LANs where devices have to log in
	// Bypassed reports that some devices are let past a hotspot.
	Bypassed bool `json:"bypassed,omitempty"`
	// Bridge is the first rule of the bridge's own filter that may drop SIP or media.
	Bridge Place `json:"bridge,omitzero"`
}

// Refusal is a route that refuses a network of the provider.
type Refusal struct {
	Place
	To netip.Prefix `json:"to"`
}

// besides looks at what the rules do not tell.
func (e *export) besides(o *Observed) {
	const path = "/ip/settings"
	if r := e.Settings(path); r.Get("ip-forward").Text == "no" {
		o.Besides.NoForward = e.from(path, r, r.Get("ip-forward"))
	}
	for _, to := range e.providers() {
		if r := e.narrowestRoute(to); r.Item != nil && r.Refusal() != "" && len(o.Besides.Refused) < maxDead {
			o.Besides.Refused = append(o.Besides.Refused, Refusal{Place{r.Line, "route", e.quote(r.Line, r.Text())}, to})
		}
	}
	for r := range e.Rows("/ip/hotspot") { // off unless told otherwise
		name := r.Get("interface").Text
		if r.Get("disabled").Text == "no" && slices.ContainsFunc(o.LANs, func(l LAN) bool { return l.Interface == name }) {
			o.Besides.Hotspots = append(o.Besides.Hotspots, name)
		}
	}
	for r := range e.Rows("/ip/hotspot/ip-binding") {
		o.Besides.Bypassed = o.Besides.Bypassed || !r.Off() && r.Get("type").Text == "bypassed"
	}
	for r := range e.Rows("/interface/bridge/filter") {
		if o.Besides.Bridge.Line == 0 && e.mayDrop(r) {
			o.Besides.Bridge = Place{r.Line, "bridge filter " + r.Get("chain").Text, e.quote(r.Line, r.Text())}
		}
	}
}

// narrowestRoute is the narrowest route of the main table to all of a network, the default
// routes aside.
func (e *export) narrowestRoute(to netip.Prefix) (row ros.Row) {
	best := 0
	for r := range e.Rows("/ip/route") {
		p, err := netip.ParsePrefix(r.Get("dst-address").Text)
		aside := r.Get("routing-mark").Text != "" || !slices.Contains([]string{"", "main"}, r.Get("routing-table").Text)
		if err == nil && !r.Off() && !aside && p.Bits() > best && p.Bits() <= to.Bits() && p.Contains(to.Addr()) {
			best, row = p.Bits(), r
		}
	}
	return row
}

// mayDrop reports whether a rule of the bridge's filter may drop SIP or media that the
// router forwards: what the bridge itself forwards stays inside.
func (e *export) mayDrop(r ros.Row) bool {
	has := func(name string, values ...string) bool {
		v, not, ok := r.Match(name)
		return !ok || not || slices.Contains(values, v)
	}
	if r.Off() || r.Get("action").Text != "drop" || !slices.Contains([]string{"input", "output"}, r.Get("chain").Text) || !has("mac-protocol", "ip", "0x800", "0x0800") || !has("ip-protocol", "udp", "17", "tcp", "6") {
		return false
	}
	text, not, ok := r.Match("dst-port")
	if set, read := parsePorts(text); ok && !not && read {
		return slices.ContainsFunc(e.need.Ports, func(u Use) bool { return len(set.Intersect(need.Ports(u.Ports))) > 0 })
	}
	return true
}

// The command that lets the router forward packets, as it does by itself, and its undo.
const (
	forwardAgain = "/ip settings set ip-forward=yes"
	forwardNone  = "/ip settings set ip-forward=no"
)

// refused are packets that the router does not forward, whatever its rules say.
func refused(o Observed) (list []checks.Finding) {
	if o.Besides.NoForward.Line > 0 {
		list = append(list, checks.Finding{
			ID: "routeros.forwarding-off", Severity: checks.Critical, Confidence: checks.Certain, Evidence: []checks.Evidence{proof(o.Besides.NoForward, "ip-forward=no", "ip-forward=yes")},
			Fixes: fixes.Typed("forward-packets", nil, []string{forwardAgain}, []string{forwardNone}),
		})
	}
	for _, r := range o.Besides.Refused {
		list = append(list, checks.Finding{
			ID: "routeros.provider-refused", Severity: checks.Critical, Confidence: checks.Certain, Subject: strconv.Itoa(r.Line),
			Args: words.Args{"line": r.Line, "to": r.To, "profile": tame(o.Need.Profile)}, Evidence: []checks.Evidence{quoteRule(r.Place)},
		})
	}
	return oncePerRule(list)
}

// notTold is what an export cannot tell of hotspots and bridges.
func (o Observed) notTold() (parts []words.Text) {
	logIn := func(l LAN) bool { return l.Closed || slices.Contains(o.Besides.Hotspots, l.Interface) }
	if len(o.Besides.Hotspots) > 0 && !o.Besides.Bypassed && !slices.ContainsFunc(o.LANs, func(l LAN) bool { return !logIn(l) }) {
		parts = append(parts, say("unclear.hotspot", words.Args{"in": tame(strings.Join(o.Besides.Hotspots, ", "))}))
	}
	if o.Besides.Bridge.Line > 0 {
		parts = append(parts, say("unclear.bridge", words.Args{"line": o.Besides.Bridge.Line}))
	}
	return parts
}

// hotspots are worth knowing: their rules stand before all others.
func (o Observed) hotspots() (list []words.Text) {
	for _, name := range o.Besides.Hotspots {
		list = append(list, say("note.hotspot", words.Args{"in": tame(name)}))
	}
	return list
}
