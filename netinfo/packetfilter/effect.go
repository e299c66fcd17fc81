package packetfilter

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
)

// effect changes f, which is the caller's own copy, as an expression says.
func (e *evaluation) effect(f *frag, x Expr) {
	switch x := x.(type) {
	case *SetMark:
		e.setMark(f, x)
	case *NoTrack:
		if !e.tracked(f) {
			f.untracked = true
		}
	case *Helper:
		f.helpers = append(slices.Clip(f.helpers), x.Name)
	case *Update:
		if x.Set == nil {
			return
		}
		for _, s := range x.Set.group() {
			fields := s.fields(x.Fields, x.Dirs)
			if fields == nil {
				continue // too few directions: the kernel refuses it
			}
			f.overlay = f.overlay.with(overlay{set: s, fields: fields, remove: x.Delete})
			if !x.Delete {
				break // a list of sets adds to the first that takes it
			}
		}
	}
}

// setMark computes a new mark, as far as the old ones are known.
func (e *evaluation) setMark(f *frag, x *SetMark) {
	if x.To == FieldCtMark && !e.tracked(f) {
		return
	}
	old := f.mark
	if x.To == FieldCtMark {
		old = f.ctmark
	}
	from := bits{0, ^uint32(0)}
	switch x.From {
	case FieldMark:
		from = f.mark
	case FieldCtMark:
		if !e.tracked(f) {
			return
		}
		from = f.ctmark
	}
	v := bits{
		val:   (old.val & x.Keep) ^ (from.val & x.FromMask) ^ x.Xor,
		known: (old.known | ^x.Keep) & (from.known | ^x.FromMask),
	}
	if x.Unknown != "" {
		v.known &= x.Keep
		e.remember(because("mark", "rule", x.Unknown))
	}
	v.val &= v.known
	if x.To == FieldCtMark {
		f.ctmark = v
	} else {
		f.mark = v
	}
}

// rewrite carries out an address translation.
func (e *evaluation) rewrite(c *Chain, r *Rule, x *NAT, f *frag) {
	step := Step{Chain: c, Rule: r, What: string(x.Kind)}
	g := f.clone()
	if x.Kind == DNAT || x.Kind == Redirect {
		g.natDst = true
		if e.class.NATRules {
			g.dstBy = step
		}
		for _, h := range e.rewriteDest(g, x) {
			e.accept(h, step)
		}
		return
	}
	g.natSrc = true
	if e.class.NATRules {
		g.srcBy = step
	}
	if x.Kind == Masquerade || x.Addrs != nil || x.Unknown {
		g.newSrc = rewrite[netip.Addr]{on: true, to: x.Addrs}
	}
	// A port that lies in the range is kept, if it is free (nf_nat_core.c,
	// get_unique_tuple).
	g.moved = hasPorts(e.class.Protocol) && (x.Random || len(x.Ports) > 0 && f.sport.overlap(x.Ports) != coverAll)
	g.newSport = rewrite[Num]{on: true, to: x.Ports} // ports may be changed to keep flows apart
	e.accept(g, step)
}

// rewriteDest is f, the caller's own copy, with its destination translated. Packets that already go
// where they are sent to stay as they are: a single new address may be the old
// one, and a range of ports keeps a port that lies in it (nf_nat_core.c,
// get_unique_tuple).
func (e *evaluation) rewriteDest(f *frag, x *NAT) []*frag {
	if x.Network.IsValid() {
		return e.mapNetwork(f, x.Network)
	}
	to, known := x.Addrs, !x.Unknown
	if x.Kind == Redirect { // to the first address of the interface
		to = e.local
		if first, _ := e.class.Host.addressesOf(e.class.In, e.ipv6); len(first) > 0 {
			to = addrsOf(first...) // which of several is not told
		}
		if e.hook == HookOutput {
			home := loopback(e.ipv6)[0]
			if !e.ipv6 {
				home.Lo = home.Lo.Next()
				home.Hi = home.Lo
			}
			to = AddrSet{home}
		}
	}
	stay, moved := []*frag(nil), []*frag{f}
	switch {
	case x.Kind == DNAT && len(to) == 0 && known: // ports alone
		stay, moved = moved, nil
	case len(to) == 1 && to[0].Lo == to[0].Hi:
		stay, moved = e.apply(f, split(f, (*frag).dsts, to))
	}
	for _, g := range moved {
		g.newDst = rewrite[netip.Addr]{on: true, to: to, own: x.Kind == Redirect}
	}
	list := append(stay, moved...)
	if x.Ports == nil && known {
		return list
	}
	var out []*frag
	for _, g := range list {
		stay, moved := e.apply(g, split(g, (*frag).dports, x.Ports))
		for _, h := range moved {
			h.newDport = rewrite[Num]{on: true, to: x.Ports}
		}
		out = append(append(out, stay...), moved...)
	}
	return out
}

// changed says whether translation made something else of what f had; sure is
// false when that is not known.
func changed[T point[T]](had Spans[T], now rewrite[T]) (yes, sure bool) {
	if !now.on {
		return false, true
	}
	return true, len(now.to) > 0 && had.overlap(now.to) == coverNone
}

// recent asks a recent list, or tells it. The list may not have been read, and
// rules before may have changed what it holds for this very packet.
func (e *evaluation) recent(f *frag, x *RecentMatch) answer {
	t := e.rules.Recent[x.List]
	if x.Op == RecentSet {
		return e.noteRecent(f, x, certain(true)).negate(x.Not)
	}
	extra, removed := 0, false
	for p := f.overlay; p != nil && !removed; p = p.before {
		o := &p.entry
		if o.list != x.List {
			continue
		}
		if o.dest != x.Dest || o.mask != x.Mask {
			return unknown(f, "", because("recent-changed", "list", x.List)).negate(x.Not)
		}
		if o.remove {
			removed = true
		} else {
			extra++
		}
	}
	var a answer
	switch {
	case x.TTL:
		a = unknown(f, "", because("recent-ttl", "list", x.List))
	case x.enough(extra):
		a = certain(true)
	case removed: // it is no longer on it
	case t == nil || t.Incomplete:
		a = unknown(f, x.key(extra), because("recent-unread", "list", x.List))
	default:
		a = e.recentListed(f, x, t, extra)
	}
	if x.Op == RecentUpdate || x.Op == RecentRemove {
		a = e.noteRecent(f, x, a)
	}
	return a.negate(x.Not)
}

// key makes the same question the same answer, as long as nothing is added.
func (x *RecentMatch) key(extra int) string {
	return fmt.Sprintf("recent:%s:%d:%d:%t:%s:%d", x.List, x.Seconds, x.HitCount, x.Dest, x.Mask, extra)
}

// enough reports whether that many packets just now fulfil the match.
func (x *RecentMatch) enough(packets int) bool {
	return packets >= max(x.HitCount, 1)
}

// noteRecent remembers what the match does to the list where it matched.
func (e *evaluation) noteRecent(f *frag, x *RecentMatch, a answer) answer {
	yes, no := e.apply(f, a)
	out := make([]*frag, len(yes))
	for i, g := range yes {
		out[i] = g.clone()
		out[i].overlay = g.overlay.with(overlay{list: x.List, dest: x.Dest, mask: x.Mask, remove: x.Op == RecentRemove})
	}
	return answer{kind: answerSplit, yes: out, no: no}
}

// recentListed compares with the list as it was read, and extra packets since.
func (e *evaluation) recentListed(f *frag, x *RecentMatch, t *RecentTable, extra int) answer {
	var in, open []Span[netip.Addr]
	for i := range t.Entries {
		en := &t.Entries[i]
		span := maskSpan(en.Addr, x.Mask)
		switch hit, sure := x.hit(en, extra); {
		case !sure:
			open = append(open, span)
		case hit:
			in = append(in, span)
		}
	}
	if len(open) > 0 {
		a := e.address(f, x.Dest, NewSpans(open...))
		if a.kind != answerNo {
			return unknown(f, "", because("recent-age", "list", x.List))
		}
	}
	return e.address(f, x.Dest, NewSpans(in...))
}

// maskSpan is what an entry stands for under the mask of a match.
func maskSpan(a, mask netip.Addr) Span[netip.Addr] {
	bits := a.BitLen()
	if mask.BitLen() == a.BitLen() {
		bits, _ = nets.Ones(mask)
	}
	return PrefixSpan(netip.PrefixFrom(a, bits))
}

// hit says whether an entry fulfils the match (net/netfilter/xt_recent.c,
// recent_mt).
func (x *RecentMatch) hit(en *RecentEntry, extra int) (hit, sure bool) {
	switch {
	case x.Seconds == 0:
		return en.Packets+extra >= x.HitCount, true
	case en.Ages == nil:
		return false, en.Packets+extra < x.HitCount
	}
	n := extra
	for _, age := range en.Ages {
		if age <= platform.Seconds(x.Seconds) {
			n++
		}
	}
	return n > 0 && n >= x.HitCount, true
}

// Ends is how long the match still holds for an entry to which no packet is
// added: until its packet that fulfils the count is too old. ok is false
// where it has no end, or the times are not known.
func (x *RecentMatch) Ends(en *RecentEntry) (left time.Duration, ok bool) {
	if x == nil || x.Seconds == 0 || x.Not {
		return 0, false
	}
	i := max(x.HitCount, 1) - 1
	if i >= len(en.Ages) {
		return 0, false
	}
	left = platform.Seconds(x.Seconds) - en.Ages[i] // newest first
	return left, left > 0
}
