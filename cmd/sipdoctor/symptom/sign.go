package symptom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// sign is a finding that speaks for a cause, or the facts of a check that speak against
// it. It is written ID, ID/VARIANT, or
// ID?ARG=VALUE&ARG=VALUE: one finding may stand for several causes, told apart by its
// variant or by its values. Alternatives are separated by "|"; a "!" before them means
// none of these.
type sign struct {
	ID       string
	variants oneOf
	args     map[string]oneOf
}

// oneOf is a list of texts of which one has to be there, or none; the zero value
// takes everything.
type oneOf struct {
	list []string
	not  bool
}

func readOneOf(text string) oneOf {
	rest, not := strings.CutPrefix(text, "!")
	return oneOf{strings.Split(rest, "|"), not}
}

func (o oneOf) takes(text string) bool {
	return len(o.list) == 0 || slices.Contains(o.list, text) != o.not
}

// UnmarshalYAML reads a sign.
func (s *sign) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	text, conditions, _ := strings.Cut(text, "?")
	id, variants, hasVariant := strings.Cut(text, "/")
	*s = sign{ID: id, args: map[string]oneOf{}}
	if hasVariant {
		s.variants = readOneOf(variants)
	}
	for c := range strings.SplitSeq(conditions, "&") {
		if arg, values, ok := strings.Cut(c, "="); ok {
			s.args[arg] = readOneOf(values)
		} else if c != "" {
			return fmt.Errorf("%q: write ARG=VALUE", c)
		}
	}
	return nil
}

// fits reports that f is what the sign means.
func (s sign) fits(f checks.Finding) bool {
	return s.ID == f.ID && s.variants.takes(f.Variant) && s.has(f.Args)
}

// has reports that values are as the sign wants them. One that is several, as the class
// policy/billing of an answer that may mean either, fits with all of them.
func (s sign) has(values map[string]any) bool {
	for arg, wanted := range s.args {
		for part := range strings.SplitSeq(valueOf(values, arg), "/") {
			if !wanted.takes(part) {
				return false
			}
		}
	}
	return true
}

// valueOf is a value of a finding as signs name it: the last part of a message's name;
// and as class, whose business the answer is that the finding is about.
func valueOf(values map[string]any, arg string) string {
	switch v := values[arg].(type) {
	case nil:
		if arg == "class" {
			return classOf(values)
		}
		return ""
	case words.Text:
		return v.ID[strings.LastIndexByte(v.ID, '.')+1:]
	default:
		return fmt.Sprint(v)
	}
}

// classOf is that of a Q.850 cause, which says more than a code, or else of the code
// (see netinfo.SIPCode).
func classOf(values map[string]any) string {
	if number, ok := values["number"]; ok {
		for _, m := range netinfo.Explain(fmt.Sprint("cause=", number)) {
			return m.Class
		}
	}
	code, _ := strconv.Atoi(fmt.Sprint(values["code"]))
	c, _ := netinfo.ExplainSIP(code, fmt.Sprint(values["phrase"]))
	return c.Class
}
