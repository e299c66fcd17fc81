package main

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// introduce says what is served, and what to type in the office.
func (s streams) introduce(srv *responder.Server, n platform.Network, controlPort int, more ...namedLine) {
	p := srv.Ports()
	host, private := publicHost(p.Addrs, n)
	lines := append([]namedLine{{"addresses", addresses(p.Addrs)}}, services(p)...)
	if p.RTPRange != "" {
		lines = append(lines, namedLine{"tests", words.Say("say.serve-tests", words.Args{"range": p.RTPRange, "block": p.RTPBlock})})
	}
	lines = append(lines, more...)
	for _, b := range p.Busy {
		lines = append(lines, namedLine{"busy", words.Cause(b).Message()})
	}
	out := &printer{w: s.Out}
	out.prose("", s.say("say.serve-running", nil))
	out.text("\n")
	for _, l := range lines {
		if !l.text.IsZero() {
			out.prose(fmt.Sprintf("  %-13s", s.say("say.serve-label", words.Args{"label": l.label})), s.fill(l.text))
		}
	}
	fmt.Fprintf(s.Out, "\n%s\n\n  sipdoctor check --responder %s --responder-fingerprint %s\n\n", s.say("say.serve-office", nil), hostPort(host.String(), controlPort), srv.Fingerprint())
	if private {
		fmt.Fprintln(s.Out, s.say("say.serve-private", words.Args{"host": host}))
	}
	fmt.Fprintln(s.Out, s.say("say.serve-firewall", nil))
	fmt.Fprintf(s.Out, "  %s\n", s.say("say.serve-open", words.Args{"transport": "TCP", "ports": tcpPorts(p.PortsAt)}))
	fmt.Fprintf(s.Out, "  %s\n", s.say("say.serve-open", words.Args{"transport": "UDP", "ports": udpPorts(p.PortsAt)}))
	if p.RTPRange != "" {
		fmt.Fprintf(s.Out, "  UDP %s\n", p.RTPRange)
	}
	if len(p.Addrs) < 2 || p.Addrs[0].IsUnspecified() {
		fmt.Fprintf(s.Out, "\n%s\n  sipdoctor serve --listen ADDRESS1 --listen ADDRESS2\n", s.say("say.serve-one-address", nil))
	}
}

// A namedLine is one line of what is served; label is one of say.serve-label.
type namedLine struct {
	label string
	text  words.Text
}

// services says what is served: once where all addresses are alike, else
// address by address.
func services(p responder.Ports) []namedLine {
	alike := !slices.ContainsFunc(p.At, func(a responder.PortsAt) bool { return !reflect.DeepEqual(a, p.At[0]) })
	if alike {
		return servedAt(p.PortsAt)
	}
	var out []namedLine
	for i, a := range p.Addrs {
		name := words.Literal(a.String())
		if a.IsUnspecified() {
			name = words.Say("say.serve-everywhere", words.Args{"ipv4": a.Is4()})
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
		{"control", words.Say("say.serve-control", words.Args{"tcp": nonZero(p.Control), "udp": p.PlainUDP})},
		{"sip", words.Say("say.serve-sip", words.Args{"udp": p.SIPUDP, "tcp": p.SIPTCP, "tls": p.SIPTLS})},
		{"comparison", words.Say("say.serve-comparison", words.Args{"udp": p.PlainUDP, "tcp": p.PlainTCP})},
		{"stun", words.Say("say.serve-udp", words.Args{"ports": p.STUN})},
		{"rtp", words.Say("say.serve-udp", words.Args{"ports": nonZero(p.RTP)})},
	}
}

// confined says what the process has given up.
func confined(c platform.Confined, writable string) words.Text {
	files := "files"
	if writable != "" {
		files = "own-files"
	}
	var list []words.Text
	for _, given := range []struct {
		up   bool
		what string
	}{{c.Capabilities, "capabilities"}, {c.NoNewPrivs, "privileges"}, {c.Landlock, files}, {c.Seccomp, "programs"}} {
		if given.up {
			list = append(list, words.Say("say.confined-of", words.Args{"what": given.what}))
		}
	}
	if c.Problem != "" {
		list = append(list, words.Say("say.confined-problem", words.Args{"why": words.Cause(c.Problem)}))
	}
	if len(list) == 0 {
		return words.Text{}
	}
	return words.Say("say.confined", words.Args{"list": list})
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
func hostPort(host string, port int) string {
	if port == 8765 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func addresses(addrs []netip.Addr) words.Text {
	if slices.ContainsFunc(addrs, netip.Addr.IsUnspecified) {
		return words.Say("say.serve-all-addresses", nil)
	}
	return words.Say("say.serve-addresses", words.Args{"list": addrs})
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
