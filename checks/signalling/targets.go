package signalling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// maxServers bounds how many SIP servers one run asks: a profile names a
// handful, and this is not a network scanner.
const maxServers = 8

// target is one (transport, address) of a server.
type target struct {
	transport string
	domain    string // the SIP domain: what the certificate must be for (RFC 5922, section 7)
	host      string // whose address it is
	uri       string // the host part of request URIs
	addr      netip.AddrPort
	expected  bool
	srv       int // place in the order of the SRV record's targets, from 1; 0: not from there
}

// webSocketPorts are the usual ones: RFC 7118's, Asterisk's (http.conf), and
// FreeSWITCH's (internal.xml).
func webSocketPorts() map[int]string {
	return map[int]string{80: "ws", 8088: "ws", 5066: "ws", 443: "wss", 8089: "wss", 7443: "wss"}
}

// defaultPort is the port of a transport (RFC 3261, 19.1.2; RFC 7118, 5).
func defaultPort(transport string) int {
	switch transport {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}

// port is one (transport, port) to try; port 0 asks SRV and the default.
type port struct {
	transport string
	port      int
	expected  bool
}

// ports returns what to try. said are the transports that the profile names for
// this host and port.
func ports(number int, said []string, deep bool) (out []port) {
	add := func(transport string, n int) {
		p := port{transport, n, n == number && slices.Contains(said, transport)}
		if !slices.ContainsFunc(out, func(q port) bool { return q.transport == transport && q.port == n }) {
			out = append(out, p)
		}
	}
	for _, t := range said {
		add(t, number)
	}
	web := webSocketPorts()[number]
	switch {
	case number == 443: // both SIP over TLS and WebSocket hide behind it
		add("tls", number)
		add("wss", number)
	case web != "":
		add(web, number)
	case number == 5061 && len(said) == 0:
		add("tls", number)
	case len(said) > 0 && !slices.Contains(said, "udp") && !slices.Contains(said, "tcp"):
		// The profile says TLS or WebSocket, and nothing else, of this port.
	default:
		add("udp", number)
		add("tcp", number)
		if number == 0 {
			add("tls", 0)
		} else {
			add("tls", defaultPort("tls"))
		}
	}
	if deep {
		add("wss", 443)
		add("wss", 8089)
	}
	return out
}

// resolve finds where a server answers. With a port in the name, or an address,
// DNS records other than addresses have no say (RFC 3263, 4.2); otherwise all
// targets of the SRV records are asked, and only without such records the
// default port: a dead first target looks like a firewall until the second
// answers.
func resolve(ctx context.Context, env *checks.Env, name string) ([]target, error) {
	at, err := netinfo.ParseHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	list := ports(at.Port, env.Inputs.SIPTransports[name], env.Inputs.Deep)
	found := make([][]target, len(list))
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, p := range list {
		wg.Go(func() { found[i], errs[i] = locate(ctx, env, at.Host, p) })
	}
	wg.Wait()
	var out []target
	for _, t := range slices.Concat(found...) {
		if !slices.ContainsFunc(out, func(o target) bool { return o.transport == t.transport && o.addr == t.addr }) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, cmp.Or(append(errs, noFamily(env.Inputs.Bind))...)
	}
	return out, nil
}

// noFamily is the error of a host without an address of the family of bind; its
// text is a code of Server.Error.
func noFamily(bind netip.Addr) error {
	if bind.Is6() {
		return errors.New("no-ipv6")
	}
	return errors.New("no-ipv4")
}

// maxAlternatives bounds how many SRV targets of one transport are asked: their
// number comes from DNS, and so from strangers.
const maxAlternatives = 4

// locate finds the addresses of one transport.
func locate(ctx context.Context, env *checks.Env, host string, p port) ([]target, error) {
	at := []platform.SRV{{Target: host, Port: uint16(p.port)}}
	expected, fromSRV := p.expected, false
	if p.port == 0 {
		at[0].Port = uint16(defaultPort(p.transport))
		if _, err := netip.ParseAddr(host); err != nil && (p.transport == "udp" || p.transport == "tcp" || p.transport == "tls") {
			if srv, err := probe.LookupSIP(ctx, env.Net, p.transport, host); err == nil && len(srv) > 0 {
				at, expected, fromSRV = srv, true, true
			}
		}
	}
	var out []target
	var last error
	for i, s := range at[:min(maxAlternatives, len(at))] {
		addrs, err := env.Net.LookupAddrs(ctx, s.Target)
		if err != nil {
			last = err
			continue
		}
		a, ok := probe.SameFamily(addrs, env.Inputs.Bind)
		if !ok {
			last = cmp.Or(last, noFamily(env.Inputs.Bind))
			continue
		}
		t := target{p.transport, host, s.Target, uriHost(host, p.port), netip.AddrPortFrom(a, s.Port), expected, 0}
		if fromSRV {
			t.srv = i + 1
		}
		out = append(out, t)
	}
	return out, last
}

// uriHost is the host part of a request URI: the port only where it is not the
// usual one, because servers know themselves by name.
func uriHost(host string, number int) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	if number == 0 || number == 5060 || number == 5061 || webSocketPorts()[number] != "" {
		return host
	}
	return host + ":" + strconv.Itoa(number)
}
