package routeros

import (
	"iter"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// inside are the rules as they are for what a LAN sends. Lists that rules fill only with
// who comes in elsewhere, or has another address, cannot hold its phones: the rows that
// are in the export are all that matters of them.
func (f filter) inside(lan LAN) filter {
	var free []string
	for _, name := range f.filledLists() {
		if !f.mayHold(name, lan, nil) {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return f
	}
	parts := packetfilter.ReadRouterOS(f.cfg)
	for l := range filledBy(parts) {
		if l.Fields[0] == packetfilter.FieldSrc && slices.Contains(free, l.Set.Name) {
			set := *l.Set // others may ask the same list for something else
			set.Incomplete, l.Set = "", &set
		}
	}
	f.rules = packetfilter.New(parts)
	return f
}

// newcomers are the rules as they are for whom no rule has put on a list yet.
func (f filter) newcomers() filter {
	parts := packetfilter.ReadRouterOS(f.cfg)
	for l := range filledBy(parts) {
		l.Set.Incomplete = ""
	}
	f.rules = packetfilter.New(parts)
	return f
}

// filledBy are the matches that ask lists of which an export does not have what rules put
// there.
func filledBy(parts packetfilter.Parts) iter.Seq[*packetfilter.Lookup] {
	return func(yield func(*packetfilter.Lookup) bool) {
		for _, t := range parts.Tables {
			for _, c := range t.Chains {
				for _, r := range c.Rules {
					for _, x := range r.Exprs {
						l, ok := x.(*packetfilter.Lookup)
						if ok && l.Set != nil && len(l.Fields) > 0 && l.Set.FilledByRules() && !yield(l) {
							return
						}
					}
				}
			}
		}
	}
}

// tables are the menus whose rules may fill lists.
func tables() []string { return []string{"raw", "mangle", "nat", "filter"} }

// filledLists are the lists that rules fill.
func (f filter) filledLists() (names []string) {
	for _, table := range tables() {
		for r := range f.cfg.Rows("/ip/firewall/" + table) {
			if name := r.Get("address-list").Text; name != "" && !r.Off() && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// mayHold reports whether a rule may put a phone of a LAN into a list; seen are the
// lists that are asked about already.
func (f filter) mayHold(list string, lan LAN, seen []string) bool {
	if slices.Contains(seen, list) || len(seen) > maxDead {
		return true
	}
	for _, table := range tables() {
		for r := range f.cfg.Rows("/ip/firewall/" + table) {
			if !r.Off() && r.Get("address-list").Text == list && f.mayTake(r, lan, append(seen, list)) {
				return true
			}
		}
	}
	return false
}

// mayTake reports whether a rule that fills a list may take a phone: not if it asks for
// another interface or another source, or for a list that holds none.
func (f filter) mayTake(r ros.Row, lan LAN, seen []string) bool {
	if r.Get("action").Text != "add-src-to-address-list" {
		return true
	}
	if name, not, ok := r.Match("in-interface"); ok && !not && name != lan.Interface && !strings.HasPrefix(name, "all-") {
		return false
	}
	if name, not, ok := r.Match("in-interface-list"); ok {
		names, whole := f.cfg.Members(name)
		if whole && slices.Contains(names, lan.Interface) == not {
			return false
		}
	}
	if text, not, ok := r.Match("src-address"); ok && !not {
		if p, read := prefixOf(text); read && !p.Overlaps(lan.Prefix) {
			return false
		}
	}
	if name, not, ok := r.Match("src-address-list"); ok && !not {
		for row := range f.cfg.Rows("/ip/firewall/address-list") {
			if row.Get("list").Text == name {
				return true // its rows may be phones
			}
		}
		return f.mayHold(name, lan, seen)
	}
	return true
}
