package twin

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// shaping is a simple queue that is rebuilt: what hosts inside may send and receive.
type shaping struct {
	targets  []string // networks, as nft has them
	up, down uint16   // classes; 0: no limit
}

// queues are the simple queues. The first that names a packet's host counts, so that those
// after one that is left out are left out too, as are all of them where fasttrack lets
// packets pass by.
func (b *builder) queues() {
	const menu = "/queue/simple"
	stop := false
	for r := range b.cfg.Rows("/ip/firewall/filter") {
		stop = stop || !r.Off() && r.Get("action").Text == "fasttrack-connection"
	}
	for r := range b.cfg.Rows(menu) {
		if r.Off() {
			continue
		}
		if !stop {
			q, ok := b.queue(r)
			if stop = !ok; ok {
				b.shapings = append(b.shapings, q)
				continue
			}
		}
		b.leave(menu, r.Line, "target="+r.Get("target").Text)
	}
}

// isPlain reports whether a property of a simple queue leaves it a limit of its own and
// nothing else: without a parent, bursts or a time, with the packets waiting in one line.
func isPlain(p routeros.Prop) bool {
	switch p.Name {
	case "name", "target", "max-limit", "comment", "disabled", "priority": // it has no other beside it
		return true
	case "queue":
		return p.Value == "default-small/default-small" // 10 packets
	case "parent", "packet-marks", "limit-at", "burst-limit", "burst-threshold", "total-limit-at", "total-max-limit", "total-burst-limit":
		return slices.Contains([]string{"", "none", "0", "0/0"}, p.Value)
	case "burst-time", "bucket-size", "total-queue", "total-burst-threshold", "total-burst-time", "total-priority", "total-bucket-size":
		return slices.Contains([]string{"", "0s", "0s/0s", "0.1/0.1", "0.1", "0", "8", "default-small"}, p.Value)
	}
	return false
}

// queue rebuilds a plain one.
func (b *builder) queue(r routeros.Row) (q shaping, ok bool) {
	if slices.ContainsFunc(r.Props, func(p routeros.Prop) bool { return !isPlain(p) }) {
		return q, false
	}
	up, down, _ := strings.Cut(r.Get("max-limit").Text, "/")
	most, ok1 := bitRate(up)
	least, ok2 := bitRate(down)
	inside, ok3 := b.targets(r.Get("target").Text)
	outside := ""
	for _, p := range b.plugs {
		if p.Uplink && outside != "" {
			return q, false // what several share is not rebuilt
		} else if p.Uplink {
			outside = p.Port.Name
		}
	}
	if !ok1 || !ok2 || !ok3 || outside == "" {
		return q, false
	}
	q.targets = inside.networks
	q.up, q.down = b.shaper(outside, most), b.shaper(inside.dev, least)
	return q, true
}

// shaper is the class of a new shaper; 0: none is needed.
func (b *builder) shaper(dev string, rate uint64) uint16 {
	if rate == 0 {
		return 0
	}
	class := uint16(len(b.shapers) + 1)
	b.shapers = append(b.shapers, lab.Shaper{Dev: dev, Class: class, Rate: rate, Queue: 10})
	return class
}

// bitRate reads "512k" or "2M", bits a second; 0 is no limit.
func bitRate(s string) (n uint64, ok bool) {
	unit := uint64(1)
	for suffix, times := range map[string]uint64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if digits, found := strings.CutSuffix(s, suffix); found {
			s, unit = digits, times
		}
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return n * unit, err == nil
}

// target is what a simple queue is for: hosts behind one interface.
type target struct {
	networks []string
	dev      string
}

// targets reads "192.168.88.0/24,192.168.88.7" or the name of an interface; ok is false
// where they are not all behind one interface that is built.
func (b *builder) targets(text string) (t target, ok bool) {
	for _, p := range b.plugs {
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			n, ok := network(part)
			inside := ok && n.Addr().Is4() && slices.ContainsFunc(p.Addrs, func(own netip.Prefix) bool { return own.Bits() <= n.Bits() && own.Contains(n.Addr()) })
			switch {
			case part == p.name:
				for _, own := range p.Addrs {
					if own.Addr().Is4() {
						list = append(list, own.Masked().String())
					}
				}
			case inside && n.IsSingleIP():
				list = append(list, n.Addr().String())
			case inside:
				list = append(list, n.String())
			default:
				list = append(list, "")
			}
		}
		if !p.Uplink && len(list) > 0 && !slices.Contains(list, "") {
			return target{list, p.Port.Name}, true
		}
	}
	return t, false
}

// shape writes the rules that give packets to the queues: before their source is translated.
func (t *table) shape(out *strings.Builder) {
	if len(t.shapings) == 0 || t.family != "ip" {
		return
	}
	out.WriteString("\tchain queues {\n\t\ttype filter hook forward priority 300;\n")
	for _, q := range t.shapings {
		for _, side := range []struct {
			at    string
			class uint16
		}{{"saddr", q.up}, {"daddr", q.down}} {
			priority := ""
			if side.class != 0 {
				priority = fmt.Sprintf("meta priority set 1:%x ", side.class) // the blank is needed: nft 1.0.6
			}
			fmt.Fprintf(out, "\t\tip %s { %s } %saccept\n", side.at, strings.Join(q.targets, ", "), priority)
		}
	}
	out.WriteString("\t}\n")
}
