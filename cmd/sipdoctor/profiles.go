package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newProfilesCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use:               "profiles",
		Args:              atMostOne,
		ValidArgsFunction: completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				p, err := loadProfile(args[0])
				if err != nil {
					return err
				}
				return list.show(s.Out, p, func(w io.Writer) error { return s.describeProfile(w, p) })
			}
			var rows [][2]string
			for _, p := range netinfo.Profiles() {
				rows = append(rows, [2]string{p.Name, s.say("say.profile-title", words.Args{"title": p.Title, "kind": p.Kind})})
			}
			return list.show(s.Out, netinfo.Profiles(), func(w io.Writer) error { return writeColumns(w, lineWidth(w), rows) })
		},
	}
	list.addFlag(cmd)
	cmd.AddCommand(newProfilesLintCommand(s))
	return cmd
}

func newProfilesLintCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "lint",
		Example: "  sipdoctor profiles lint my-provider.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say.lint-no-file", nil)
			}
			found := false
			for _, file := range args {
				mistakes, err := netinfo.LintProfileFile(file)
				if err != nil {
					return usageOf(err)
				}
				for _, m := range mistakes {
					found = true
					fmt.Fprintln(s.Out, render.Quote(s.say("say.lint-mistake", words.Args{"file": file, "line": m.Line, "key": cmp.Or(m.Key, "none"), "why": words.Cause(m.Text)})))
				}
				if len(mistakes) == 0 {
					fmt.Fprintln(s.Out, render.Quote(s.say("say.lint-good", words.Args{"file": file})))
				}
			}
			if found {
				return exitWith(statusUsage)
			}
			return nil
		},
	}
}

// describeProfile prints a profile; one from a file may hold anything.
func (s streams) describeProfile(out io.Writer, p *netinfo.Profile) error {
	var rows [][2]string
	row := func(label, value string, o netinfo.Origin) {
		switch {
		case value == "":
			return
		case o.Source != "" && o.Source != p.Source:
			value += " [" + s.source(o.Source) + "]"
		}
		if o.Checked != "" && o.Checked != p.Checked {
			value += " [" + s.say("say.profile-checked", words.Args{"date": o.Checked}) + "]"
		}
		rows = append(rows, [2]string{s.say("say.profile-label", words.Args{"label": label}), render.Quote(value)})
	}
	s.describeServers(row, p)
	s.describeClient(row, p)
	for _, c := range p.Conflicts {
		row("conflict", c.About+": "+c.Says[s.lang()], c.Origin)
	}
	for _, n := range p.Notes {
		row("note", n[s.lang()], netinfo.Origin{Source: p.Sources["notes"]})
	}
	row("source", s.source(p.Source), netinfo.Origin{})
	row("checked", p.Checked, netinfo.Origin{})
	return writeColumns(out, lineWidth(out), rows)
}

// source is where a provider says something, in the user's language.
func (s streams) source(text string) string {
	return s.say("say.cause", words.Args{"why": words.Cause(text)})
}

// describeServers prints whom phones talk to.
func (s streams) describeServers(row func(string, string, netinfo.Origin), p *netinfo.Profile) {
	row("name", p.Name, netinfo.Origin{})
	row("title", p.Title, netinfo.Origin{})
	row("kind", s.say("say.profile-kind", words.Args{"kind": p.Kind}), netinfo.Origin{})
	row("domain", p.Domain, netinfo.Origin{Source: p.Sources["domain"]})
	for _, v := range p.Serves {
		row("serves", s.say("say.profile-serves", words.Args{"countries": v.Countries, "what": v.What, "some": v.What.Says()}), v.Origin)
	}
	for _, h := range p.SIP {
		row("sip", s.withNote(h.Address()+" "+h.Transport, h.Note), h.Origin)
	}
	for _, a := range p.STUN {
		row("stun", a, netinfo.Origin{Source: p.Sources["stun"]})
	}
	for _, n := range p.Subnets {
		row("network", s.withNote(n.CIDR+" "+s.say("say.profile-use", words.Args{"use": n.Use}), n.Note), n.Origin)
	}
	for _, r := range p.Ports {
		var ports []string
		for _, span := range r.Ports {
			ports = append(ports, span.String())
		}
		row("ports", r.Protocol+" "+strings.Join(ports, ",")+": "+r.For[s.lang()], r.Origin)
	}
	for _, r := range p.RTP {
		row("media", s.withNote("udp "+r.Range.String(), r.Note), r.Origin)
	}
}

func (s streams) withNote(value string, note words.Phrase) string {
	if !note.Says() {
		return value
	}
	return value + " (" + note[s.lang()] + ")"
}

// describeClient prints how phones are to be set.
func (s streams) describeClient(row func(string, string, netinfo.Origin), p *netinfo.Profile) {
	c := p.Client
	row("codecs", strings.Join(p.Codecs, ", "), netinfo.Origin{Source: p.Sources["codecs"]})
	alg := c.SIPALG
	if alg == "off" {
		alg = s.say("say.profile-alg-off", nil)
	}
	row("alg", alg, netinfo.Origin{Source: c.SourceOf("sip_alg")})
	for _, d := range []struct{ name, key, value string }{
		{"phone_stun", "stun", c.STUN},
		{"phone_nat", "nat_traversal", c.NATTraversal},
		{"phone_proxy", "outbound_proxy", c.OutboundProxy},
		{"phone_register", "registration_s", s.seconds(c.Registration)},
		{"phone_keepalive", "keepalive_s", s.seconds(c.KeepAlive)},
		{"router_timeout", "udp_timeout_min_s", s.seconds(c.UDPTimeoutMin)},
		{"router_forwarding", "port_forwarding", c.PortForwarding},
		{"tls", "tls", c.TLS},
		{"srtp", "srtp", c.SRTP},
	} {
		row(d.name, d.value, netinfo.Origin{Source: c.SourceOf(d.key)})
	}
}

// seconds are those of a profile; 0 is not known.
func (s streams) seconds(n int) string {
	if n == 0 {
		return ""
	}
	return s.say("say.profile-seconds", words.Args{"n": n})
}

func loadProfile(nameOrFile string) (*netinfo.Profile, error) {
	p, err := netinfo.LoadProfile(nameOrFile)
	switch {
	case err == nil:
		return p, nil
	case namesFile("profile", nameOrFile):
		return nil, usageOf(err)
	}
	names := namesOf(netinfo.Profiles(), profileName)
	return nil, usage("say.no-profile", words.Args{"profile": words.Raw(nameOrFile), "near": didYouMean(nameOrFile, names), "known": names})
}

// addProfile adds the provider's servers: its SIP servers to those named, with
// the transports that they speak, its STUN servers before them. A server that
// listens on several transports is asked once an address.
func addProfile(in *checks.Inputs) error {
	if in.Profile == "" {
		return nil
	}
	p, err := loadProfile(in.Profile)
	if err != nil {
		return err
	}
	in.SIPTransports = map[string][]string{}
	for _, h := range p.SIP {
		a, web := h.Address(), h.Transport == "ws" || h.Transport == "wss"
		if !slices.Contains(in.SIPTransports[a], h.Transport) {
			in.SIPTransports[a] = append(in.SIPTransports[a], h.Transport)
		}
		if !web && !slices.Contains(in.SIPServers, a) { // an address of plain SIP is wanted here
			in.SIPServers = append(in.SIPServers, a)
		}
	}
	for _, r := range p.RTP {
		in.RTPEdges = append(in.RTPEdges, r.Range.First, r.Range.Last)
	}
	in.STUN = append(slices.Clone(p.STUN), in.STUN...)
	return nil
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	// A file may be named as well.
	return namesOf(netinfo.Profiles(), func(p *netinfo.Profile) string { return p.Name + "\t" + p.Title }), cobra.ShellCompDirectiveDefault
}
