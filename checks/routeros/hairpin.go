package routeros

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// hairpin looks whether phones in the PBX's own LAN reach it at the router's public
// address: that takes a forward and a translation of their source, or the PBX answers
// them past the router.
func (e *export) hairpin(f filter, o *Observed) {
	lan, ok := o.lanOf(o.PBX)
	if !ok || !o.sipForwarded() || len(o.Uplinks) == 0 {
		return
	}
	c := f.inwardClass(o.Uplinks[0], Use{Protocol: "udp", Ports: need.Ranges(packetfilter.OneNum(5060))})
	c.In, c.Out, c.Src = lan.Interface, lan.Interface, []netip.Prefix{lan.Prefix}
	for _, x := range f.outcomes(c) {
		to, single := onlyAddr(x.ToAddrs)
		forwarded := single && to == o.PBX && x.Verdict != packetfilter.Dropped
		if x.Verdict == packetfilter.Maybe || x.DestBy.Assumed || x.SourceBy.Assumed || forwarded && x.SourceBy.Rule != nil {
			return
		}
	}
	if !f.late() {
		o.NoHairpin = lan
	}
}

// noHairpin is worth knowing only where phones inside use the public address.
func (o Observed) noHairpin() (list []words.Text) {
	if o.NoHairpin.Interface != "" {
		list = append(list, say("note.no-hairpin", words.Args{"lan": o.NoHairpin.Prefix, "pbx": o.PBX.String()}))
	}
	return list
}
