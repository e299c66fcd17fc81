package all

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What a judge says is a message; the sentence stands in words.yaml, in every
// language. A sentence in Go would be read in English by everybody.
func TestJudgesHoldNoSentences(t *testing.T) {
	p := readProgram(t)
	found := map[string][]string{}
	for name := range p.reached(p.judges()) {
		check := strings.TrimPrefix(packageOf(name), module+"checks/")
		if check == packageOf(name) || strings.Contains(check, "/") || p.nodes[name] == nil {
			continue // not a check's own
		}
		found[check] = append(found[check], p.sentences(name)...)
	}
	for check, list := range found {
		if len(list) > 0 {
			slices.Sort(list)
			t.Errorf("checks/%s: %s", check, strings.Join(list, "\n"))
		}
	}
}

// What a reader could not read, or does not know, is a message as well, whose
// sentence stands in the words.yaml beside it.
func TestReadersHoldNoSentences(t *testing.T) {
	p := readProgram(t)
	for name := range p.nodes {
		reader, ok := strings.CutPrefix(packageOf(name), module+"netinfo/")
		if !ok || !slices.Contains([]string{"packetfilter", "bans", "asterisk", "fail2ban"}, reader) {
			continue
		}
		for _, s := range p.told(name) {
			t.Errorf("netinfo/%s: %s", reader, s)
		}
	}
}

// told are the places in a function at which English is made for a message or
// stored: what a reader looks for in the words of other programs is none of its
// own, and errors are what platform words.
func (p *program) told(name string) (list []string) {
	foreign := map[ast.Node]bool{}
	ast.Inspect(p.nodes[name], func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := f.X.(*ast.Ident); ok && slices.Contains([]string{"strings", "bytes", "errors", "command"}, x.Name) || f.Sel.Name == "Errorf" {
				ast.Inspect(call, func(n ast.Node) bool { foreign[n] = true; return true })
			}
		}
		return true
	})
	ast.Inspect(p.nodes[name], func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || foreign[n] {
			return true
		}
		if text, err := strconv.Unquote(lit.Value); err == nil && clause.MatchString(text) {
			list = append(list, fmt.Sprintf("%s: %q", p.fset.Position(lit.Pos()), text))
		}
		return true
	})
	return list
}

// clause is a piece of a sentence: commands, and the fields of other programs,
// have no such words.
var clause = regexp.MustCompile(`(?i)(^|[^a-z-])(the|an?|is|are|was|were|which|that|its?) [a-z]{2,}|[a-z]{2,} (the|an?|is|are|was|were|which|that|its?)([^a-z-]|$)`)

// packageOf is the package of a function, method or variable by its full name.
func packageOf(name string) string {
	name = strings.TrimLeft(name, "(*")
	slash := strings.LastIndex(name, "/")
	dot := strings.Index(name[slash+1:], ".")
	return name[:slash+1+max(dot, 0)]
}

// prose is two words of English.
var prose = regexp.MustCompile(`(^|[^a-z-])[a-z]{2,}[,;:]? [a-z]{2,}\b`)

// sentences are the places in a function at which English stands.
func (p *program) sentences(name string) (list []string) {
	ast.Inspect(p.nodes[name], func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		if text, err := strconv.Unquote(lit.Value); err == nil && prose.MatchString(text) && !strings.HasPrefix(text, "sipdoctor ") {
			list = append(list, fmt.Sprintf("%s: %q", p.fset.Position(lit.Pos()), text))
		}
		return true
	})
	return list
}

// Every message is complete in every language, and used.
func TestTheWordsOfAllChecks(t *testing.T) {
	book := checks.BookOf(Checks())
	if err := book.Problems(); err != nil {
		t.Error(err)
	}
	said := spoken{}
	for _, f := range readProgram(t).files {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value) // was compiled
				said[text] = true
			}
			return true
		})
	}
	for _, id := range book.IDs() {
		if !said.has(id, true) {
			t.Errorf("nothing says %s", id)
		}
	}
}

// spoken are the strings of the program.
type spoken map[string]bool

// has reports whether the program names a message, or the whole that it is a
// part of: in one string, or in several that are put together at a dot or a dash.
func (s spoken) has(id string, whole bool) bool {
	for at := id; at != "" && (!whole || strings.Contains(at, ".")); at = at[:max(0, strings.LastIndex(at, "."))] {
		if s[at] {
			return true
		}
	}
	for at := 1; at < len(id); at++ {
		if (id[at-1] == '.' || id[at-1] == '-') && s[id[:at]] && s.has(id[at:], false) || id[at] == '.' && s[id[:at]] && s[id[at:]] {
			return true
		}
	}
	return false
}

var cyrillic = regexp.MustCompile(`\p{Cyrillic}`)

// A Russian sentence is Russian, an English one English.
func TestEverySentenceIsInItsLanguage(t *testing.T) {
	book := checks.BookOf(Checks())
	for _, id := range book.IDs() {
		if en := book.Bare(words.English, id); cyrillic.MatchString(en) {
			t.Errorf("%s in English: %q", id, en)
		}
		if ru := book.Bare(words.Russian, id); prose.MatchString(ru) && !cyrillic.MatchString(ru) {
			t.Errorf("%s in Russian: %q", id, ru)
		}
	}
}

// A fault is at a place that a picture of the path has.
func TestEveryPlaceOfAFaultIsOnThePath(t *testing.T) {
	book, n := checks.BookOf(Checks()), 0
	for _, id := range book.IDs() {
		if !strings.HasSuffix(id, ".place") {
			continue
		}
		n++
		at, err := book.Fill(words.Russian, words.Say(id, nil))
		if err != nil || !slices.Contains([]checks.Place{checks.PlaceHere, checks.PlaceRouter, checks.PlaceCarrier, checks.PlaceServer}, checks.Place(at)) {
			t.Errorf("%s: %q, %v", id, at, err)
		}
	}
	if n < 20 {
		t.Errorf("only %d faults have a place", n)
	}
}
