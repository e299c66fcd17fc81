package packetfilter

import (
	"context"
	"maps"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Wording is how nft itself writes rules, without their counters. Commands
// about a rule tell it by that text. nil words rules from their JSON, which
// comes close.
type Wording struct {
	texts map[string]string // of rules, by family, table and handle
	// list asks nft for the text of a table, or of one chain; nil: what there is
	// is in texts.
	list  func(object ...string) map[string]string
	asked map[*Chain]bool
}

// NewWording words the rules of s. nft is asked chain by chain, for the few
// rules that matter.
func NewWording(ctx context.Context, s platform.System) *Wording {
	return &Wording{texts: map[string]string{}, asked: map[*Chain]bool{}, list: func(object ...string) map[string]string {
		out, err := s.Run(ctx, "nft", append([]string{"-s", "-a", "list"}, object...)...)
		if err != nil {
			return nil
		}
		return readNFTText(string(out))
	}}
}

// SavedWording words rules as Texts had them.
func SavedWording(texts map[string]string) *Wording { return &Wording{texts: texts} }

// Texts asks for the texts of all rules that the JSON does not word exactly,
// for SavedWording.
func (w *Wording) Texts(r *Ruleset) map[string]string {
	texts := map[string]string{}
	for _, t := range r.Tables {
		chains := slices.DeleteFunc(slices.Clone(t.Chains), func(c *Chain) bool {
			return t.Tool != ToolNFT || !askable(c) || !slices.ContainsFunc(c.Rules, func(r *Rule) bool { return !r.exact })
		})
		if len(chains) == 0 {
			continue
		}
		all := w.list("table", string(t.Family), t.Name)
		for _, c := range chains {
			if all == nil {
				maps.Copy(texts, w.list("chain", string(t.Family), t.Name, c.Name))
			}
			for _, r := range c.Rules {
				name := nftName(t.Family, t.Name, r.Handle)
				if text, ok := all[name]; ok && !r.exact {
					texts[name] = text
				}
			}
		}
	}
	return texts
}

// askable reports whether nft can be asked for the text of a chain: nft reads its
// names as names, and no comment in it looks like a line of the listing.
func askable(c *Chain) bool {
	return command.IsNFTName(c.table.Name) && command.IsNFTName(c.Name) && !slices.ContainsFunc(c.Rules, func(r *Rule) bool { return r.odd })
}

func (w *Wording) text(c *Chain, r *Rule) string {
	// Listing 100,000 rules as text takes five seconds.
	if w == nil || r.exact || !askable(c) {
		return r.Text
	}
	if w.list != nil && !w.asked[c] {
		maps.Copy(w.texts, w.list("chain", string(c.table.Family), c.table.Name, c.Name))
		w.asked[c] = true
	}
	if text, ok := w.texts[nftName(c.table.Family, c.table.Name, r.Handle)]; ok {
		return text
	}
	return r.Text
}
