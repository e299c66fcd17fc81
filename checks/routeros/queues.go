package routeros

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// SlowQueue is a queue of a whole LAN in which not even one call fits.
type SlowQueue struct {
	Place
	LAN  netip.Prefix `json:"lan"`
	Rate int          `json:"rate"` // bit/s, the smaller one of both directions
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
		if up, down := rates(q.Get("max-limit").Text); len(o.QoS.Slow) < maxDead && (up > 0 && up < oneCall || down > 0 && down < oneCall) {
			slow := up
			if slow == 0 || down > 0 && down < slow {
				slow = down
			}
			o.QoS.Slow = append(o.QoS.Slow, SlowQueue{Place{q.Line, "queue simple", e.quote(q.Line, q.Text())}, lan.Prefix, slow})
		}
	}
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
