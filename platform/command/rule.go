package command

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var nftName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9/_.-]*$`)

// IsNFTName reports whether nft reads a name of a table, chain or set as one
// word (nftables, src/scanner.l: string). Netlink and JSON let programs create
// any other name, which nft's language cannot express.
func IsNFTName(s string) bool { return nftName.MatchString(s) }

func checkNFTNames(names ...string) error {
	for _, n := range names {
		if !IsNFTName(n) {
			return fmt.Errorf("nft's language cannot express the name %s", quoted(n))
		}
	}
	return nil
}

// checkNFT refuses what would end a statement in nft's language and begin
// another one: nft joins its arguments and reads them as a script.
func checkNFT(script string) error {
	inString := false
	for _, c := range script {
		switch {
		case c == '"':
			inString = !inString
		case !inString && strings.ContainsRune(";#$\\", c):
			return fmt.Errorf("nft would read more than one statement in %s", quoted(script))
		}
	}
	if inString {
		return errors.New("nft would read an open string in " + quoted(script))
	}
	return nil
}

// NFTString writes text as a string of nft's language, which has no way to
// write a double quote.
func NFTString(s string) (string, error) {
	if err := printable(s); err != nil || strings.ContainsRune(s, '"') {
		return "", fmt.Errorf("nft's language cannot express the text %s", quoted(s))
	}
	return `"` + s + `"`, nil
}

// NFT adds names of nft's objects: its families, tables, chains and sets.
func (c Command) NFT(names ...string) Command {
	if c.err == nil {
		c.err = checkNFTNames(names...)
	}
	return c.Spec(names...)
}

// An NFTRule is a rule where it stands, as "nft -s -a list chain" writes it.
// Handles are given anew when a table is made anew: text and handle together
// tell that it is still the rule that was meant.
type NFTRule struct {
	Family string `json:"family"`
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	Handle uint64 `json:"handle,omitempty"` // 0: no rule, only the chain
	Text   string `json:"text,omitempty"`
}

// guarded are the arguments that begin the guarded forms.
func (r NFTRule) guarded() []string {
	handle := strconv.FormatUint(r.Handle, 10)
	return []string{r.Family, r.Table, r.Chain, r.Text + " # handle " + handle, r.Family, r.Table, r.Chain, handle}
}

// Delete takes the rule away, and fails when another one has its handle.
func (r NFTRule) Delete() Command { return r.about(form("nft-delete").with(r.guarded()...)) }

// about says in the description of a command that cannot be written which rule
// it is about.
func (r NFTRule) about(c Command) Command {
	if c.err != nil {
		c.err = fmt.Errorf("the rule with handle %d in chain %s of table %s %s: %w", r.Handle, quoted(r.Chain), quoted(r.Family), quoted(r.Table), c.err)
	}
	return c
}

// InsertBefore puts a rule in right before r, and fails when another rule has
// r's handle.
func (r NFTRule) InsertBefore(text string) Command {
	return r.about(form("nft-insert").with(append(r.guarded(), text)...))
}

// Append puts a rule at the end of r's chain.
func (r NFTRule) Append(text string) Command {
	return New("nft", "add", "rule").NFT(r.Family, r.Table, r.Chain).Spec(text)
}

// DeleteMarked takes away the first rule of r's chain with a comment, and fails
// when there is none.
func (r NFTRule) DeleteMarked(comment string) Command {
	mark, err := NFTString(comment)
	if err != nil {
		return Command{err: err}
	}
	return form("nft-delete-marked").with(r.Family, r.Table, r.Chain, "comment "+mark+" # handle ", r.Family, r.Table, r.Chain)
}

// An IPTablesRule is a rule where it stands. Program is one of the iptables
// family, Words are the rule without -A and its chain.
type IPTablesRule struct {
	Program  string   `json:"program"`
	Table    string   `json:"table"`
	Chain    string   `json:"chain"`
	Position int      `json:"position,omitempty"` // in its chain, from 1; 0: no rule, only the chain
	Words    []string `json:"words,omitempty"`
	Listed   string   `json:"listed,omitempty"` // the line of iptables -S
}

func (r IPTablesRule) in(verb constant) Command {
	return New(r.Program, "-t").Values(r.Table).Words(verb).Values(r.Chain)
}

// Delete takes away the first rule of its chain that reads so.
func (r IPTablesRule) Delete() Command { return r.in("-D").Spec(r.Words...) }

// Restore puts the rule back in its place.
func (r IPTablesRule) Restore() Command {
	return r.in("-I").Spec(strconv.Itoa(r.Position)).Spec(r.Words...)
}

// Append puts a rule at the end of r's chain.
func (r IPTablesRule) Append(words ...string) Command { return r.in("-A").Spec(words...) }

// InsertBefore puts a rule in right before r, which earlier insertions have
// moved down by so many rules, and fails when another rule stands there now.
func (r IPTablesRule) InsertBefore(moved int, words ...string) Command {
	at := strconv.Itoa(r.Position + moved)
	return form("iptables-insert").with(slices.Concat([]string{r.Program, r.Table, r.Chain, at, r.Listed, r.Program, r.Table, r.Chain, at}, words)...)
}

// DeleteWords takes away the first rule of r's chain that reads as given.
func (r IPTablesRule) DeleteWords(words ...string) Command { return r.in("-D").Spec(words...) }
