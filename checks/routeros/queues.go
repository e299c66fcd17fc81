package routeros

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// SlowQueue is a queue of a whole LAN, or of media that rules have marked, in which not
// even one call fits.
type SlowQueue struct {
	Place
	LAN  netip.Prefix `json:"lan,omitzero"`
	Mark string       `json:"mark,omitempty"` // the packet mark, where the queue is for one
	Rate int          `json:"rate"`           // bit/s, the smaller one of both directions
}

// oneCall is what a call with G.711 takes on Ethernet in one direction, bit/s: 50 times
// a second 160 bytes with the headers of RTP, UDP, IP and Ethernet (RFC 3551, section
// 4.5.14).
const oneCall = 50 * (160 + 12 + 8 + 20 + 18) * 8

// slowQueues looks for simple queues of a whole LAN that are too slow for one call. A
// queue before them may take calls first, and one with a burst, a time or a mark is not
// for all packets.
func (e *export) slowQueues(o *Observed) {
	seen := map[netip.Prefix]bool{} // the first queue of a LAN takes its packets
	for q := range e.Rows("/queue/simple") {
		if q.Off() {
			continue
		}
		if parent := q.Get("parent").Text; parent != "" && parent != "none" {
			continue
		}
		lan, whole := e.queued(o, q)
		if !whole {
			return
		}
		if seen[lan.Prefix] {
			continue
		}
		seen[lan.Prefix] = true
		if slow := slower(q); len(o.QoS.Slow) < maxDead && slow > 0 && slow < oneCall {
			o.QoS.Slow = append(o.QoS.Slow, SlowQueue{Place: Place{q.Line, "queue simple", e.quote(q.Line, q.Text())}, LAN: lan.Prefix, Rate: slow})
		}
	}
}

// slower is the limit of a queue in the direction in which it is smaller, bit/s; 0: none.
func slower(q ros.Row) int {
	up, down := rates(q.Get("max-limit").Text)
	if up == 0 || down > 0 && down < up {
		return down
	}
	return up
}

// slowMarked looks for queues of media that rules have marked.
func (e *export) slowMarked(o *Observed) {
	marks := e.voiceMarks(e.isMedia)
	for _, kind := range markedQueues() {
		for q := range e.Rows(kind.path) {
			slow := e.narrowest(kind.path, q)
			for mark := range strings.SplitSeq(q.Get(kind.marks).Text, ",") {
				if _, voice := marks[mark]; voice && mark != "" && !q.Off() && slow > 0 && slow < oneCall && len(o.QoS.Slow) < maxDead {
					o.QoS.Slow = append(o.QoS.Slow, SlowQueue{Place: Place{q.Line, strings.ReplaceAll(kind.path[1:], "/", " "), e.quote(q.Line, q.Text())}, Mark: mark, Rate: slow})
					break
				}
			}
		}
	}
}

// markedQueues are the menus of queues, each with the property that names packet marks.
func markedQueues() []struct{ path, marks string } {
	return []struct{ path, marks string }{{"/queue/simple", "packet-marks"}, {"/queue/tree", "packet-mark"}}
}

// narrowest is the smallest limit of a queue and of those it is part of, bit/s; 0 if none
// has one, or one lets more through for a time.
func (e *export) narrowest(path string, q ros.Row) (least int) {
	const maxDeep = 8 // queues that are part of each other
	for range maxDeep {
		if up, down := rates(q.Get("burst-limit").Text); up > 0 || down > 0 || q.Get("time").Text != "" {
			return 0
		}
		if n := slower(q); n > 0 && (least == 0 || n < least) {
			least = n
		}
		parent, ok := e.Named(path, q.Get("parent").Text)
		if !ok {
			return least
		}
		q = parent
	}
	return 0
}

// isMedia reports whether a rule takes media: by its DSCP, its ports, or the networks of the
// provider that send it.
func (e *export) isMedia(row ros.Row) bool {
	if row.Get("dscp").Text == "46" { // EF, RFC 3246
		return true
	}
	if protocol, not, ok := row.Match("protocol"); ok && (not || protocol != "udp" && protocol != "17") {
		return false
	}
	asksPorts := false
	for _, name := range []string{"dst-port", "src-port", "port"} {
		text, not, ok := row.Match(name)
		asksPorts = asksPorts || ok
		for _, u := range e.need.Ports {
			set, read := parsePorts(text)
			if ok && !not && read && u.Purpose == "rtp" && count(set.Intersect(need.Ports(u.Ports))) >= minMedia {
				return true
			}
		}
	}
	for _, name := range []string{"src-address", "dst-address"} {
		text, not, ok := row.Match(name)
		p, read := prefixOf(text)
		for _, u := range e.need.Ports {
			if ok && !not && read && !asksPorts && u.Purpose == "rtp" && slices.ContainsFunc(u.To, p.Overlaps) {
				return true
			}
		}
	}
	return false
}

// queued is the open LAN of which a queue takes every packet.
func (e *export) queued(o *Observed, q ros.Row) (lan LAN, ok bool) {
	for _, name := range []string{"packet-marks", "dst", "time", "burst-limit"} {
		if text := q.Get(name).Text; !slices.Contains([]string{"", "0/0", "0.0.0.0/0"}, text) {
			return lan, false
		}
	}
	for target := range strings.SplitSeq(q.Get("target").Text, ",") {
		p, isNet := prefixOf(target)
		for _, l := range o.LANs {
			if !l.Closed && (target == l.Interface || isNet && p.Bits() <= l.Prefix.Bits() && p.Contains(l.Prefix.Addr())) {
				return l, true
			}
		}
	}
	return lan, false
}

// rates reads "64k/1M": up and down, bit/s; 0 is no limit, or not known.
func rates(s string) (up, down int) {
	a, b, both := strings.Cut(s, "/")
	if !both {
		b = a
	}
	return rate(a), rate(b)
}

func rate(s string) int {
	unit := 1
	for suffix, n := range map[string]int{"k": 1000, "K": 1000, "M": 1_000_000, "G": 1_000_000_000} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, n
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return 0
	}
	return n * unit
}
