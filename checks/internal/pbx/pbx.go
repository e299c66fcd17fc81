// Package pbx reads a PBX from inside, once a run: its packet filter, its
// Asterisk, its routes and sockets. The checks of the PBX share what it read.
package pbx

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// PBX is one machine with a PBX on it. Its methods may be called concurrently; each reads once.
type PBX struct {
	Sys platform.System

	filter   onceValue[Filter]
	asterisk onceValue[Asterisk]
	routes   onceValue[*Routes]
}

// New returns the PBX that sys is.
func New(sys platform.System) *PBX { return &PBX{Sys: sys} }

// Filter is the loaded packet filter, and what of it could not be read.
type Filter struct {
	Rules  *packetfilter.Ruleset
	Unread []packetfilter.Unread
	Notes  []words.Cause // where the rules of a bundle were found
}

// Asterisk is the state of the server, and what could not be read of it.
type Asterisk struct {
	State *asterisk.State
	Notes []words.Reason
}

// Filter reads the packet filter.
func (p *PBX) Filter(ctx context.Context) Filter {
	return p.filter.get(func() Filter {
		rules, unread := packetfilter.Load(ctx, p.Sys)
		return Filter{rules, unread, platform.FoundAs(p.Sys)}
	})
}

// Asterisk reads Asterisk's configuration and, where it runs, its state.
func (p *PBX) Asterisk(ctx context.Context) Asterisk {
	return p.asterisk.get(func() Asterisk {
		state, notes := asterisk.Read(ctx, p.Sys)
		return Asterisk{state, notes}
	})
}

// onceValue is a value that the first caller reads and all share.
type onceValue[T any] struct {
	once  sync.Once
	value T
}

func (l *onceValue[T]) get(read func() T) T {
	l.once.Do(func() { l.value = read() })
	return l.value
}

// Trusted are the networks that the FreePBX firewall lets use everything: its
// chains say so at once; fwconsole, which takes seconds, is asked where they
// cannot be read. An error means that the list is not known, or not whole: none
// on it is not "nobody is trusted".
func (p *PBX) Trusted(ctx context.Context) ([]netip.Prefix, error) {
	ast := p.Asterisk(ctx)
	if ast.State == nil || !ast.State.FreePBX {
		return nil, nil
	}
	if list, loaded, err := trustedByRules(p.Filter(ctx).Rules); loaded {
		return list, err
	}
	var list []netip.Prefix
	trusted, err := asterisk.ReadTrusted(ctx, p.Sys)
	for _, t := range trusted {
		list = append(list, t.Prefix)
	}
	if err != nil {
		err = fmt.Errorf("the networks that the FreePBX firewall trusts were not read: %w", err)
	}
	return list, err
}

// trustedByRules reads the chains of the FreePBX firewall that send sources to
// its trusted zone, and the sets they ask.
func trustedByRules(rules *packetfilter.Ruleset) (list []netip.Prefix, loaded bool, err error) {
	for _, t := range rules.Tables {
		for _, c := range t.Chains {
			if c.Name != "fpbxnets" && c.Name != "fpbxhosts" {
				continue
			}
			loaded = true
			if c.Incomplete {
				err = fmt.Errorf("the listing of chain %s may lack networks that the FreePBX firewall trusts", c.Name)
			}
			for _, r := range c.Rules {
				if !HasMatch(r, func(v *packetfilter.Verdict) bool { return v.Chain == "zone-trusted" }) {
					continue
				}
				found, why := sourcesOf(r)
				for _, span := range found {
					if p, ok := packetfilter.Network(span); ok {
						list = append(list, p)
					}
				}
				err = cmp.Or(why, err)
			}
		}
	}
	return list, loaded, err
}

// sourcesOf are the addresses that a rule's source is compared with, by itself or
// in a set.
func sourcesOf(r *packetfilter.Rule) (list packetfilter.AddrSet, err error) {
	for _, x := range r.Exprs {
		switch x := x.(type) {
		case *packetfilter.Match:
			if !x.Not && x.Field == packetfilter.FieldSrc {
				list = append(list, x.Addrs...)
			}
		case *packetfilter.Lookup:
			switch {
			case x.Not:
			case x.Set == nil:
				err = fmt.Errorf("set %s of trusted networks was not listed", x.Name)
			case x.Set.Incomplete != "":
				err = fmt.Errorf("set %s of trusted networks: %s", x.Name, x.Set.Incomplete)
			default:
				for _, e := range x.Set.Elements {
					if !e.NoMatch && len(e.Values) > 0 {
						list = append(list, e.Values[0].Addr)
					}
				}
			}
		}
	}
	return list, err
}
