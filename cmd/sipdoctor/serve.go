package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// serveOptions are the flags of "sipdoctor serve".
type serveOptions struct {
	listen      []string
	control     string
	sipPorts    []int
	sipsPort    int
	cert, key   string
	ephemeral   bool
	maxSessions int
	metrics     string
	rtpRange    string
	reports     string // directory
	probe       []string
	newSite     string
	verbose     bool
}

func newServeCommand(s streams) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "serve",
		Example: `  sipdoctor serve
  sipdoctor serve --listen 203.0.113.5 --listen 203.0.113.6
  sipdoctor serve --reports /var/lib/sipdoctor/reports --metrics 127.0.0.1:9765
  sipdoctor serve --metrics 127.0.0.1:9765 --probe sip.provider.example
  sipdoctor serve --tls-cert fullchain.pem --tls-key privkey.pem`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.serve(cmd.Context(), s, platform.Real(platform.RealOptions{}))
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.listen, "listen", nil, "")
	f.StringVar(&o.control, "control", ":8765", "")
	f.IntSliceVar(&o.sipPorts, "sip-ports", []int{5060, 5080}, "")
	f.IntVar(&o.sipsPort, "sips-port", 5061, "")
	f.StringVar(&o.cert, "tls-cert", "", "")
	f.StringVar(&o.key, "tls-key", "", "")
	f.BoolVar(&o.ephemeral, "ephemeral", false, "")
	f.IntVar(&o.maxSessions, "max-sessions", 1000, "")
	f.StringVar(&o.rtpRange, "rtp-range", "10000-65535", "")
	f.StringVar(&o.metrics, "metrics", "", "")
	f.StringVar(&o.reports, "reports", "", "")
	f.StringArrayVar(&o.probe, "probe", nil, "")
	f.StringVar(&o.newSite, "new-site", "", "")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "")
	return cmd
}

// serve runs the responder until ctx ends.
func (o *serveOptions) serve(ctx context.Context, s streams, n platform.Network) error {
	cfg, err := o.config(n)
	if err != nil {
		return err
	}
	if o.newSite != "" {
		return o.addSite(s, n, cfg)
	}
	p, err := o.prober(s)
	if err != nil {
		return err
	}
	var collected, probed words.Text
	if p != nil {
		p.net, cfg.Probe = platform.Settled(ctx, platform.RealOptions{}), p
		probed = words.Say("say.serve-probe", words.Args{"list": o.probe})
	}
	if o.reports != "" {
		store, err := o.takeReports(s, &cfg)
		if err != nil {
			return err
		}
		defer store.Close()
		collected = words.Say("say.serve-reports", words.Args{"dir": o.reports, "n": store.Sites()})
	}
	if o.verbose {
		cfg.Log = func(line string) { fmt.Fprintln(s.Err, s.fill(words.Cause(line).Message())) }
	}
	identity, err := o.identity(&cfg)
	if err != nil {
		return err
	}
	srv, err := responder.New(cfg)
	if err != nil {
		return err
	}
	if err := srv.Listen(ctx); err != nil {
		return err
	}
	if !identity.note.IsZero() {
		s.warn(identity.note)
	}
	var privileges words.Text
	if s.Confine != nil {
		c := s.Confine(platform.Keeps{Writable: o.reports, Outgoing: len(o.probe) > 0})
		defer c.Close()
		privileges = confined(c, o.reports)
	}
	s.introduce(srv, n, cfg.ControlPort, namedLine{"identity", identity.text}, namedLine{"reports", collected}, namedLine{"probe", probed}, namedLine{"confined", privileges})
	o.boundMemory()
	return srv.Serve(ctx)
}

// boundMemory lets the collector work harder before the process is much larger
// than what the responder may keep; a limit of the user's (GOMEMLIMIT) stays.
func (o *serveOptions) boundMemory() {
	limit := int64(responder.DefaultMemory + 48<<20) // the rest of the process
	if o.reports != "" {
		limit += reports.Memory
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(limit)
	}
}

// config checks every flag; nothing is opened when it refuses.
func (o *serveOptions) config(n platform.Network) (responder.Config, error) {
	t := thisTool()
	cfg := responder.Config{Net: n, System: platform.ThisSystem(), Tool: t.Name + " " + t.Version, SIPPorts: o.sipPorts, SIPSPort: o.sipsPort}
	for _, l := range o.listen {
		at, err := netinfo.ParseHostPort(l)
		a, ok := at.Addr()
		if err != nil || !ok || at.Port != 0 {
			return cfg, usage("say.listen", words.Args{"address": words.Raw(l)})
		}
		cfg.Listen = append(cfg.Listen, a)
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
			return cfg, usage("say.sip-ports", words.Args{"port": p})
		}
	}
	if o.maxSessions < 1 {
		return cfg, usage("say.max-sessions", words.Args{"n": o.maxSessions})
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
	switch {
	case o.newSite != "" && o.reports == "":
		return cfg, usage("say.flag-needs", words.Args{"flag": "--new-site", "other": "--reports"})
	case o.newSite != "" && !reports.ValidSite(o.newSite):
		return cfg, usage("say.site-name", words.Args{"site": words.Raw(o.newSite)})
	case o.newSite != "" && o.ephemeral:
		return cfg, exclusive("--new-site", "--ephemeral")
	}
	return cfg, o.certificate(&cfg)
}

func (o *serveOptions) certificate(cfg *responder.Config) error {
	switch {
	case o.cert == "" && o.key == "":
		return nil
	case o.ephemeral:
		return usage("say.ephemeral-cert", nil)
	case o.cert == "" || o.key == "":
		return usage("say.cert-and-key", nil)
	}
	c, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return usage("say.reading-cert", words.Args{"cert": o.cert, "key": o.key, "why": cause(err)})
	}
	cfg.Certificate = &c
	return nil
}

// identity is what serve says about its certificate.
type identity struct{ text, note words.Text }

// identity gives the responder the certificate that clients know it by.
func (o *serveOptions) identity(cfg *responder.Config) (identity, error) {
	switch {
	case cfg.Certificate != nil:
		return identity{text: words.Say("say.identity-given", words.Args{"file": o.cert})}, nil
	case o.ephemeral:
		return identity{text: words.Say("say.identity-ephemeral", nil)}, nil
	}
	dir := platform.ServiceStateDir()
	id, err := responder.KeptIdentity(dir, cfg.Listen, time.Now())
	if err != nil {
		return identity{}, err
	}
	cfg.Certificate = id.Certificate
	said := identity{text: words.Say("say.identity-kept", words.Args{"dir": dir})}
	switch {
	case !id.Kept:
		said = identity{words.Say("say.identity-once", nil), words.Say("say.identity-not-kept", words.Args{"why": words.Cause(id.NotKept)})}
	case id.Replaced != "":
		said.note = words.Say("say.identity-replaced", words.Args{"why": words.Cause(id.Replaced)})
	}
	return said, nil
}

// servedRange reads --rtp-range; -1 serves none.
func servedRange(text string) (first, last int, err error) {
	if text == "none" {
		return -1, -1, nil
	}
	r, err := rtpports.ParseRange(text)
	if err != nil {
		return 0, 0, badValue("--rtp-range", words.Raw(text), err)
	}
	return r.First, r.Last, nil
}

// localPort reads :PORT, PORT or ADDRESS:PORT; without an address it is all of
// this machine's IPv4 addresses.
func localPort(flag, v string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(v); err == nil && ap.Port() != 0 {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(v, ":"), 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, usage("say.local-port", words.Args{"flag": flag, "value": words.Raw(v)})
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)), nil
}
