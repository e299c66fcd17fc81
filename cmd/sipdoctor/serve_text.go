package main

import (
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

// introduce says what is served, and what to type in the office.
func introduce(w io.Writer, srv *responder.Server, n platform.Network, controlPort int, more ...namedLine) {
	p := srv.Ports()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-13s%s\n", name, fmt.Sprintf(format, args...))
	}
	host, private := publicHost(p.Addrs, n)
	fmt.Fprintf(w, "sipdoctor responder is running; stop it with Ctrl-C.\n\n")
	line("addresses", "%s", addresses(p.Addrs))
	for _, l := range services(p) {
		line(l.name, "%s", l.text)
	}
	switch {
	case p.RTPRange == "":
	case p.RTPBlock == 0:
		line("RTP tests", "UDP %s, without binding them", p.RTPRange)
	default:
		line("RTP tests", "UDP %s, %d ports at a time (all at once needs root or CAP_NET_RAW)", p.RTPRange, p.RTPBlock)
	}
	for _, l := range more {
		if l.text != "" {
			line(l.name, "%s", l.text)
		}
	}
	for _, b := range p.Busy {
		line("not served", "%s", b)
	}
	fmt.Fprintf(w, "\nOn the office PC, run:\n\n  sipdoctor check --responder %s --responder-fingerprint %s\n\n", hostPort(host, controlPort), srv.Fingerprint())
	if private {
		fmt.Fprintf(w, "From outside use this machine's public address or name instead of %s.\n", host)
	}
	fmt.Fprintf(w, "The firewall of this machine must let in:\n  TCP %s\n  UDP %s\n", list(tcpPorts(p.PortsAt)), list(udpPorts(p.PortsAt)))
	if p.RTPRange != "" {
		fmt.Fprintf(w, "  UDP %s\n", p.RTPRange)
	}
	if len(p.Addrs) < 2 || p.Addrs[0].IsUnspecified() {
		fmt.Fprint(w, "\nWith one address clients learn how their NAT maps, but not whether its\n"+
			"filter looks at addresses (RFC 5780). Two own addresses tell both:\n"+
			"  sipdoctor serve --listen ADDRESS1 --listen ADDRESS2\n")
	}
}

// A namedLine is one line of what is served.
type namedLine struct{ name, text string }

// services says what is served: once where all addresses are alike, else
// address by address.
func services(p responder.Ports) []namedLine {
	alike := !slices.ContainsFunc(p.At, func(a responder.PortsAt) bool { return !reflect.DeepEqual(a, p.At[0]) })
	if alike {
		return servedAt(p.PortsAt)
	}
	var out []namedLine
	for i, a := range p.Addrs {
		name := a.String()
		if a.IsUnspecified() {
			name = responder.Everywhere(a)
		}
		if at := p.At[i]; len(udpPorts(at))+len(tcpPorts(at)) > 0 {
			out = append(out, namedLine{"at", name})
			out = append(out, servedAt(at)...)
		}
	}
	return out
}

func servedAt(p responder.PortsAt) []namedLine {
	return []namedLine{
		{"control", fmt.Sprintf("TCP %s (HTTPS); UDP %s where TCP does not get through", list(nonZero(p.Control)), list(p.PlainUDP))},
		{"SIP", fmt.Sprintf("UDP %s; TCP %s; TLS %s", list(p.SIPUDP), list(p.SIPTCP), list(p.SIPTLS))},
		{"comparison", fmt.Sprintf("UDP %s; TCP %s (the same answers at ports that are not SIP's)", list(p.PlainUDP), list(p.PlainTCP))},
		{"STUN", "UDP " + list(p.STUN)},
		{"RTP", "UDP " + list(nonZero(p.RTP))},
	}
}

// publicHost guesses the address at which clients reach this machine, and says
// whether it is one that only its own network knows.
func publicHost(listen []netip.Addr, n platform.Network) (host netip.Addr, private bool) {
	host = listen[0]
	if host.IsUnspecified() {
		// Any address on the Internet will do: nothing is sent to it.
		if a, err := n.SourceFor(netip.MustParseAddr("198.51.100.1")); err == nil {
			host = a
		}
	}
	cgn := netip.MustParsePrefix("100.64.0.0/10")
	return host, host.IsPrivate() || host.IsLoopback() || host.IsUnspecified() || cgn.Contains(host)
}

// hostPort is the responder as the user types it: the default port left out.
func hostPort(host netip.Addr, port int) string {
	if port == 8765 {
		return host.String()
	}
	return netip.AddrPortFrom(host, uint16(port)).String()
}

func addresses(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		if a.IsUnspecified() {
			return "all of this machine"
		}
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

func list(ports []int) string {
	if len(ports) == 0 {
		return "none"
	}
	var out []string
	for _, p := range ports {
		out = append(out, strconv.Itoa(p))
	}
	return strings.Join(out, ", ")
}

func nonZero(p int) []int {
	if p == 0 {
		return nil
	}
	return []int{p}
}

func tcpPorts(p responder.PortsAt) []int {
	return merged(nonZero(p.Control), p.SIPTCP, p.SIPTLS, p.PlainTCP)
}

func udpPorts(p responder.PortsAt) []int {
	return merged(p.SIPUDP, p.PlainUDP, p.STUN, nonZero(p.RTP))
}

func merged(lists ...[]int) []int {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
