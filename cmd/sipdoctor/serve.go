package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/platform"
)

// serveOptions are the flags of "sipdoctor serve".
type serveOptions struct {
	listen      []string
	control     string
	sipPorts    []int
	sipsPort    int
	cert, key   string
	maxSessions int
	metrics     string
	rtpRange    string
	verbose     bool
}

func newServeCommand(s streams) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the far end that office checks talk to (on a VPS, or on the PBX)",
		Long: `Run the responder: the far end that "sipdoctor check --responder" talks to.

It belongs outside of the office, on any machine with a public address: a
small VPS, or the PBX itself. It answers test messages and tells the client
exactly what arrived; it routes no calls, and sends to nobody but its clients.
A port that another program owns (a PBX on 5060) is left alone.

Two addresses of this machine (--listen twice) let clients learn how their NAT
filters, not only how it maps (RFC 5780).`,
		Example: `  sipdoctor serve
  sipdoctor serve --listen 203.0.113.5 --listen 203.0.113.6
  sipdoctor serve --tls-cert fullchain.pem --tls-key privkey.pem`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.serve(cmd.Context(), s, platform.Real(platform.RealOptions{}))
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.listen, "listen", nil, "own `ADDRESS` to serve, may be repeated (default all of this machine)")
	f.StringVar(&o.control, "control", ":8765", "`[ADDRESS]:PORT` of the control channel, TCP and UDP")
	f.IntSliceVar(&o.sipPorts, "sip-ports", []int{5060, 5080}, "`PORTS` of SIP over UDP and TCP")
	f.IntVar(&o.sipsPort, "sips-port", 5061, "`PORT` of SIP over TLS")
	f.StringVar(&o.cert, "tls-cert", "", "certificate `FILE` (PEM); without it one is made at every start")
	f.StringVar(&o.key, "tls-key", "", "key `FILE` (PEM) of --tls-cert")
	f.IntVar(&o.maxSessions, "max-sessions", 1000, "clients served at a time")
	f.StringVar(&o.rtpRange, "rtp-range", "10000-65535", "UDP ports where RTP tests are answered, `FIRST-LAST`; none: on no port")
	f.StringVar(&o.metrics, "metrics", "", "`[ADDRESS]:PORT` for Prometheus metrics over HTTP (default none)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "a line on standard error for every session")
	return cmd
}

// serve runs the responder until ctx ends.
func (o *serveOptions) serve(ctx context.Context, s streams, n platform.Network) error {
	cfg, err := o.config(n)
	if err != nil {
		return err
	}
	if o.verbose {
		cfg.Log = func(line string) { fmt.Fprintln(s.Err, line) }
	}
	srv, err := responder.New(cfg)
	if err != nil {
		return err
	}
	if err := srv.Listen(ctx); err != nil {
		return err
	}
	introduce(s.Out, srv, n, cfg.ControlPort)
	boundMemory()
	return srv.Serve(ctx)
}

// boundMemory lets the collector work harder before the process is much larger
// than what the responder may keep; a limit of the user's (GOMEMLIMIT) stays.
func boundMemory() {
	const restOfProcess = 48 << 20
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(responder.DefaultMemory + restOfProcess)
	}
}

// config checks every flag; nothing is opened when it refuses.
func (o *serveOptions) config(n platform.Network) (responder.Config, error) {
	t := thisTool()
	cfg := responder.Config{Net: n, Tool: t.Name + " " + t.Version, SIPPorts: o.sipPorts, SIPSPort: o.sipsPort}
	for _, l := range o.listen {
		a, err := netip.ParseAddr(strings.Trim(l, "[]"))
		if err != nil {
			return cfg, usagef("--listen %q is no address; give one of this machine's, like 203.0.113.5", l)
		}
		cfg.Listen = append(cfg.Listen, a.Unmap())
	}
	control, err := localPort("control", o.control)
	if err != nil {
		return cfg, err
	}
	cfg.Control, cfg.ControlPort = control.Addr(), int(control.Port())
	if cfg.Control.IsUnspecified() {
		cfg.Control = netip.Addr{}
	}
	for _, p := range append(slices.Clone(o.sipPorts), o.sipsPort) {
		if p < 1 || p > 65535 {
			return cfg, usagef("--sip-ports and --sips-port: %d is no port; 1 to 65535 are", p)
		}
	}
	if o.maxSessions < 1 {
		return cfg, usagef("--max-sessions %d: at least 1 is needed", o.maxSessions)
	}
	cfg.Limits.Sessions = o.maxSessions
	if cfg.RTPFirst, cfg.RTPLast, err = servedRange(o.rtpRange); err != nil {
		return cfg, err
	}
	if o.metrics != "" {
		if cfg.Metrics, err = localPort("metrics", o.metrics); err != nil {
			return cfg, err
		}
	}
	return cfg, o.certificate(&cfg)
}

func (o *serveOptions) certificate(cfg *responder.Config) error {
	switch {
	case o.cert == "" && o.key == "":
		return nil
	case o.cert == "" || o.key == "":
		return usagef("--tls-cert and --tls-key go together")
	}
	c, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return usagef("reading --tls-cert %s and --tls-key %s: %w", o.cert, o.key, err)
	}
	cfg.Certificate = &c
	return nil
}

// servedRange reads --rtp-range; -1 serves none.
func servedRange(text string) (first, last int, err error) {
	if text == "none" {
		return -1, -1, nil
	}
	if first, last, err = rtpports.ParseRange(text); err != nil {
		return 0, 0, usagef("--rtp-range %q: %w", text, err)
	}
	return first, last, nil
}

// localPort reads :PORT, PORT or ADDRESS:PORT; without an address it is all of
// this machine's IPv4 addresses.
func localPort(flag, v string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(v); err == nil && ap.Port() != 0 {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(v, ":"), 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, usagef("--%s %q: PORT, :PORT or ADDRESS:PORT is needed", flag, v)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)), nil
}

// introduce says what is served, and what to type in the office.
func introduce(w io.Writer, srv *responder.Server, n platform.Network, controlPort int) {
	p := srv.Ports()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-13s%s\n", name, fmt.Sprintf(format, args...))
	}
	host, private := publicHost(p.Addrs, n)
	fmt.Fprintf(w, "sipdoctor responder is running; stop it with Ctrl-C.\n\n")
	line("addresses", "%s", addresses(p.Addrs))
	line("control", "TCP %s (HTTPS); UDP %s where TCP does not get through", list(nonZero(p.Control)), list(p.PlainUDP))
	line("SIP", "UDP %s; TCP %s; TLS %s", list(p.SIPUDP), list(p.SIPTCP), list(p.SIPTLS))
	line("comparison", "UDP %s; TCP %s (the same answers at ports that are not SIP's)", list(p.PlainUDP), list(p.PlainTCP))
	line("STUN", "UDP %s", list(p.STUN))
	line("RTP", "UDP %s", list(nonZero(p.RTP)))
	switch {
	case p.RTPRange == "":
	case p.RTPBlock == 0:
		line("RTP tests", "UDP %s, without binding them", p.RTPRange)
	default:
		line("RTP tests", "UDP %s, %d ports at a time (all at once needs root or CAP_NET_RAW)", p.RTPRange, p.RTPBlock)
	}
	for _, b := range p.Busy {
		line("not served", "%s", b)
	}
	fmt.Fprintf(w, "\nOn the office PC, run:\n\n  sipdoctor check --responder %s --responder-fingerprint %s\n\n", hostPort(host, controlPort), srv.Fingerprint())
	if private {
		fmt.Fprintf(w, "From outside use this machine's public address or name instead of %s.\n", host)
	}
	fmt.Fprintf(w, "The firewall of this machine must let in:\n  TCP %s\n  UDP %s\n", list(tcpPorts(p)), list(udpPorts(p)))
	if p.RTPRange != "" {
		fmt.Fprintf(w, "  UDP %s\n", p.RTPRange)
	}
	if len(p.Addrs) < 2 || p.Addrs[0].IsUnspecified() {
		fmt.Fprint(w, "\nWith one address clients learn how their NAT maps, but not whether its\n"+
			"filter looks at addresses (RFC 5780). Two own addresses tell both:\n"+
			"  sipdoctor serve --listen ADDRESS1 --listen ADDRESS2\n")
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

func tcpPorts(p responder.Ports) []int {
	return merged(nonZero(p.Control), p.SIPTCP, p.SIPTLS, p.PlainTCP)
}

func udpPorts(p responder.Ports) []int {
	return merged(p.SIPUDP, p.PlainUDP, p.STUN, nonZero(p.RTP))
}

func merged(lists ...[]int) []int {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
