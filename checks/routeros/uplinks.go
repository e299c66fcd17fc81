package routeros

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Routing is how the router chooses among several uplinks.
type Routing struct {
	Routes []Default `json:"routes,omitempty"` // the best first; none where there is one uplink
	// Ends is the script that ends connections when the uplink changes, if there is one.
	Ends   bool `json:"ends,omitempty"`
	Marked bool `json:"marked,omitempty"` // rules of mangle choose an uplink
	// Masquerade reports that the phones' packets are masqueraded by every uplink, and
	// Translated that they are translated.
	Masquerade bool `json:"masquerade,omitempty"`
	Translated bool `json:"translated,omitempty"`
	// Watch is the gateway of the best route that a fix may watch; invalid: none can.
	Watch netip.Addr `json:"watch,omitzero"`
}

// Default is a default route of the main table.
type Default struct {
	Line      int    `json:"line,omitempty"`
	Text      string `json:"text,omitempty"`
	Interface string `json:"interface"`
	Distance  int    `json:"distance"`
	Check     bool   `json:"check,omitempty"` // check-gateway
	gateway   netip.Addr
}

// defaults are the default routes, the best first.
func (e *export) defaults() (list []Default) {
	add := func(r ros.Row, name, distance string, gateway netip.Addr) {
		n, err := strconv.Atoi(cmp.Or(distance, "1")) // of clients too: https://wiki.mikrotik.com/wiki/Manual:Interface/PPPoE
		check := r.Get("check-gateway").Text
		if err == nil && name != "" && !r.Off() && !e.Down(name) && len(list) < maxUplinks {
			list = append(list, Default{r.Line, e.quote(r.Line, r.Text()), name, n, check != "" && check != "none", gateway})
		}
	}
	for r := range e.Rows("/ip/route") {
		table := r.Get("routing-table").Text
		if r.Get("dst-address").Text != "0.0.0.0/0" || r.Get("routing-mark").Text != "" || table != "" && table != "main" {
			continue
		}
		for gateway := range strings.SplitSeq(r.Get("gateway").Text, ",") {
			name, _ := e.NextHop(gateway)
			host, _, _ := strings.Cut(gateway, "%")
			address, _ := netip.ParseAddr(host)
			add(r, name, r.Get("distance").Text, address)
		}
	}
	for r := range e.Rows("/ip/dhcp-client") {
		if r.Get("add-default-route").Text != "no" {
			add(r, r.Get("interface").Text, r.Get("default-route-distance").Text, netip.Addr{})
		}
	}
	for m := range e.Menus() {
		if !strings.HasPrefix(m.Path, "/interface/") || !strings.HasSuffix(m.Path, "-client") {
			continue
		}
		for r := range e.Rows(m.Path) {
			if r.Yes("add-default-route") {
				add(r, r.Get("name").Text, r.Get("default-route-distance").Text, netip.Addr{})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Default) int { return cmp.Compare(a.Distance, b.Distance) })
	return list
}

// routing looks at how several uplinks are chosen.
func (e *export) routing(f filter, o *Observed) {
	list := e.defaults()
	if !slices.ContainsFunc(list, func(d Default) bool { return d.Interface != list[0].Interface }) {
		return
	}
	r := Routing{Routes: list, Ends: e.endsConnections(), Masquerade: true, Translated: true}
	for row := range e.Rows("/ip/firewall/mangle") {
		r.Marked = r.Marked || !row.Off() && row.Get("action").Text == "mark-routing"
	}
	for _, d := range list {
		action := f.translation(o.LANs, d.Interface)
		r.Masquerade = r.Masquerade && action == "masquerade"
		r.Translated = r.Translated && action != ""
	}
	if list[0].gateway.Is4() && e.watches(list[0].gateway) {
		r.Watch = list[0].gateway
	}
	o.Routing = r
}

// translation is the action of NAT by which packets of a LAN leave by an uplink; empty
// if none is certain.
func (f filter) translation(lans []LAN, out string) string {
	for _, lan := range lans {
		if lan.Closed {
			continue
		}
		c := f.class(lan, out, "udp", packetfilter.OneNum(5060), netip.Prefix{})
		c.NATRules = true
		for _, x := range f.outcomes(c) {
			if row, ok := f.row(x.SourceBy); ok && !x.SourceBy.Assumed && x.Verdict == packetfilter.Accepted {
				return row.Get("action").Text
			}
		}
	}
	return ""
}

var endsThem = regexp.MustCompile(`(?s)firewall[ /]+connection.*remove`)

// endsConnections reports whether a script of the router ends connections: what it does
// that for is taken to be this.
func (e *export) endsConnections() bool {
	for r, text := range scripts(e.Config) {
		if !r.Off() && endsThem.MatchString(text) {
			return true
		}
	}
	return false
}

// watches reports whether the router takes the fix, and its undo leaves it as it was.
func (e *export) watches(gateway netip.Addr) bool {
	for r := range e.Rows("/tool/netwatch") {
		if r.Get("host").Text == gateway.String() {
			return false // its owner's scripts are there already
		}
	}
	t, x := e.twin(), ros.Failover{Gateway: gateway, Port: e.need.SIPPort()}
	if t.failed || strings.Contains(t.before, "comment="+ros.FailoverComment) || !typed(t.cfg, x.Line()) {
		return false
	}
	return typed(t.cfg, x.Undo()) && t.cfg.Export() == t.before
}
