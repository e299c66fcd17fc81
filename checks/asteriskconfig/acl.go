package asteriskconfig

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// accessLists is about lists that let nobody in, lines of them that count for
// nothing, and lists that keep nobody out.
func accessLists(v *view) {
	everybody := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, l := range v.o.Lists {
		names := l.Names
		if len(names) == 0 {
			names = []string{l.Scope}
		}
		some, refused := l.ACL.AllowsPrefix(everybody)
		if refused != nil && refused.Rule == nil && refused.List.Name == "" {
			continue // PJSIP refuses the object: see badValues
		}
		if refused != nil && !some {
			v.nobody(l, refused, names)
			continue
		}
		for i := range l.ACL {
			v.order(&l.ACL[i], names)
		}
	}
}

func (v *view) nobody(l asterisk.AccessList, refused *asterisk.Verdict, names []string) {
	x := Fault{ID: "acl-nobody", Severity: critical, Confidence: certain, Args: words.Args{"scope": l.Scope}, Source: docsSections}
	switch {
	case refused.Rule != nil:
		x.key, x.Lines = refused.Rule.At, []Line{{At: refused.Rule.At, Got: clip(refused.Rule.Text)}}
	default:
		x.Variant, x.key, x.Args["why"] = "invalid", refused.List.At, refused.List.Invalid
		x.Lines = []Line{{At: refused.List.At, Got: clip("acl=" + refused.List.Name)}}
	}
	for _, r := range refused.List.Rules {
		if r.Allow {
			x.Lines = append(x.Lines, Line{At: r.At, Got: clip(r.Text)})
		}
	}
	for _, name := range names {
		v.add(x, name)
	}
}

// order is about a permit that a later deny takes back completely, and about
// permits without any deny.
func (v *view) order(l *asterisk.ACLList, names []string) {
	denies := false
	for i, r := range l.Rules {
		denies = denies || !r.Allow
		if !r.Allow {
			continue
		}
		for _, later := range l.Rules[i+1:] {
			if later.Allow || later.Addr.Is4() != r.Addr.Is4() || !within(r, later) {
				continue
			}
			for _, name := range names {
				v.add(Fault{ID: "acl-order", Severity: critical, Confidence: certain, key: r.At, Args: words.Args{"permit": words.Raw(clip(r.Text)), "deny": words.Raw(clip(later.Text))},
					Lines: []Line{{At: r.At, Got: clip(r.Text)}, {At: later.At, Got: clip(later.Text)}}, Source: docsSections}, name)
			}
			break
		}
	}
	if !denies && len(l.Rules) > 0 {
		r := l.Rules[0]
		for _, name := range names {
			v.add(Fault{ID: "acl-permit-only", Severity: warning, Confidence: certain, key: r.At, Lines: []Line{{At: r.At, Want: "deny=0.0.0.0/0", Got: clip(r.Text)}}, Source: docsSections}, name)
		}
	}
}

// within reports whether every address of one rule is among those of another.
func within(r, outer asterisk.ACLRule) bool {
	ones, ok := onesOf(outer.Mask)
	own, same := onesOf(r.Mask)
	return ok && same && ones <= own && netip.PrefixFrom(outer.Addr, ones).Contains(r.Addr)
}

// onesOf is the length of a mask; ok is false for one with gaps.
func onesOf(mask netip.Addr) (n int, ok bool) {
	var bits strings.Builder
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			bits.WriteByte('0' + b>>i&1)
		}
	}
	ones := strings.TrimLeft(bits.String(), "1")
	return bits.Len() - len(ones), !strings.Contains(ones, "1")
}
