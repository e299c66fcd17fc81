package main

import (
	"cmp"
	"context"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// serverOptions are the flags of the commands that look at a PBX from inside.
type serverOptions struct {
	reporting
	remoteOptions
	root     string
	udp, tcp string
}

func (o *serverOptions) addFlags(cmd *cobra.Command) {
	o.reporting.addFlags(cmd)
	o.remoteOptions.addFlags(cmd)
	o.addTimeout(cmd)
	f := cmd.Flags()
	f.StringVar(&o.root, "root", "", "")
	f.StringVar(&o.udp, "udp", "", "")
	f.StringVar(&o.tcp, "tcp", "", "")
}

// system is the machine to look at; whoever has read it calls done.
func (o *serverOptions) system(ctx context.Context, s streams) (sys platform.System, done func(), err error) {
	done = func() {}
	if o.on != "" {
		return o.dial(ctx, s)
	}
	if o.root == "" {
		if runtime.GOOS != "linux" {
			return nil, done, usage("say.not-linux", words.Args{"os": runtime.GOOS})
		}
		return platform.ThisSystem(), done, nil
	}
	if sys, err = platform.OpenBundle(o.root); err != nil {
		return nil, done, usageOf(err)
	}
	return sys, done, nil
}

// validate refuses what cannot be meant, before anything is read.
func (o *serverOptions) validate() error {
	if err := cmp.Or(o.reporting.validate(), o.remoteOptions.validate()); err != nil {
		return err
	}
	if o.on != "" && o.root != "" {
		return exclusive("--on", "--root")
	}
	for flag, list := range map[string]string{"--udp": o.udp, "--tcp": o.tcp} {
		for part := range strings.SplitSeq(list, ",") { // "5060,10000-20000"
			if _, err := netinfo.ParsePortRange(part); err != nil && list != "" {
				return badValue(flag, list, err)
			}
		}
	}
	return nil
}

// parseAddress reads an address or network of the command line.
func parseAddress(s string) (netip.Prefix, error) {
	if at, err := netinfo.ParseHostPort(s); err == nil && at.Port == 0 {
		if a, ok := at.Addr(); ok {
			a = a.WithZone("")
			return netip.PrefixFrom(a, a.BitLen()), nil
		}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, usage("say.not-an-address", words.Args{"address": words.Raw(s), "hint": addressHint(s)})
	}
	if p != p.Masked() {
		return p, usage("say.host-bits", words.Args{"address": s, "network": p.Masked(), "host": p.Addr()})
	}
	return p, nil
}

// addressHint guesses what somebody meant who typed no address.
func addressHint(s string) words.Text {
	ap, err := netip.ParseAddrPort(s)
	host, bits, cidr := strings.Cut(s, "/")
	a, aerr := netip.ParseAddr(host)
	switch {
	case err == nil:
		return words.Say("say.hint-port", words.Args{"address": ap.Addr(), "port": ap.Port()})
	case cidr && aerr == nil:
		return words.Say("say.hint-length", words.Args{"length": bits, "most": a.BitLen()})
	case strings.ContainsFunc(s, unicode.IsLetter) && !strings.Contains(s, ":"):
		return words.Say("say.hint-name", nil)
	}
	return words.Text{}
}

// look looks at a machine from inside, and shows what it does.
func (o *reporting) look(ctx context.Context, s streams, command string, list []*checks.Check, in checks.Inputs, sys platform.System) *checks.Report {
	in.Admin, in.Sudo = platform.Administrator(sys), platform.IsHere(sys) && platform.UnderSudo()
	p := newProgress(s, o.quiet, "say.progress-reading")
	defer p.end()
	ctx, cancel := within(ctx, o.timeout)
	defer cancel()
	return runServer(ctx, command, list, in, sys, p)
}

// runServer looks at a machine from inside; one that was saved has no network.
func runServer(ctx context.Context, command string, list []*checks.Check, in checks.Inputs, sys platform.System, p *progress) *checks.Report {
	// What a machine knows of itself, without asking the network. The packet filter
	// is read by the checks.
	host := func(ctx context.Context) (*netinfo.Host, error) { return netinfo.ReadHost(ctx, sys, netip.Addr{}), nil }
	env := &checks.Env{Inputs: in, Host: host, System: sys, OnProgress: p.take}
	if platform.IsHere(sys) {
		env.Net = platform.Real(platform.RealOptions{})
	}
	r := checks.Run(ctx, list, env, checks.Meta{Tool: thisTool(), Command: command})
	r.Redacted = platform.IsRedacted(sys)
	return r
}

// lookAgain runs the checks of a saved report's faults again, on the machine that it is
// about.
func (s streams) lookAgain(ctx context.Context, sys platform.System, r *checks.Report, of []cure) (*checks.Report, error) {
	now := runAgain(ctx, sys, r, of)
	fillIn(s.lang(), now)
	return now, ctx.Err()
}

func runAgain(ctx context.Context, sys platform.System, r *checks.Report, of []cure) *checks.Report {
	list := slices.DeleteFunc(slices.Clone(all.Checks()), func(c *checks.Check) bool {
		return !slices.ContainsFunc(of, func(o cure) bool { return o.result.Check == c.ID })
	})
	switch r.Command {
	case "why", "pbx", "router":
		return runServer(ctx, r.Command, list, r.Inputs, sys, nil)
	}
	network := platform.Real(platform.RealOptions{})
	j := &job{list: list, inputs: r.Inputs, net: network, host: factsOf(platform.ThisSystem(), network, r.Inputs.Bind)}
	return j.run(ctx, nil)
}
