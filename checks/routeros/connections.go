package routeros

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ConnectionFacts are of the table of connections of a router that was read live. What is
// not known is null.
type ConnectionFacts struct {
	Helped int  `json:"sip_helper"` // connections that the SIP helper reads
	Total  *int `json:"total"`
	Most   *int `json:"most"`
}

func (o Observed) connectionFacts() *ConnectionFacts {
	if o.Connections == nil {
		return nil
	}
	return &ConnectionFacts{o.Connections.HelpedTotal, o.Connections.Total, o.Connections.Most}
}

// endHelped is the command that ends the connections of the SIP helper. Their next
// packets make new ones, without it.
const endHelped = "/ip firewall connection remove [find connection-type=sip]"

// helperConnections are connections that the SIP helper still reads although it is off:
// Linux gives a connection its helper when it is made, and keeps it there
// (nf_conntrack_helper.c), and the keep-alives of a phone keep the connection.
func helperConnections(o Observed) []checks.Finding {
	on, x := o.Helper.Enabled, o.Connections
	if on == nil || *on || x == nil || x.HelpedTotal == 0 {
		return nil
	}
	ev := []checks.Evidence{proof(o.Helper.Line, "disabled=yes", nil)}
	for _, c := range x.Helped {
		name := say("evidence.connection", words.Args{"protocol": tame(c.Protocol), "from": tame(c.Source), "to": tame(c.Destination)})
		got := "connection-type=" + c.Type
		if c.Timeout != "" {
			got += " timeout=" + c.Timeout
		}
		ev = append(ev, checks.Proof(name, nil, words.Raw(got)))
	}
	return []checks.Finding{{
		ID: "routeros.helper-connections", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"n": x.HelpedTotal}, Evidence: ev,
		Fixes: fixes.Typed("end-helped-connections", nil, []string{endHelped}, nil),
	}}
}

// The shares of a full table that matter. At 95 % a burst of calls meets the limit: each
// takes four entries.
const (
	nearlyFull = 0.8
	full       = 0.95
)

// tableFull is a table of connections with hardly any room left. RouterOS sizes it by the
// memory of the router, so there is nothing to set.
func tableFull(o Observed) []checks.Finding {
	x := o.Connections
	if x == nil || x.Total == nil || x.Most == nil || *x.Most == 0 {
		return nil
	}
	share := float64(*x.Total) / float64(*x.Most)
	if share < nearlyFull {
		return nil
	}
	f := checks.Finding{
		ID: "routeros.table-full", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"share": int(share * 100), "count": *x.Total, "max": *x.Most},
		Evidence: []checks.Evidence{
			checks.Proof("total-entries", say("evidence.below", words.Args{"max": *x.Most}), *x.Total),
		},
	}
	if share >= full {
		f.Severity = checks.Critical
	}
	return []checks.Finding{f}
}
