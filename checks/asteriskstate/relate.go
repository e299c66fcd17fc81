package asteriskstate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

// relate notes which addresses share a network, and which networks overlap. It
// stands in the observation because a redacted one has other addresses.
func (o *Observed) relate(networks []netip.Prefix) {
	groups := map[netip.Prefix][]netip.Addr{}
	var order []netip.Prefix
	for _, a := range o.addresses() {
		p := network(a)
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], a)
		if slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) }) {
			o.Routed = append(o.Routed, a)
		}
	}
	for _, p := range order {
		if len(groups[p]) > 1 {
			o.Neighbours = append(o.Neighbours, groups[p])
		}
	}
	o.Overlaps = overlapping(o.Shown.Identifies)
}

// addresses are those of peers and contacts, each once.
func (o *Observed) addresses() (list []netip.Addr) {
	seen := map[netip.Addr]bool{}
	add := func(a netip.Addr) {
		if a.IsValid() && !seen[a] {
			seen[a] = true
			list = append(list, a)
		}
	}
	for _, p := range o.Shown.Peers {
		add(p.Host)
	}
	for _, c := range o.Shown.Contacts {
		add(c.Addr.Addr())
	}
	return list
}

// network is where phones are that share their way to the server: behind one
// public address, or in one private network of the usual size. An IPv6 network has
// 64 bits (RFC 4291, section 2.5.4).
func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	switch {
	case a.Is6():
		bits = 64
	case netinfo.IsPrivate(a):
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// place is the first address of the network that a is in.
func (v *view) place(a netip.Addr) netip.Addr {
	if first, ok := v.places[a]; ok {
		return first
	}
	return a
}

// placeText names the network of an address, or the address where it stands for
// all.
func (v *view) placeText(a netip.Addr) string {
	if _, ok := v.places[a]; ok {
		return network(a).String()
	}
	return a.String()
}

const (
	// mostMatches bounds the networks that are compared with one another.
	mostMatches = 2000
	// mostOverlaps is how many are kept: one network may overlap with all others.
	mostOverlaps = 20
)

// A claim is a network whose requests an endpoint takes to be its own.
type claim struct {
	network  netip.Prefix
	endpoint string
	row      asterisk.Row
}

// overlapping are the networks that two endpoints claim.
func overlapping(identifies []asterisk.ShownIdentify) (list []Overlap) {
	claims, not := claimsOf(identifies)
	spared := func(a, b claim) bool { // the endpoint of a leaves out the network of b ("!10.24.16.36/32")
		return slices.ContainsFunc(not[a.endpoint], func(p netip.Prefix) bool { return p.Overlaps(b.network) && p.Bits() <= b.network.Bits() })
	}
	for i, a := range claims {
		for _, b := range claims[:i] {
			if a.endpoint == b.endpoint || !a.network.Overlaps(b.network) || spared(a, b) || spared(b, a) {
				continue
			}
			o := Overlap{First: b.endpoint, Other: a.endpoint, FirstRow: b.row, OtherRow: a.row, Network: a.network}
			if b.network.Bits() > a.network.Bits() {
				o.Network = b.network
			}
			if list = append(list, o); len(list) == mostOverlaps {
				return list
			}
		}
	}
	return list
}

// claimsOf are the networks of all identify sections, and by endpoint those that
// it leaves out.
func claimsOf(identifies []asterisk.ShownIdentify) (list []claim, not map[string][]netip.Prefix) {
	not = map[string][]netip.Prefix{}
	for _, i := range identifies {
		for _, m := range i.Match {
			text, out := strings.CutPrefix(m, "!")
			p, err := netip.ParsePrefix(text)
			switch {
			case err != nil:
			case out:
				not[i.Endpoint] = append(not[i.Endpoint], p)
			case len(list) < mostMatches:
				row := i.Row
				if !strings.HasSuffix(row.Text, m) {
					row.Text += " " + m
				}
				list = append(list, claim{p.Masked(), i.Endpoint, row})
			}
		}
	}
	return list, not
}
