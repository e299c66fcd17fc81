package asteriskconfig

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// socket is what a transport binds.
type socket struct {
	udp  bool
	addr netip.AddrPort
	at   *section
}

// transportPorts is about transports that want one and the same port: the second
// is not started. An address and all addresses are one as well.
func transportPorts(v *view) {
	var open []socket
	for _, t := range v.kinds["transport"] {
		protocol := strings.ToLower(t.Last("protocol"))
		if protocol == "ws" || protocol == "wss" || protocol == "flow" {
			continue // they share the port of the web server
		}
		if t.Last("bind") == "" {
			continue
		}
		s := socket{protocol == "" || protocol == "udp", bindOf(t, protocol), t}
		i := slices.IndexFunc(open, func(o socket) bool {
			return o.udp == s.udp && o.addr.Port() == s.addr.Port() && overlap(o.addr.Addr(), s.addr.Addr())
		})
		if i < 0 {
			open = append(open, s)
			continue
		}
		v.add(Fault{ID: "port-conflict", Severity: critical, Confidence: certain, key: t.At(), Args: words.Args{"first": open[i].at.Name, "port": int(s.addr.Port())},
			Lines: []Line{bindLine(open[i].at), bindLine(t)}, Source: docsSections}, t.Name)
	}
	v.bothDrivers(open)
}

// bindOf is the address of a transport: the usual port is 5060, with TLS too.
func bindOf(t *section, protocol string) netip.AddrPort {
	b := asterisk.Bind(t.Last("bind"), protocol)
	if protocol == "tls" && !strings.Contains(t.Last("bind"), ":") {
		return netip.AddrPortFrom(b.Addr(), 5061)
	}
	return b
}

func overlap(a, b netip.Addr) bool {
	return a.Is6() == b.Is6() && (a == b || a.IsUnspecified() || b.IsUnspecified())
}

func bindLine(t *section) Line {
	if o := t.Find("bind"); o != nil {
		return line(o, "")
	}
	return header(t, "")
}

// bothDrivers is about chan_sip and PJSIP on one port, where both are loaded.
func (v *view) bothDrivers(open []socket) {
	if !v.loadsChanSIP() {
		return
	}
	for _, g := range v.SIP {
		if g.Template || !strings.EqualFold(g.Name, "general") {
			continue
		}
		addr, port := g.Last("udpbindaddr"), number(g.Last("bindport"))
		if addr == "" {
			addr = g.Last("bindaddr")
		}
		if port == 0 {
			port = 5060
		}
		own := asterisk.Bind(addr, "udp")
		if !strings.Contains(addr, ":") {
			own = netip.AddrPortFrom(own.Addr(), uint16(port))
		}
		for _, s := range open {
			if s.udp && s.addr.Port() == own.Port() && overlap(s.addr.Addr(), own.Addr()) {
				v.add(Fault{ID: "both-drivers", Severity: critical, Confidence: likely, Args: words.Args{"port": strconv.Itoa(int(own.Port()))},
					Lines: []Line{header(g, ""), bindLine(s.at)}, Source: docsModules}, s.at.Name)
			}
		}
	}
}

// lastWithChanSIP is the last release that has chan_sip.
const lastWithChanSIP = 20

// loadsChanSIP reports whether chan_sip is loaded: it needs sip.conf, and was
// taken out of Asterisk 21.
func (v *view) loadsChanSIP() bool {
	loads, _ := v.Modules.Loads("chan_sip")
	if v.Has("modules.conf") && !v.Modules.Read {
		return false // a bundle that does not tell
	}
	return v.Has("sip.conf") && loads && asterisk.MajorVersion(v.o.Version) <= lastWithChanSIP
}
