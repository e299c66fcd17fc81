package all

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var idPattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// validate refuses a list of checks that would confuse users or the runner:
// bad or repeated IDs, a title or documentation that a language lacks, missing
// timeouts or halves, an Assumes that names no check.
func validate(list []*checks.Check) error {
	seen, book := map[string]bool{}, checks.BookOf(list)
	for _, c := range list {
		switch {
		case !idPattern.MatchString(c.ID):
			return fmt.Errorf("check %q: the ID must be lower-kebab-case", c.ID)
		case seen[c.ID]:
			return fmt.Errorf("check %s stands twice", c.ID)
		case c.Group == "":
			return fmt.Errorf("check %s has no group", c.ID)
		case c.Timeout <= 0:
			return fmt.Errorf("check %s has no timeout", c.ID)
		case c.Observes() == "":
			return fmt.Errorf("check %s was not made by Define", c.ID)
		}
		seen[c.ID] = true
		for _, l := range words.Languages() {
			for _, t := range []words.Text{c.Title(), c.Doc()} {
				if said, err := book.Fill(l, t); err != nil || said == "" {
					return fmt.Errorf("check %s: its words.yaml has no %s in %s", c.ID, t.ID, l)
				}
			}
		}
	}
	for _, c := range list {
		for _, a := range c.Assumes {
			if !seen[a] || a == c.ID {
				return fmt.Errorf("check %s assumes %q, which is not another check", c.ID, a)
			}
		}
	}
	return nil
}

func TestTheListIsSound(t *testing.T) {
	if err := validate(Checks()); err != nil {
		t.Error(err)
	}
}

func TestAListOfChecksThatWouldConfuse(t *testing.T) {
	told := func(id string) []byte {
		return fmt.Appendf(nil, "%[1]s.title: {en: T, ru: Т}\n%[1]s.doc: {en: D, ru: Д}\n", id)
	}
	made := func(c checks.Check) *checks.Check {
		return checks.Define(c, func(context.Context, *checks.Env) (struct{}, error) { return struct{}{}, nil },
			func(struct{}, *netinfo.Host) checks.Judgement { return checks.Judgement{} })
	}
	good := checks.Check{ID: "a", Group: "g", Timeout: 1, Words: told("a")}
	but := func(change func(*checks.Check)) *checks.Check {
		c := good
		change(&c)
		return made(c)
	}
	for name, c := range map[string]struct {
		list []*checks.Check
		want string
	}{
		"a good one":            {[]*checks.Check{made(good)}, ""},
		"twice the same":        {[]*checks.Check{made(good), made(good)}, "stands twice"},
		"upper case":            {[]*checks.Check{but(func(c *checks.Check) { c.ID = "SIP" })}, "kebab"},
		"no group":              {[]*checks.Check{but(func(c *checks.Check) { c.Group = "" })}, "no group"},
		"no timeout":            {[]*checks.Check{but(func(c *checks.Check) { c.Timeout = 0 })}, "no timeout"},
		"not made by Define":    {[]*checks.Check{&good}, "Define"},
		"without words":         {[]*checks.Check{but(func(c *checks.Check) { c.Words = nil })}, "a.title in en"},
		"words of another one":  {[]*checks.Check{but(func(c *checks.Check) { c.Words = told("b") })}, "a.title in en"},
		"a language is missing": {[]*checks.Check{but(func(c *checks.Check) { c.Words = []byte("a.title: {en: T, ru: Т}\na.doc: {en: D}\n") })}, "a.doc in ru"},
		"assumes nobody":        {[]*checks.Check{but(func(c *checks.Check) { c.Assumes = []string{"b"} })}, "assumes"},
		"assumes itself":        {[]*checks.Check{but(func(c *checks.Check) { c.Assumes = []string{"a"} })}, "assumes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := validate(c.list); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
