package packetfilter

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// HashTable is what a hashlimit counts, /proc/net/ipt_hashlimit/NAME.
type HashTable struct {
	Name   string
	Family TableFamily
	// Buckets are the sources, or whatever is counted apart, seen lately.
	Buckets []HashBucket
	// Incomplete reports that some of its lines were not understood.
	Incomplete bool
}

// HashBucket is how much one source has left.
type HashBucket struct {
	Src, Dst         netip.Addr // unspecified where they are not counted apart
	SrcPort, DstPort uint16
	Left, Cost       uint64 // a packet passes as long as Left is not below Cost
}

// ReadHashLimit reads the list of one hashlimit: "9 10.0.0.1:0->0.0.0.0:0 26 27 1",
// which is the time to expiry, the two ends, what is left, what there is at most
// and what a packet costs (net/netfilter/xt_hashlimit.c, dl_seq_print).
func ReadHashLimit(family TableFamily, name, text string) Parts {
	t := &HashTable{Name: name, Family: family}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		b, ok := hashBucket(strings.Fields(line))
		if !ok {
			t.Incomplete = true
			continue
		}
		t.Buckets = append(t.Buckets, b)
	}
	return Parts{Hashes: []*HashTable{t}}
}

func hashBucket(words []string) (b HashBucket, ok bool) {
	if len(words) != 5 {
		return b, false
	}
	src, dst, both := strings.Cut(words[1], "->")
	var ok1, ok2 bool
	b.Src, b.SrcPort, ok1 = hashEnd(src)
	b.Dst, b.DstPort, ok2 = hashEnd(dst)
	left, err1 := strconv.ParseUint(words[2], 10, 64)
	cost, err2 := strconv.ParseUint(words[4], 10, 64)
	b.Left, b.Cost = left, cost
	return b, both && ok1 && ok2 && err1 == nil && err2 == nil
}

// hashEnd reads "10.0.0.1:0"; the port of an IPv6 address follows the last colon.
func hashEnd(s string) (netip.Addr, uint16, bool) {
	host, port, _ := cutLast(s, ":")
	a, err1 := netip.ParseAddr(host)
	n, err2 := strconv.ParseUint(port, 10, 16)
	return a, uint16(n), err1 == nil && err2 == nil
}

// metered asks a limit that is counted for each source apart.
func (e *evaluation) metered(f *frag, x *Metered) answer {
	if e.class.Exceeded == x {
		return certain(x.Over)
	}
	switch now, read := e.class.Host.connections(); {
	case x.Most > 0 && read && now < x.Most:
		return certain(!x.Over) // this packet's own is one more
	case x.Most > 0:
		return x.unknown(f)
	case x.Hash != "":
		return e.hashLimited(f, x)
	}
	if x.Set == nil {
		return x.unknown(f)
	}
	seen, fresh := e.apply(f, e.inSet(f, x.Set, x.Fields, false))
	hit, miss := e.applyAll(seen, x.unknown)
	for _, g := range fresh { // it has counted from now on, whatever becomes of the rule
		g = g.clone()
		g.overlay = g.overlay.with(overlay{set: x.Set, fields: x.Fields})
		if x.Over {
			miss = append(miss, g)
		} else {
			hit = append(hit, g)
		}
	}
	return pieces(f, hit, miss)
}

// hashLimited looks for the buckets of the frag. The first packet of a source
// has all that its limit allows; a rule before may have taken some of it for
// this very packet.
func (e *evaluation) hashLimited(f *frag, x *Metered) answer {
	family := "ip "
	if e.ipv6 {
		family = "ip6 "
	}
	t := e.rules.Hashes[family+x.Hash]
	if t == nil || t.Incomplete {
		return x.unknown(f)
	}
	list, taken := "hashlimit "+x.Hash, uint64(0)
	for p := f.overlay; p != nil; p = p.before {
		if p.entry.list == list {
			taken++
		}
	}
	g := f.clone()
	g.overlay = f.overlay.with(overlay{list: list})
	seen, fresh := []*frag(nil), []*frag{g}
	under := true
	for i := range t.Buckets {
		b := &t.Buckets[i]
		var left []*frag
		for _, g := range fresh {
			y, n := e.apply(g, e.inBucket(g, b, x.By))
			if len(y) > 0 && b.Left < (taken+1)*b.Cost {
				under = false
			}
			seen, left = append(seen, y...), append(left, n...)
		}
		fresh = left
	}
	all := append(seen, fresh...)
	switch {
	case under && (len(fresh) == 0 || taken < x.Burst): // all of it may send a packet now
		return one(all, !x.Over)
	case len(seen) == 0:
		return one(all, x.Over)
	}
	hit, miss := e.applyAll(all, x.unknown)
	return pieces(f, hit, miss)
}

// unknown is the answer where nothing tells how far the limit is used up.
func (x *Metered) unknown(f *frag) answer { return unknown(f, "", words.Quote(x.What)) }

// one is the answer that is the same for all parts of a frag, which the asking
// has changed.
func one(list []*frag, yes bool) answer {
	a := answer{kind: answerSplit, no: list}
	if yes {
		a.yes, a.no = list, nil
	}
	return a
}

// inBucket asks whether a frag counts in a bucket.
func (e *evaluation) inBucket(f *frag, b *HashBucket, by []Field) answer {
	return anyOf(e, f, by, func(g *frag, field Field) answer {
		m := &Match{Field: field}
		switch field {
		case FieldSrc:
			m.Addrs = AddrSet{{b.Src, b.Src}}
		case FieldDst:
			m.Addrs = AddrSet{{b.Dst, b.Dst}}
		case FieldSrcPort:
			m.Nums = OneNum(Num(b.SrcPort))
		default:
			m.Nums = OneNum(Num(b.DstPort))
		}
		return e.match(g, m).negate(true)
	}).negate(true)
}

// wayBackIs asks the routes for the way back to the source, as rpfilter and fib
// do.
func (e *evaluation) wayBackIs(f *frag, sameInterface bool) answer {
	if e.class.In == "lo" {
		return certain(true)
	}
	parts, ok := e.class.Host.ways(f.dst, f.src, "lo", bits{known: ^uint32(0)})
	if !ok || e.class.In == "" || f.newSrc.on {
		return unknown(f, "wayback:"+strconv.FormatBool(sameInterface), because("way-back"))
	}
	var there AddrSet
	for _, p := range parts {
		if !p.way.refuses() && p.way.kind != "local" && (!sameInterface || p.way.dev == e.class.In) {
			there = there.Union(p.addrs)
		}
	}
	return split(f, (*frag).srcs, there)
}
