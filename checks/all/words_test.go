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
	p := readProgram(t)
	literals := map[string]bool{}
	var beginnings []string
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value) // was compiled
				literals[text] = true
				if strings.HasSuffix(text, ".") && len(text) > 1 {
					beginnings = append(beginnings, text)
				}
			}
			return true
		})
	}
	for _, c := range Checks() {
		literals[c.Title().ID], literals[c.Doc().ID] = true, true
	}
	for _, id := range book.IDs() {
		used := slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(id, b) })
		for at := id; !used && strings.Contains(at, "."); at = at[:strings.LastIndex(at, ".")] {
			used = literals[at]
		}
		if !used {
			t.Errorf("nothing says %s", id)
		}
	}
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
