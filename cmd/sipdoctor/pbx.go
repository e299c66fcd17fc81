package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// pbxOptions are the flags of pbx.
type pbxOptions struct {
	serverOptions
	profile, collect string
	skip             []string
}

func newPBXCommand(s streams) *cobra.Command {
	var o pbxOptions
	cmd := &cobra.Command{
		Use: "pbx",
		Example: `  sudo sipdoctor pbx
  sudo sipdoctor pbx --profile megafon-vats
  sudo sipdoctor pbx --collect bundle.tar.gz
  sipdoctor pbx --on root@pbx.example.net
  sipdoctor pbx --root bundle.tar.gz`,
		ValidArgsFunction: s.completeChecks,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, args) },
	}
	o.addFlags(cmd)
	addChoice(cmd, s, &o.profile, &o.skip)
	cmd.Flags().StringVar(&o.collect, "collect", "", "")
	return cmd
}

func (o *pbxOptions) run(ctx context.Context, s streams, named []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	if err := validateFile("--collect", o.collect); err != nil {
		return err
	}
	if o.collect != "" && o.collect == o.output {
		return usage("say.collect-output", words.Args{"file": o.collect})
	}
	list, err := choose("pbx", checks.Inputs{Checks: named, Skip: o.skip, Profile: "-", Deep: true}) // all that are not named
	if err != nil {
		return err
	}
	in := checks.Inputs{Checks: named, Skip: o.skip, Profile: o.profile, UDPPorts: o.udp, TCPPorts: o.tcp, Root: o.root, On: o.machine()}
	if err := addProfile(&in); err != nil {
		return err
	}
	sys, done, err := o.system(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	if in.Profile != "" && platform.IsRedacted(sys) {
		return usage("say.profile-redacted", words.Args{"bundle": o.root})
	}
	var collector *platform.Collector
	if o.collect != "" {
		collector = platform.Collect(sys, thisTool().Version)
		sys = collector
	}
	r := o.look(ctx, s, "pbx", list, in, sys)
	if collector != nil {
		if err := o.writeBundle(ctx, s, collector); err != nil {
			return err
		}
	}
	return o.finish(ctx, s, r)
}

// writeBundle saves what was looked at, and says what is in it.
func (o *pbxOptions) writeBundle(ctx context.Context, s streams, c *platform.Collector) error {
	var b bytes.Buffer
	if err := c.Write(&b, o.redact, newCleaner(o.redact)); err != nil {
		return err
	}
	if err := platform.WriteOutput(ctx, o.collect, b.Bytes(), platform.PrivateMode); err != nil {
		return err
	}
	for _, l := range c.LeftOut() {
		s.warn(words.Say("say.collect-left-out", words.Args{"file": l.File, "why": l.Why}))
	}
	s.warn(words.Say("say.collected", words.Args{"file": o.collect, "n": len(c.Names()), "size": b.Len() >> 10}))
	return nil
}
