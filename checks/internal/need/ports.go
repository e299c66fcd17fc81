package need

import (
	"cmp"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Ports is a list of ports as the packet filter has it, and Ranges the other way round.
func Ports(list []netinfo.PortRange) packetfilter.NumSet {
	var spans []packetfilter.Span[packetfilter.Num]
	for _, r := range list {
		spans = append(spans, packetfilter.Span[packetfilter.Num]{Lo: packetfilter.Num(r.First), Hi: packetfilter.Num(r.Last)})
	}
	return packetfilter.NewSpans(spans...)
}

// Ranges are the ports of a set.
func Ranges(s packetfilter.NumSet) (list []netinfo.PortRange) {
	for _, x := range s {
		list = append(list, netinfo.PortRange{First: int(x.Lo), Last: int(x.Hi)})
	}
	return list
}

// Text is a list of ports as RouterOS and people write it; "-" of none.
func Text(list []netinfo.PortRange) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, r.String())
	}
	return cmp.Or(strings.Join(parts, ","), "-")
}
