package main

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// checkOptions are the flags of check as they were typed.
type checkOptions struct {
	reporting
	signallingOptions
	pushOptions
	responder, fingerprint string
	sipServers, stun       []string
	profile, bind          string
	deep, noPublic         bool
	noLookup               bool
	skip                   []string
	ladder                 []int
	rtpRange               string
	full, fast, inbound    bool
	rtpConf                string
	routerEntries, rate    int
	watch                  time.Duration
	root                   string
	again, part            bool // part: --again was given with checks
}

func newCheckCommand(s streams) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use: "check",
		Example: `  sipdoctor check
  sipdoctor check --responder vps.example.net --responder-fingerprint 9f86d0…
  sipdoctor check sip-alg --sip-server sip.provider.example
  sipdoctor check --format json --output report.json
  sipdoctor check sip-alg --again
  sipdoctor check --again --watch
  sipdoctor check --root bundle.tar.gz
  sipdoctor check --every 15m --jitter 2m --report-to vps.example.net --site office-12`,
		ValidArgsFunction: s.completeChecks,
		RunE: func(cmd *cobra.Command, args []string) error {
			args = o.interval(cmd.Flags(), args)
			if o.again && o.root == "" {
				o.part = len(args) > 0
				var err error
				if args, err = recall(cmd.Flags(), args); err != nil {
					return err
				}
			}
			if err := o.forBundle(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), s, cmd.Flags(), args)
		},
	}
	o.addFlags(cmd, s)
	o.pushOptions.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.again, "again", false, "")
	f.DurationVar(&o.watch, "watch", 0, "")
	f.Lookup("watch").NoOptDefVal = "5s"
	f.StringVar(&o.root, "root", "", "")
	return cmd
}

// addFlags adds those of everything that checks an office.
func (o *checkOptions) addFlags(cmd *cobra.Command, s streams) {
	o.reporting.addFlags(cmd)
	o.signallingOptions.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.responder, "responder", "", "")
	f.StringVar(&o.fingerprint, "responder-fingerprint", "", "")
	f.StringArrayVar(&o.sipServers, "sip-server", nil, "")
	f.StringArrayVar(&o.stun, "stun", nil, "")
	addChoice(cmd, s, &o.profile, &o.skip)
	f.StringVar(&o.bind, "bind", "", "")
	f.BoolVar(&o.deep, "deep", false, "")
	f.IntSliceVar(&o.ladder, "ladder", nil, "")
	f.BoolVar(&o.noPublic, "no-public", false, "")
	f.BoolVar(&o.noLookup, "no-lookup", false, "")
	f.StringVar(&o.rtpRange, "rtp-range", "", "")
	f.BoolVar(&o.full, "full", false, "")
	f.BoolVar(&o.fast, "fast", false, "")
	f.BoolVar(&o.inbound, "inbound", false, "")
	f.StringVar(&o.rtpConf, "rtp-conf", defaultRTPConf, "")
	f.IntVar(&o.routerEntries, "router-entries", 0, "")
	f.IntVar(&o.rate, "rate", 0, "")
	o.addTimeout(cmd)
}

// addChoice adds the flags that choose checks.
func addChoice(cmd *cobra.Command, s streams, profile *string, skip *[]string) {
	cmd.Flags().StringVar(profile, "profile", "", "")
	cmd.Flags().StringArrayVar(skip, "skip", nil, "")
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfiles)
	_ = cmd.RegisterFlagCompletionFunc("skip", s.completeChecks) // fails only for a flag that does not exist
}

func (o *checkOptions) run(ctx context.Context, s streams, flags *pflag.FlagSet, args []string) error {
	if flags.Changed("watch") && o.watch < shortestWatch {
		return usage("say.watch-interval", words.Args{"interval": o.watch.String()})
	}
	if o.root != "" {
		return o.ofBundle(ctx, s, args)
	}
	job, err := o.job(ctx, args)
	if err != nil {
		return err
	}
	if job.account, err = o.readAccount(ctx, s); err != nil {
		return err
	}
	o.rememberOrSay(s, flags, args)
	if o.agent() {
		return o.runAgent(ctx, s, job)
	}
	job.timeout = o.timeout
	if o.deep {
		job.listen(ctx)
	}
	p := newProgress(s, o.quiet, "say.progress-checking")
	r := job.run(ctx, p)
	p.end()
	if o.watch == 0 || r.Interrupted {
		return o.finish(ctx, s, r)
	}
	view := newWatchView(ctx, s, &o.reporting)
	if err := view.begin(r); err != nil {
		return err
	}
	w := newWatch(job, o.watch, r, view)
	if err := w.run(ctx); err != nil {
		return err
	}
	last := w.state.Report()
	if err := view.end(last); err != nil {
		return err
	}
	return exitWith(o.status(last))
}

// forBundle refuses, beside --root, the flags that are about the network.
func (o *checkOptions) forBundle(cmd *cobra.Command) (err error) {
	other := &cobra.Command{}
	new(serverOptions).addFlags(other) // of commands that read a machine from inside
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if o.root != "" && f.Changed && f.Name != "skip" && other.Flags().Lookup(f.Name) == nil && cmd.InheritedFlags().Lookup(f.Name) == nil {
			err = exclusive("--root", "--"+f.Name)
		}
	})
	return err
}

// ofBundle checks the machine of a support bundle by what it knows of itself.
func (o *checkOptions) ofBundle(ctx context.Context, s streams, named []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	in := checks.Inputs{Checks: named, Skip: o.skip, Root: o.root, NoPublic: true}
	list, err := choose("office", in)
	if err != nil {
		return err
	}
	sys, err := platform.OpenBundle(o.root)
	if err != nil {
		return usageOf(err)
	}
	return o.finish(ctx, s, o.look(ctx, s, "check", list, in, sys))
}

// interval takes an argument that is a duration for the value of --watch, which
// pflag reads only after an equals sign: no check is called "10s".
func (o *checkOptions) interval(flags *pflag.FlagSet, args []string) []string {
	for i, a := range args {
		if d, err := time.ParseDuration(a); err == nil && flags.Changed("watch") {
			o.watch = d
			return slices.Delete(slices.Clone(args), i, i+1)
		}
	}
	return args
}

// job is a run of checks, ready to go.
type job struct {
	list   []*checks.Check
	inputs checks.Inputs
	net    platform.Network
	host   func(context.Context) (*netinfo.Host, error)

	heard   *netinfo.Heard  // nil: nobody listens
	account *checks.Account // of --account, else nil; it never gets into a report
	timeout time.Duration   // of the whole run; 0: each check has its own
	ports   *checks.RTPPorts
	manners *checks.Manners // nil: nothing is remembered
}

// factsOf gathers what is known of a machine, and of its router over network.
// Whoever checks over loopback has no router on the way, and none is asked.
func factsOf(sys platform.System, network platform.Network, bind netip.Addr) func(context.Context) (*netinfo.Host, error) {
	return func(ctx context.Context) (*netinfo.Host, error) {
		return netinfo.Gather(ctx, sys, network, netinfo.Options{Bind: bind, Quiet: bind.IsLoopback()})
	}
}

func (j *job) run(ctx context.Context, p *progress) *checks.Report {
	ctx, cancel := within(ctx, j.timeout)
	defer cancel()
	env := &checks.Env{Net: j.net, Inputs: j.inputs, Host: j.host, Account: j.account, Heard: j.heard, OnProgress: p.take, RTPPorts: j.ports, Manners: j.manners}
	r := checks.Run(ctx, j.list, env, checks.Meta{Tool: thisTool(), Command: "check"})
	if j.manners != nil {
		keepManners(j.manners)
	}
	return r
}

// listen collects what devices on the wire say of themselves, for as long as the
// command runs. Nothing waits for it: a router speaks once or twice a minute.
func (j *job) listen(ctx context.Context) {
	j.heard = &netinfo.Heard{}
	go func() {
		name := netinfo.ReadHost(ctx, platform.ThisSystem(), j.inputs.Bind).Uplink.Interface
		if name != "" {
			j.heard.Fail(platform.HearAnnouncements(ctx, name, j.heard.Add))
		}
	}()
}

// choose picks the checks of a group for a run: those that are named, or else all
// that the run has something for. The slow one needs --deep or a ladder, some need
// a profile. Of the bundle of a machine in an office they are those that send nothing.
func choose(group string, in checks.Inputs) ([]*checks.Check, error) {
	named, skip := in.Checks, in.Skip
	saved := in.Root != "" && group == "office"
	list := slices.DeleteFunc(slices.Clone(all.Checks()), func(c *checks.Check) bool { return saved && !c.Bundle || !saved && c.Group != group })
	ids := namesOf(list, checkID)
	for _, id := range slices.Concat(named, skip) {
		if !slices.Contains(ids, id) {
			return nil, unknownCheck(id, ids, saved)
		}
	}
	list = slices.DeleteFunc(list, func(c *checks.Check) bool {
		unasked := c.Slow && !in.Deep && len(in.Ladder) == 0 || c.Profile && in.Profile == ""
		return len(named) > 0 && !slices.Contains(named, c.ID) || slices.Contains(skip, c.ID) || len(named) == 0 && unasked
	})
	if len(list) == 0 {
		return nil, usage("say.nothing-left", words.Args{"known": ids})
	}
	return list, nil
}

// unknownCheck is about a check that this run does not have: another command's, one
// that a bundle cannot answer, or none.
func unknownCheck(id string, known []string, saved bool) error {
	i := slices.IndexFunc(all.Checks(), func(c *checks.Check) bool { return c.ID == id })
	if i < 0 {
		return usage("say.unknown-check", words.Args{"check": words.Raw(id), "near": didYouMean(id, known), "known": known})
	}
	place := all.Checks()[i].Group
	if saved {
		place = "bundle"
	}
	return usage("say.other-check", words.Args{"check": id, "place": place, "known": known})
}

func (s streams) completeChecks(cmd *cobra.Command, _ []string, _ string) (out []string, _ cobra.ShellCompDirective) {
	for _, c := range all.Checks() {
		if cmd.Name() != "pbx" || c.Group == "pbx" {
			out = append(out, c.ID+"\t"+s.ofCheck(c.Title()))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
