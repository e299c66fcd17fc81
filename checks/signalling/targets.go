package signalling

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
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
			add("tls", probe.DefaultPort("tls"))
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
		return nil, cmp.Or(append(errs, probe.NoFamily(env.Inputs.Bind))...)
	}
	return out, nil
}

// maxAlternatives bounds how many SRV targets of one transport are asked: their
// number comes from DNS, and so from strangers.
const maxAlternatives = 4

func locate(ctx context.Context, env *checks.Env, host string, p port) (out []target, err error) {
	found, err := probe.Servers(ctx, env.Net, env.Inputs.Bind, p.transport, host, p.port, maxAlternatives)
	for _, s := range found {
		out = append(out, target{p.transport, host, s.Host, uriHost(host, p.port), s.Addr, p.expected || s.SRV > 0, s.SRV})
	}
	return out, err
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
