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
