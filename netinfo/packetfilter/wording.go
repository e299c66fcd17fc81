package packetfilter

import (
	"context"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Wording is how nft itself writes rules, without their counters. Commands
// about a rule tell it by that text. It is asked chain by chain, for the few
// rules that matter; nil words rules from their JSON, which comes close.
type Wording struct {
	ctx    context.Context
	sys    platform.System
	chains map[*Chain]map[string]string
}

// NewWording words the rules of s.
func NewWording(ctx context.Context, s platform.System) *Wording {
	return &Wording{ctx: ctx, sys: s, chains: map[*Chain]map[string]string{}}
}

func (w *Wording) text(c *Chain, r *Rule) string {
	family, table := string(c.table.Family), c.table.Name
	if w == nil || !command.IsNFTName(table) || !command.IsNFTName(c.Name) {
		return r.Text
	}
	if r.exact {
		return r.Text // listing 100,000 rules as text takes five seconds
	}
	if slices.ContainsFunc(c.Rules, func(o *Rule) bool { return o.odd }) {
		return r.Text // a comment may look like a line of the listing
	}
	texts, known := w.chains[c]
	if !known {
		out, err := w.sys.Run(w.ctx, "nft", "-s", "-a", "list", "chain", family, table, c.Name)
		if err == nil {
			texts = readNFTText(string(out))
		}
		w.chains[c] = texts
	}
	if text, ok := texts[nftName(family, table, r.Handle)]; ok {
		return text
	}
	return r.Text
}
