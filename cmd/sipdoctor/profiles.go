package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func newProfilesCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:               "profiles [NAME|FILE]",
		Short:             "List the provider profiles, or show one",
		Args:              atMostOne,
		ValidArgsFunction: completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				p, err := loadProfile(args[0])
				if err != nil {
					return err
				}
				return describeProfile(s.Out, p)
			}
			w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			for _, p := range netinfo.Profiles() {
				fmt.Fprintf(w, "%s\t%s\n", p.Name, p.Title)
			}
			return w.Flush()
		},
	}
}

// describeProfile prints a profile; one from a file may hold anything.
func describeProfile(out io.Writer, p *netinfo.Profile) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, render.Quote(value))
		}
	}
	row("name", p.Name)
	row("title", p.Title)
	for _, h := range p.SIP {
		row("sip", h.Address()+" "+h.Transport)
	}
	for _, a := range p.STUN {
		row("stun", a)
	}
	if p.SIPALGMustBeOff {
		row("sip alg", "must be off, says the provider")
	}
	for _, n := range p.Notes {
		row("note", n)
	}
	row("source", p.Source)
	row("checked", p.Checked)
	return w.Flush()
}

func loadProfile(nameOrFile string) (*netinfo.Profile, error) {
	p, err := netinfo.LoadProfile(nameOrFile)
	if err == nil {
		return p, nil
	}
	var names []string
	for _, p := range netinfo.Profiles() {
		names = append(names, p.Name)
	}
	return nil, usagef("%w%s", err, didYouMean(nameOrFile, names))
}

// addProfile adds the provider's servers: its SIP servers to those named, its
// STUN servers before them. A server that listens on several transports is
// asked once an address.
func addProfile(in *checks.Inputs) error {
	if in.Profile == "" {
		return nil
	}
	p, err := loadProfile(in.Profile)
	if err != nil {
		return err
	}
	for _, h := range p.SIP {
		if a := h.Address(); !slices.Contains(in.SIPServers, a) {
			in.SIPServers = append(in.SIPServers, a)
		}
	}
	in.STUN = append(slices.Clone(p.STUN), in.STUN...)
	return nil
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, p := range netinfo.Profiles() {
		out = append(out, p.Name+"\t"+p.Title)
	}
	return out, cobra.ShellCompDirectiveDefault // a file may be named as well
}
