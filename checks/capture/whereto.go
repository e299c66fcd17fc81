package capture

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// sources are calls whose audio comes from another address or port than the session
// description says. That is no fault (RFC 3264 does not ask for symmetric RTP) as long
// as the other end answers to where it comes from, or no NAT is on the way.
func sources(v *view) (out []checks.Finding) {
	var groups cases
	for _, x := range v.calls {
		list := v.directions(x)
		for i := range list {
			d := &list[i]
			s := d.elsewhere()
			if s == nil || v.found[x] == "capture.no-audio" {
				continue
			}
			variant := d.answered(s)
			g := groups.add(v, "", variant+" "+d.from.name(), x, nil, sdpProof(d.from), streamProof(s))
			if g.dir == nil {
				g.dir, g.variant = d, variant
			}
			break
		}
	}
	for _, g := range groups.list {
		d, s := g.dir, g.dir.elsewhere()
		at, _ := d.from.media.at()
		f := checks.Finding{
			ID: "capture.rtp-source", Severity: checks.Info, Confidence: checks.Certain, Subject: d.from.name(), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"n": len(g.list), "said": at, "from": s.Src, "port": at.Addr() == s.Src.Addr()},
		}
		if f.Variant == "ignored" {
			f.Severity, f.Confidence, f.Fixes = checks.Warning, checks.Possible, fixes.ByID("generic", "use-media-relay", nil)
			for _, p := range d.back {
				f.Evidence = append(f.Evidence, streamProof(p.Stream))
			}
		}
		out = append(out, f)
	}
	return out
}

// elsewhere is the stream of a direction that comes from elsewhere than its sender
// says; nil where most packets come from there, or a NAT stands between what it says and
// this place: a private address is a matter of the signalling.
func (d *direction) elsewhere() *Stream {
	said, ok := d.from.media.at()
	if !ok || d.from.private() || d.from.translated() || d.from.media.ICE {
		return nil
	}
	right := 0
	var most part
	for _, p := range d.list {
		switch {
		case p.Src == said:
			right += p.inside
		case p.route == asAgreed && p.inside > most.inside:
			most = p
		}
	}
	if most.inside <= right {
		return nil
	}
	return most.Stream
}

// answered tells whether the other end sends back to where a stream comes from:
// "followed", "ignored", or "unknown" where it sends nothing.
func (d *direction) answered(s *Stream) string {
	variant := "unknown"
	for _, p := range d.back {
		if p.Dst == s.Src {
			return "followed"
		}
		if p.route == asAgreed {
			variant = "ignored"
		}
	}
	return variant
}
