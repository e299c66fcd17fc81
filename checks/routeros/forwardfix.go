package routeros

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// forwardFixes are the commands for what is wrong with forwards, each tried on a copy
// of the router.
func (e *export) forwardFixes(o *Observed) {
	if slices.ContainsFunc(o.Forwards, Forward.openSIP) {
		o.SIPOnly = e.sipOnly(o)
	}
	for i, fw := range o.Forwards {
		switch {
		case fw.Purpose != "rtp":
		case o.isPBX(fw) && fw.ToPorts != "":
			o.Forwards[i].Fix = e.correct(o, fw, "to-ports", "")
		case o.isPBX(fw) && fw.Stop.Line > 0:
			o.Forwards[i].Fix = e.letIn(o, fw)
		case o.strays(fw):
			o.Forwards[i].Fix = e.correct(o, fw, "to-addresses", o.PBX.String())
		}
	}
}

// openSIP reports whether most of the Internet reaches SIP by a forward. SIP over TLS
// at 5061 is not what scanners try, and often how phones outside are meant to come.
func (fw Forward) openSIP() bool {
	return fw.Purpose == "sip" && fw.Open && fw.Verdict == string(packetfilter.Accepted) && need.Ports(fw.Ports).Contains(5060)
}

// strays reports whether media is forwarded to another host than the PBX, which gets
// none.
func (o Observed) strays(fw Forward) bool {
	return fw.Purpose == "rtp" && o.PBX.IsValid() && !o.isPBX(fw) && o.sipForwarded() && fw.Verdict == string(packetfilter.Accepted) &&
		!slices.ContainsFunc(o.Forwards, func(x Forward) bool { return x.Purpose == "rtp" && o.isPBX(x) })
}

// sipForwarded reports whether SIP is forwarded to the PBX.
func (o Observed) sipForwarded() bool {
	return slices.ContainsFunc(o.Forwards, func(x Forward) bool {
		return x.Purpose == "sip" && o.isPBX(x) && x.passes()
	})
}

// byLine is the rule of a table that a line of the file made.
func (t *twin) byLine(table string, line int) (row ros.Row) {
	if t.failed {
		return row
	}
	for r := range t.cfg.Rows("/ip/firewall/" + table) {
		if r.Line == line {
			return r
		}
	}
	return row
}

// correct changes one property of the rule that forwards, so that media comes to the
// PBX, at the port it was sent to.
func (e *export) correct(o *Observed, fw Forward, name, value string) []ros.Edit {
	t := e.twin()
	row := t.byLine("nat", fw.By.Line)
	if row.Item == nil {
		return nil
	}
	t.set("nat", row, ros.Pair{Name: name, Value: value})
	return t.proven(func(f filter) bool { return f.delivers(o.PBX, fw) })
}

// letIn is a rule before the one that stops media on its way to the PBX.
func (e *export) letIn(o *Observed, fw Forward) []ros.Edit {
	t := e.twin()
	row := t.byLine("filter", fw.Stop.Line)
	if row.Item == nil {
		return nil
	}
	t.insert("filter", row, properties("chain", row.Get("chain").Text, "action", "accept", "in-interface", fw.In, "protocol", fw.Protocol,
		"dst-address", fw.To, "dst-port", need.Text(fw.Ports), "connection-nat-state", "dstnat", "comment", e.freeComment("sipdoctor-media"))...)
	return t.proven(func(f filter) bool { return f.delivers(o.PBX, fw) })
}

// delivers reports whether the packets of a forward all come to a host, at the ports
// they were sent to, from wherever they came before.
func (f filter) delivers(to netip.Addr, fw Forward) bool {
	open := 0.0
	for _, x := range f.inward(fw.In, Use{Protocol: fw.Protocol, Ports: fw.Ports}) {
		got, single := onlyAddr(x.ToAddrs)
		if x.Verdict == packetfilter.Accepted && single && got == to && len(x.ToPorts) == 0 && count(x.Region.DstPort) == count(need.Ports(fw.Ports)) {
			open += size(x.Region.Src)
		}
	}
	return open > half || open > 0 && !fw.Open
}

// sipOnly lets only the provider's networks reach SIP that is forwarded; nil where
// nobody knows them.
func (e *export) sipOnly(o *Observed) []ros.Edit {
	networks := e.providers()
	if len(networks) == 0 || len(networks) > maxEdits/2 {
		return nil
	}
	t, name := e.twin(), e.freeComment("sipdoctor-sip")
	for _, n := range networks {
		t.run(ros.Edit{Menu: "address-list", Verb: "add", Set: properties("list", name, "address", pbx.AddressText(n), "comment", name)})
	}
	var changed []int
	for _, fw := range o.Forwards {
		if !fw.openSIP() || slices.Contains(changed, fw.By.Line) {
			continue
		}
		changed = append(changed, fw.By.Line)
		row := t.byLine("nat", fw.By.Line)
		if row.Item == nil || row.Get("src-address").Text != "" || row.Get("src-address-list").Text != "" {
			return nil
		}
		t.set("nat", row, ros.Pair{Name: "src-address-list", Value: name})
	}
	return t.proven(func(f filter) bool { return e.onlyFrom(f, o, networks) })
}

// onlyFrom reports whether SIP that was open is forwarded for these networks alone.
func (e *export) onlyFrom(f filter, o *Observed, networks []netip.Prefix) bool {
	for _, fw := range o.Forwards {
		if !fw.openSIP() {
			continue
		}
		c := f.inwardClass(fw.In, Use{Protocol: fw.Protocol, Ports: fw.Ports})
		for _, x := range f.outcomes(c) {
			if len(x.ToAddrs) > 0 && size(x.Region.Src) > half {
				return false
			}
		}
		c.Src = networks
		for _, x := range f.outcomes(c) {
			if x.Verdict != packetfilter.Accepted || x.ToAddrs.String() != fw.To {
				return false
			}
		}
	}
	return true
}
