package asterisk

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ACL is what an address must pass: every list of it. No list lets everybody
// in.
//
// Source: ast_apply_acl and ast_apply_ha in main/acl.c of Asterisk 16 to 22.
type ACL []ACLList

// ACLList is one permit/deny list, or one named section of acl.conf. The last
// rule that matches decides; an address that none matches is let in.
type ACLList struct {
	Name  string    `json:"name,omitempty"` // of the section in acl.conf; empty: written in place
	Rules []ACLRule `json:"rules,omitempty"`
	// Invalid says why Asterisk refuses every address by this list: the section
	// is not there, or has an invalid address.
	Invalid words.Reason `json:"invalid,omitempty"`
	At      string       `json:"at,omitempty"` // FILE:LINE of what is invalid
}

// ACLRule is one address of a permit or deny line.
type ACLRule struct {
	Allow bool       `json:"allow"`
	Addr  netip.Addr `json:"addr"` // with the bits outside of Mask cleared
	Mask  netip.Addr `json:"mask"` // of the same family; its ones need not be in one run
	Text  string     `json:"text"` // the line it is from: "deny=0.0.0.0/0"
	At    string     `json:"at"`   // FILE:LINE
}

// Verdict is what an ACL says of one address.
type Verdict struct {
	Allow bool
	List  *ACLList // that refused it; nil when it was let in
	Rule  *ACLRule // the one that decided; nil: no rule matched, or the list is invalid
}

// Allows takes an address through the lists as Asterisk does.
func (a ACL) Allows(addr netip.Addr) Verdict {
	addr = addr.Unmap().WithZone("")
	v := Verdict{Allow: true}
	for i := range a {
		l := &a[i]
		if l.Invalid != "" {
			return Verdict{List: l}
		}
		allow, rule := l.apply(addr)
		if !allow {
			return Verdict{List: l, Rule: rule}
		}
		if rule != nil {
			v.Rule = rule
		}
	}
	return v
}

// apply finds the last rule of addr's family that matches.
func (l *ACLList) apply(addr netip.Addr) (bool, *ACLRule) {
	for i := len(l.Rules) - 1; i >= 0; i-- {
		if r := &l.Rules[i]; r.matches(addr) {
			return r.Allow, r
		}
	}
	return true, nil
}

func (r *ACLRule) matches(addr netip.Addr) bool {
	return addr.BitLen() == r.Addr.BitLen() && masked(addr, r.Mask) == r.Addr
}

// AllowsPrefix says whether some addresses of p are let in and whether some are
// refused, with the verdict on the first of the refused.
func (a ACL) AllowsPrefix(p netip.Prefix) (some bool, refused *Verdict) {
	for _, addr := range a.edges(p.Masked()) {
		if v := a.Allows(addr); v.Allow {
			some = true
		} else if refused == nil {
			refused = &v
		}
	}
	return some, refused
}

// edges are addresses of p such that every part of p between rule borders has
// one: its own first address, and where a rule begins or has just ended.
func (a ACL) edges(p netip.Prefix) []netip.Addr {
	list := []netip.Addr{p.Addr()}
	for _, l := range a {
		for _, r := range l.Rules {
			if !p.Contains(r.Addr) {
				continue
			}
			list = append(list, r.Addr)
			if next := lastOf(r.Addr, r.Mask).Next(); next.IsValid() && p.Contains(next) {
				list = append(list, next)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

func masked(a, mask netip.Addr) netip.Addr {
	b, m := a.AsSlice(), mask.AsSlice()
	for i := range b {
		b[i] &= m[i]
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

func lastOf(a, mask netip.Addr) netip.Addr {
	b, m := a.AsSlice(), mask.AsSlice()
	for i := range b {
		b[i] |= ^m[i]
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

// aclBuilder collects the options of one section in their order.
type aclBuilder struct {
	own   ACLList // permit and deny in place; it is asked first
	named []ACLList
	sees  map[string]ACLList // acl.conf
}

// add takes an option by what remains of its name without "contact_": permit,
// deny or acl.
func (b *aclBuilder) add(kind string, o Option) {
	switch strings.ToLower(kind) {
	case "permit", "deny":
		b.own.append(strings.EqualFold(kind, "permit"), o)
	case "acl":
		for _, name := range items(o.Value) {
			l, ok := b.sees[strings.ToLower(name)]
			if !ok {
				l = ACLList{Name: name, At: o.At(), Invalid: because("acl-no-section", "section", name)}
			}
			b.named = append(b.named, l)
		}
	}
}

func (b *aclBuilder) acl() ACL {
	var a ACL
	if len(b.own.Rules) > 0 || b.own.Invalid != "" {
		a = append(a, b.own)
	}
	return append(a, b.named...)
}

// append reads "10.0.0.0/8,!10.1.2.3": a "!" turns permit into deny for that
// address.
func (l *ACLList) append(allow bool, o Option) {
	rule := rowOf(strings.ToLower(o.Name)+"="+o.Value, 0).Text // one for all, which may be thousands
	for item := range strings.SplitSeq(o.Value, ",") {
		item = strings.TrimSpace(item)
		text, not := strings.CutPrefix(item, "!")
		addr, mask, ok := nets.ParseMask(text)
		if !ok {
			if l.Invalid == "" {
				l.Invalid, l.At = because("acl-no-address", "text", item), o.At()
			}
			continue
		}
		l.Rules = append(l.Rules, ACLRule{
			Allow: allow != not, Addr: masked(addr, mask), Mask: mask, At: o.At(),
			Text: rule,
		})
	}
}
