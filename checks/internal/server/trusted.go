package server

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Trusted are the networks that the FreePBX firewall lets use everything: its
// chains say so at once; fwconsole, which takes seconds, is asked where they
// cannot be read.
func (s *Server) Trusted(ctx context.Context) []netip.Prefix {
	ast := s.Asterisk(ctx)
	if ast.State == nil || !ast.State.FreePBX {
		return nil
	}
	if list, loaded := trustedByRules(s.Filter(ctx).Rules); loaded {
		return list
	}
	var list []netip.Prefix
	trusted, err := asterisk.ReadTrusted(ctx, s.Sys)
	if err != nil {
		return nil
	}
	for _, t := range trusted {
		list = append(list, t.Prefix)
	}
	return list
}

// trustedByRules reads the chains of the FreePBX firewall that send sources to
// its trusted zone.
func trustedByRules(rules *packetfilter.Ruleset) (list []netip.Prefix, loaded bool) {
	for _, t := range rules.Tables {
		for _, c := range t.Chains {
			if c.Name != "fpbxnets" && c.Name != "fpbxhosts" {
				continue
			}
			loaded = true
			for _, r := range c.Rules {
				if i := slices.IndexFunc(r.Exprs, jumpsTo("zone-trusted")); i < 0 {
					continue
				}
				for _, x := range r.Exprs {
					m, ok := x.(*packetfilter.Match)
					if !ok || m.Not || m.Field != packetfilter.FieldSrc {
						continue
					}
					for _, span := range m.Addrs {
						if p, ok := Network(span); ok {
							list = append(list, p)
						}
					}
				}
			}
		}
	}
	return list, loaded
}

func jumpsTo(chain string) func(packetfilter.Expr) bool {
	return func(x packetfilter.Expr) bool {
		v, ok := x.(*packetfilter.Verdict)
		return ok && v.Chain == chain
	}
}

// Network is a span of addresses as a prefix; ok is false where it is none.
func Network(x packetfilter.Span[netip.Addr]) (p netip.Prefix, ok bool) {
	for bits := x.Lo.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(x.Lo, bits)
		if p.Masked().Addr() != x.Lo {
			break
		}
		if packetfilter.PrefixSpan(p).Hi == x.Hi {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
