package main

import (
	"context"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
)

func newWhyCommand(s streams) *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use: "why",
		Example: `  sudo sipdoctor why 198.51.100.7
  sudo sipdoctor why 198.51.100.0/24 2001:db8::7
  sudo sipdoctor why 198.51.100.7 --udp 5060 --format json
  sipdoctor why 198.51.100.7 --on root@pbx.example.net
  sipdoctor why 198.51.100.7 --root bundle.tar.gz`,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say.why-no-address", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.why(cmd.Context(), s, args) },
	}
	o.addFlags(cmd)
	return cmd
}

func (o *serverOptions) why(ctx context.Context, s streams, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	var addresses []netip.Prefix
	for _, a := range args {
		p, err := parseAddress(a)
		if err != nil {
			return err
		}
		addresses = append(addresses, p)
	}
	sys, done, err := o.system(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	return o.finish(ctx, s, o.look(ctx, s, "why", []*checks.Check{blocked.Check()}, checks.Inputs{Addresses: addresses, UDPPorts: o.udp, TCPPorts: o.tcp, Root: o.root, On: o.machine()}, sys))
}
