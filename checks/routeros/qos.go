package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// QoS is what the router does to the quality of calls.
type QoS struct {
	// FastTrack takes the phones' established connections past mangle and its marks, for
	// which the queue Voice waits. Both are empty otherwise.
	FastTrack Place      `json:"fasttrack,omitzero"`
	Voice     Place      `json:"voice,omitzero"`
	Mark      string     `json:"mark,omitempty"`
	Fix       []ros.Edit `json:"fix,omitempty"`

	Slow    []SlowQueue `json:"slow,omitempty"`
	Cleared Place       `json:"cleared,omitzero"` // the rule that sets DSCP to 0
	Marked  []ros.Edit  `json:"marked,omitempty"` // the fix that leaves it
}

// qos looks at queues, marks and DSCP.
func (e *export) qos(f filter, o *Observed) {
	if len(o.LANs) == 0 {
		return
	}
	fast, row, fasttracked := e.fasttracked(f, o)
	if fasttracked {
		e.bypassed(o, fast, row)
	} else {
		e.slowQueues(o)
		e.slowMarked(o)
		e.clearedDSCP(f, o)
	}
}

// alwaysMet reports whether a rule is certain to meet what all phones of an open LAN send
// in a connection that exists.
func (f filter) alwaysMet(o *Observed, table string, row ros.Row) bool {
	in := table + " " + row.Get("chain").Text
	g := f.dropping(table, row.Get("chain").Text, 1+slices.IndexFunc(f.rows[in], func(r ros.Row) bool { return r.Item == row.Item }))
	asked := false
	for _, lan := range o.LANs {
		if lan.Closed {
			continue
		}
		for _, u := range o.Need.Ports {
			if u.Purpose != "rtp" {
				continue
			}
			to := netip.Prefix{}
			if len(u.To) > 0 {
				to = u.To[0]
			}
			c := g.class(lan, outs(o.Uplinks)[0], u.Protocol, need.Ports(u.Ports), to)
			c.State, asked = packetfilter.StateEstablished, true
			for _, x := range g.outcomes(c) {
				if by, ok := g.row(x.Decider); !ok || by.Item != row.Item || x.Verdict != packetfilter.Dropped || len(x.Others) > 0 {
					return false
				}
			}
		}
	}
	return asked && !f.late()
}

// fasttracked is the rule that takes the phones' connections past most of the router.
func (e *export) fasttracked(f filter, o *Observed) (p Place, row ros.Row, ok bool) {
	if e.Settings("/ip/settings").Get("allow-fast-path").Text == "no" {
		return p, row, false
	}
	for row := range e.Rows("/ip/firewall/filter") {
		if !row.Off() && row.Get("action").Text == "fasttrack-connection" && f.alwaysMet(o, "filter", row) {
			return Place{row.Line, "filter " + row.Get("chain").Text, e.quote(row.Line, row.Text())}, row, true
		}
	}
	return p, row, false
}

// isVoice reports whether a rule is for SIP, media or the provider.
func (e *export) isVoice(row ros.Row) bool {
	return e.concerns(row) || e.isMedia(row)
}

// voiceMarks are the packet marks that rules give to some packets, with the connection
// mark that they come by; empty where they come by none.
func (e *export) voiceMarks(is func(ros.Row) bool) map[string]string {
	marks, connections := map[string]string{}, map[string]bool{}
	for row := range e.Rows("/ip/firewall/mangle") {
		if row.Off() {
			continue
		}
		by, not, _ := row.Match("connection-mark")
		voice := is(row)
		switch row.Get("action").Text {
		case "mark-connection":
			if voice {
				connections[row.Get("new-connection-mark").Text] = true
			}
		case "mark-packet":
			if !not && connections[by] {
				marks[row.Get("new-packet-mark").Text] = by
			} else if voice {
				marks[row.Get("new-packet-mark").Text] = ""
			}
		}
	}
	return marks
}

// bypassed looks for queues that wait for marks that fasttrack keeps from packets.
func (e *export) bypassed(o *Observed, fast Place, row ros.Row) {
	marks := e.voiceMarks(e.isVoice)
	for _, kind := range markedQueues() {
		for q := range e.Rows(kind.path) {
			for mark := range strings.SplitSeq(q.Get(kind.marks).Text, ",") {
				by, voice := marks[mark]
				if q.Off() || mark == "" || !voice || o.QoS.Voice.Line > 0 && o.QoS.Voice.Line < q.Line {
					continue
				}
				o.QoS = QoS{FastTrack: fast, Voice: Place{q.Line, strings.ReplaceAll(kind.path[1:], "/", " "), e.quote(q.Line, q.Text())}, Mark: mark}
				if by != "" && row.Get("connection-mark").Text == "" {
					o.QoS.Fix = e.spareMarked(o, row)
				}
			}
		}
	}
}

// spareMarked lets fasttrack take only connections without a mark.
func (e *export) spareMarked(o *Observed, row ros.Row) []ros.Edit {
	t := e.twin()
	t.set("filter", t.byLine("filter", row.Line), ros.Pair{Name: "connection-mark", Value: "no-mark"})
	return t.proven(func(f filter) bool { _, _, still := e.fasttrackedIn(f, o); return !still })
}

// fasttrackedIn is fasttracked of a copy of the router.
func (e *export) fasttrackedIn(f filter, o *Observed) (Place, ros.Row, bool) {
	other := *e
	other.Config = f.cfg
	return other.fasttracked(f, o)
}

// clearedDSCP looks for a rule that takes the priority from the phones' media.
func (e *export) clearedDSCP(f filter, o *Observed) {
	for row := range e.Rows("/ip/firewall/mangle") {
		if row.Off() || row.Get("action").Text != "change-dscp" || row.Get("new-dscp").Text != "0" || !f.alwaysMet(o, "mangle", row) {
			continue
		}
		o.QoS.Cleared = Place{row.Line, "mangle " + row.Get("chain").Text, e.quote(row.Line, row.Text())}
		t := e.twin()
		t.set("mangle", t.byLine("mangle", row.Line), ros.Pair{Name: "disabled", Value: "yes"})
		o.QoS.Marked = t.proven(func(f filter) bool { return true })
		return
	}
}
