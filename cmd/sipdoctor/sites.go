package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/metrics"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// siteLabel tells the sites apart in the metrics.
const siteLabel = "site"

// maxSiteLabels is how many labels of a pushed report are shown.
const maxSiteLabels = 8

// figuresOf are the figures of a report that an office sent, under the name by which
// the responder knows it.
func figuresOf(site string, r *checks.Report) (out []reports.Figure) {
	labels := slices.DeleteFunc(metrics.LabelsOf(r), func(l metrics.Label) bool {
		return l.Name == siteLabel
	})
	labels = slices.Concat([]metrics.Label{{Name: siteLabel, Value: site}}, labels[:min(len(labels), maxSiteLabels)])
	for _, f := range metrics.Merge(metrics.With(metrics.Of(r), labels)) {
		if len(f.Samples) > 0 {
			out = append(out, reports.Figure{Name: f.Name, Help: f.Help, Lines: f.Lines()})
		}
	}
	return out
}

// takeReports makes the responder take the reports of offices.
func (o *serveOptions) takeReports(s streams, cfg *responder.Config) (*reports.Store, error) {
	store, err := reports.Open(reports.Config{Dir: o.reports, Figures: figuresOf, Say: s.ofSites})
	if err != nil {
		return nil, failure("say.bad-value", words.Args{"flag": "--reports", "value": o.reports, "why": cause(err)})
	}
	cfg.Reports, cfg.MoreMetrics = store, store.WriteMetrics
	return store, nil
}

// ofSites says what has happened to the reports of offices.
func (s streams) ofSites(e reports.Event) {
	switch e.Kind {
	case reports.SecondAgent:
		s.warn(words.Say("say.site-second-agent", words.Args{"site": e.Site, "address": e.Seen, "other": e.Agent.Address, "time": e.Agent.At.UTC().Format(time.RFC3339)}))
	case reports.DiskFault:
		s.warn(words.Say("say.site-disk", words.Args{"site": e.Site, "why": cause(e.Err)}))
	case reports.KeysFault:
		s.warn(words.Say("say.site-keys", words.Args{"why": cause(e.Err)}))
	case reports.FileDamaged:
		s.warn(words.Say("say.site-file", words.Args{"site": e.Site, "why": cause(e.Err)}))
	case reports.FiguresCut:
		s.warn(words.Say("say.site-figures", words.Args{"site": e.Site}))
	}
}

// addSite makes the key of a new site, and says what to type there.
func (o *serveOptions) addSite(s streams, n platform.Network, cfg responder.Config) error {
	identity, err := o.identity(&cfg)
	if err != nil {
		return err
	}
	if !identity.note.IsZero() {
		s.warn(identity.note)
	}
	key, err := reports.NewSite(o.reports, o.newSite)
	switch {
	case errors.Is(err, reports.ErrSiteExists):
		return usage("say.site-exists", words.Args{"site": o.newSite, "dir": o.reports})
	case err != nil:
		return failure("say.bad-value", words.Args{"flag": "--reports", "value": o.reports, "why": cause(err)})
	}
	listen := cfg.Listen
	if len(listen) == 0 {
		listen = append(listen, netip.IPv4Unspecified())
	}
	host, private := publicHost(listen, n)
	at, print := hostPort(host.String(), cfg.ControlPort), responder.FingerprintOf(cfg.Certificate)
	if name := vouchedName(cfg.Certificate.Leaf); name != "" {
		at, print, private = hostPort(name, cfg.ControlPort), "", false
	}
	out := &printer{w: s.Out}
	out.prose("", s.say("say.site-made", words.Args{"site": o.newSite}))
	fmt.Fprintf(s.Out, "\n  export %s=%s\n", siteKeyVar, key.Hex())
	fmt.Fprintf(s.Out, "  sipdoctor %s\n", strings.Join(officeArgs(at, print, o.newSite), " "))
	if private {
		fmt.Fprintf(s.Out, "\n%s\n", s.say("say.serve-private", words.Args{"host": host}))
	}
	return nil
}

// vouchedName is the name in a certificate that an authority has signed; "" for any
// other. Offices that go by it see nothing of a renewal, which would shut out those that
// pinned the certificate.
func vouchedName(leaf *x509.Certificate) string {
	if leaf == nil || bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return ""
	}
	i := slices.IndexFunc(leaf.DNSNames, netinfo.IsHostName)
	if i < 0 {
		return ""
	}
	return leaf.DNSNames[i]
}

// officeArgs is what an office types: the responder answers its checks, and takes the
// reports. print "" pins nothing.
func officeArgs(at, print, site string) []string {
	args := []string{"check", "--every", "15m", "--jitter", "2m", "--responder", at, "--report-to", at, "--site", site}
	if print != "" {
		args = append(args, "--responder-fingerprint", print, "--report-fingerprint", print)
	}
	return args
}
