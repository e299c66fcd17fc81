package packetfilter

import (
	"cmp"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// RuleEdit takes a rule away or, if Accept is not empty, puts an accept in
// right before it. It is of iptables or of nft, never of both.
type RuleEdit struct {
	Position int                   `json:"position"` // in its chain as it was read, from 1; 0: after the last rule
	IPTables *command.IPTablesRule `json:"iptables,omitempty"`
	// Same are the positions of earlier rules that read the same: iptables
	// deletes the first of them.
	Same []int            `json:"same,omitempty"`
	NFT  *command.NFTRule `json:"nft,omitempty"`
	Next *command.NFTRule `json:"next,omitempty"` // the rule after it; nil: it is the last

	Accept []string `json:"accept,omitempty"` // words of iptables, or one rule of nft
	Mark   string   `json:"mark,omitempty"`   // the comment of nft's accept
	// Odd reports that the rule, or the one after it, cannot be written in its
	// tool's language: a text in it holds a quotation mark or a line break.
	Odd bool `json:"odd,omitempty"`
}

// maxSame bounds how many rules that read the same are told apart.
const maxSame = 64

// edit is where the rule of s stands; of a policy, the end of its chain.
func (s Step) edit(w *Wording) (RuleEdit, bool) {
	c, r := s.Chain, s.Rule
	switch c.table.Tool {
	case ToolNFT:
		return s.editNFT(w)
	case ToolRouterOS: // its commands are those of netinfo/routeros
		return RuleEdit{}, false
	}
	e := RuleEdit{IPTables: &command.IPTablesRule{Program: c.table.Tool, Table: c.table.Name, Chain: c.Name}}
	if r == nil {
		return e, true
	}
	words, ok := iptablesWords(r.Text)
	if !ok {
		return e, false
	}
	e.Position = r.Position
	e.IPTables.Position, e.IPTables.Words, e.IPTables.Listed = r.Position, words, r.Text
	return e, true
}

// sameBefore are the positions of rules before r that read the same.
func sameBefore(c *Chain, r *Rule) (list []int) {
	for _, o := range c.Rules[:min(max(r.Position-1, 0), len(c.Rules))] {
		if o.Text == r.Text && len(list) < maxSame {
			list = append(list, o.Position)
		}
	}
	return list
}

// iptablesWords are the words of a rule without -A and its chain.
func iptablesWords(text string) (words []string, ok bool) {
	var r iptablesReader
	if !r.split(text) || len(r.tokens) < 2 {
		return nil, false
	}
	for _, t := range r.tokens[2:] {
		words = append(words, t.text)
	}
	return words, true
}

func (s Step) editNFT(w *Wording) (RuleEdit, bool) {
	c, r := s.Chain, s.Rule
	place := command.NFTRule{Family: string(c.table.Family), Table: c.table.Name, Chain: c.Name}
	e := RuleEdit{NFT: &place}
	if r == nil {
		return e, true
	}
	if r.Handle == 0 {
		return e, false
	}
	e.Odd = r.odd
	e.Position, place.Handle, place.Text = r.Position, r.Handle, w.text(c, r)
	i := slices.Index(c.Rules, r)
	for _, o := range c.Rules[i+1:] {
		if o.Handle != 0 && o.Handle != r.Handle { // a rule with a map is several of the model
			next := command.NFTRule{Family: place.Family, Table: place.Table, Chain: place.Chain, Handle: o.Handle, Text: w.text(c, o)}
			e.Next = &next
			e.Odd = e.Odd || o.odd
			break
		}
	}
	return e, true
}

// chainKey tells chains of all tools apart.
func (e RuleEdit) chainKey() string {
	if e.NFT != nil {
		return "nft\x00" + e.NFT.Family + "\x00" + e.NFT.Table + "\x00" + e.NFT.Chain
	}
	return e.IPTables.Program + "\x00" + e.IPTables.Table + "\x00" + e.IPTables.Chain
}

// Plan is the steps that carry out edits. Taken back from the last to the
// first they restore the rules exactly: places are those at the moment when
// each command runs.
func Plan(edits []RuleEdit) (steps []command.Step) {
	var order []string
	chains := map[string][]RuleEdit{}
	for _, e := range edits {
		if e.NFT == nil == (e.IPTables == nil) {
			continue // a report that this program did not write
		}
		key := e.chainKey()
		if chains[key] == nil {
			order = append(order, key)
		}
		chains[key] = append(chains[key], e)
	}
	for _, key := range order {
		var inserts, deletes []RuleEdit
		for _, e := range chains[key] {
			if len(e.Accept) > 0 {
				inserts = append(inserts, e)
			} else if e.Position > 0 {
				deletes = append(deletes, e)
			}
		}
		steps = append(steps, planInserts(inserts)...)
		if len(deletes) > 0 && deletes[0].NFT != nil {
			steps = append(steps, planNFTDeletes(deletes)...)
		} else {
			steps = append(steps, planDeletes(deletes, inserts)...)
		}
	}
	return steps
}

func step(do, undo command.Command) command.Step {
	return command.Step{Do: []command.Command{do}, Undo: []command.Command{undo}}
}

// planInserts puts accepts in from the end of the chain to its beginning, so
// that none moves the place of the next one.
func planInserts(list []RuleEdit) (steps []command.Step) {
	slices.SortStableFunc(list, func(a, b RuleEdit) int { return cmp.Compare(b.Position, a.Position) })
	moved := 0 // by accepts that went in at the same place
	for i, e := range list {
		if i > 0 && list[i-1].Position == e.Position {
			moved++
		} else {
			moved = 0
		}
		switch {
		case e.Odd && e.Position > 0:
			steps = append(steps, step(command.Impossible("no rule can be put in before the one with handle %d of %s %q, chain %q: a text there has a quotation mark or a line break in it", e.NFT.Handle, e.NFT.Family, e.NFT.Table, e.NFT.Chain), command.Command{}))
		case e.NFT != nil && e.Position == 0:
			steps = append(steps, step(e.NFT.Append(e.Accept[0]), e.NFT.DeleteMarked(e.Mark)))
		case e.NFT != nil:
			steps = append(steps, step(e.NFT.InsertBefore(e.Accept[0]), e.NFT.DeleteMarked(e.Mark)))
		case e.Position == 0:
			steps = append(steps, step(e.IPTables.Append(e.Accept...), e.IPTables.DeleteWords(e.Accept...)))
		default:
			steps = append(steps, step(e.IPTables.InsertBefore(moved, e.Accept...), e.IPTables.DeleteWords(e.Accept...)))
		}
	}
	return steps
}

// planDeletes takes rules away from the last to the first. Going back, each
// finds those before it in their places again, and the accepts still there.
func planDeletes(list, inserts []RuleEdit) (steps []command.Step) {
	slices.SortStableFunc(list, func(a, b RuleEdit) int { return cmp.Compare(a.Position, b.Position) })
	list = slices.CompactFunc(list, func(a, b RuleEdit) bool { return a.Position == b.Position })
	var rules []command.IPTablesRule
	taken := map[string]int{} // rules that read so, deleted before
	for _, e := range list {
		r := *e.IPTables
		if n := taken[r.Listed]; n < len(e.Same) {
			r.Position = e.Same[n] // iptables deletes the first that reads so
		}
		taken[r.Listed]++
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b command.IPTablesRule) int { return cmp.Compare(b.Position, a.Position) })
	for _, r := range rules {
		back := r
		for _, e := range inserts {
			if e.Position > 0 && e.Position <= r.Position {
				back.Position++
			}
		}
		steps = append(steps, step(r.Delete(), back.Restore()))
	}
	return steps
}

// planNFTDeletes takes rules away from the last to the first, and puts each
// back before the first rule after it that was not taken away.
func planNFTDeletes(list []RuleEdit) (steps []command.Step) {
	gone := map[uint64]*RuleEdit{}
	slices.SortStableFunc(list, func(a, b RuleEdit) int { return cmp.Compare(b.Position, a.Position) })
	list = slices.CompactFunc(list, func(a, b RuleEdit) bool { return a.NFT.Handle == b.NFT.Handle })
	for i := range list {
		gone[list[i].NFT.Handle] = &list[i]
	}
	for _, e := range list {
		next := e.Next
		for range list { // what follows may be taken away too
			if next == nil || gone[next.Handle] == nil {
				break
			}
			next = gone[next.Handle].Next
		}
		back := e.NFT.Append(e.NFT.Text)
		if next != nil {
			back = next.InsertBefore(e.NFT.Text)
		}
		if e.Odd {
			back = command.Impossible("the rule with handle %d of %s %q, chain %q, cannot be put back: a text there has a quotation mark or a line break in it", e.NFT.Handle, e.NFT.Family, e.NFT.Table, e.NFT.Chain)
		}
		steps = append(steps, step(e.NFT.Delete(), back))
	}
	return steps
}
