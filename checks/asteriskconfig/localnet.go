package asteriskconfig

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// localNets is about the networks that are not told the external address.
func localNets(v *view) {
	for _, t := range v.kinds["transport"] {
		set := t.Last("external_media_address") != "" || t.Last("external_signaling_address") != ""
		if !outside(t) {
			continue
		}
		var nets []netip.Prefix
		for i := range t.Options {
			if o := &t.Options[i]; strings.EqualFold(o.Name, "local_net") {
				nets = append(nets, v.localNet(t, o, set, "pjsip")...)
			}
		}
		switch {
		case !set:
		case len(nets) == 0:
			v.noLocalNet(t)
		default:
			v.lansLeft(t, nets, "local_net=", "pjsip")
		}
	}
}

// noLocalNet: every peer is told the external address, phones of the same network
// too. A server without such phones is none the worse.
func (v *view) noLocalNet(t *section) {
	x := Fault{ID: "local-net-missing", Severity: warning, Confidence: possible, Lines: []Line{header(t, "local_net=")}, Reload: "pjsip", Source: docsNAT}
	for _, lan := range v.o.LANs {
		x.Edits = append(x.Edits, addTo(t, "local_net="+lan.Network.String()))
	}
	v.add(x, t.Name)
}

// localNet judges one line, and returns its networks.
func (v *view) localNet(s *section, o *option, external bool, reload string) (nets []netip.Prefix) {
	for _, item := range asterisk.Items(o.Value) {
		n, ok := asterisk.Prefix(item)
		if !ok || !n.Addr().Is4() {
			continue
		}
		nets = append(nets, n)
		x := Fault{Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"network": n}, Reload: reload, Source: docsNAT, Lines: []Line{line(o, "")}}
		who, remote := v.covered(n)
		whole := private(n)
		switch {
		case !external:
		case n.Bits() == 0:
			x.ID, x.Edits = "local-net-everything", []Edit{replace(s, o, o.Name+"="+v.ownLAN())}
			x.Lines[0].Want = o.Name + "=" + v.ownLAN()
		case remote:
			x.ID, x.Args["who"] = "local-net-covers", who
			if whole != "" {
				x.Edits, x.Lines[0].Want = []Edit{replace(s, o, o.Name+"="+whole)}, o.Name+"="+whole
			}
		case whole != "":
			x.ID, x.Severity, x.Args["private"] = "local-net-wide", warning, whole
			x.Edits, x.Lines[0].Want = []Edit{replace(s, o, o.Name+"="+whole)}, o.Name+"="+whole
		case n.IsSingleIP() && !strings.Contains(item, "/") && strings.HasSuffix(item, ".0"):
			want := o.Name + "=" + item + "/24"
			x.ID, x.Severity, x.Args["address"] = "local-net-host", warning, item
			x.Edits, x.Lines[0].Want = []Edit{replace(s, o, want)}, want
		}
		if x.ID != "" {
			v.add(x, s.Name)
		}
	}
	return nets
}

// ownLAN is the network that the machine is in, or the commonest one.
func (v *view) ownLAN() string {
	if len(v.o.LANs) > 0 {
		return v.o.LANs[0].Network.String()
	}
	return "192.168.0.0/16"
}

// privateBlocks are those of RFC 1918.
func privateBlocks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}
}

// private is the block of RFC 1918 that a network lies around, such as 172.16.0.0/12
// in 172.0.0.0/8; empty when it holds no private addresses, or nothing else.
func private(n netip.Prefix) string {
	for _, block := range privateBlocks() {
		if n.Bits() < block.Bits() && n.Contains(block.Addr()) {
			return block.String()
		}
	}
	return ""
}

// covered names a provider whose address lies in a network.
func (v *view) covered(n netip.Prefix) (who string, found bool) {
	for _, p := range v.o.Provider {
		if n.Overlaps(p) {
			return p.String(), true
		}
	}
	if v.remote == nil {
		v.remote = v.remoteHosts()
	}
	for p, host := range v.remote {
		if n.Overlaps(p) && (!found || host < who) {
			who, found = host, true
		}
	}
	return who, found
}

// remoteHosts are the public addresses and networks of providers.
func (v *view) remoteHosts() map[netip.Prefix]string {
	out := map[netip.Prefix]string{}
	for _, s := range slices.Concat(v.kinds["registration"], v.kinds["aor"], v.kinds["identify"]) {
		for _, o := range s.Options {
			var hosts []string
			switch strings.ToLower(o.Name) {
			case "server_uri", "contact":
				host, _, _ := asterisk.SplitURI(o.Value)
				hosts = []string{host}
			case "match":
				hosts = asterisk.Items(o.Value)
			}
			for _, host := range hosts {
				if p, ok := asterisk.Prefix(host); ok && isPublic(p.Addr()) && len(out) < maxMatched {
					out[p] = host
				}
			}
		}
	}
	return out
}

// lansLeft are the networks of this machine whose phones are told the external
// address.
func (v *view) lansLeft(s *section, nets []netip.Prefix, option, reload string) {
	for _, lan := range v.o.LANs {
		if slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Bits() <= lan.Network.Bits() && n.Contains(lan.Network.Addr()) }) {
			continue
		}
		want := option + lan.Network.String()
		v.add(Fault{ID: "local-net-lan", Severity: warning, Confidence: likely, key: lan.Network.String(), Args: words.Args{"network": lan.Network, "interface": lan.Interface},
			Lines: []Line{header(s, want)}, Edits: []Edit{addTo(s, want)}, Reload: reload, Source: docsNAT}, s.Name)
	}
}
