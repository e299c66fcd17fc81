package words

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Phrase is the same text in every language, as tables have it that are data:
// {en: …, ru: …}. A plain string is the same in all of them. It is a value of a
// message, and is shown as it stands.
type Phrase map[Lang]string

// UnmarshalYAML reads one text for all languages, or one for each.
func (p *Phrase) UnmarshalYAML(node *yaml.Node) error {
	*p = Phrase{}
	if node.Kind == yaml.ScalarNode {
		for _, l := range Languages() {
			(*p)[l] = node.Value
		}
		return nil
	}
	var texts map[Lang]string
	if err := node.Decode(&texts); err != nil {
		return err
	}
	for _, l := range Languages() {
		if texts[l] == "" {
			return fmt.Errorf("line %d: missing in %s", node.Line, l)
		}
		(*p)[l] = texts[l]
	}
	if len(texts) > len(*p) {
		return fmt.Errorf("line %d: a language that is not spoken here", node.Line)
	}
	return nil
}

// Says reports whether p has a text.
func (p Phrase) Says() bool { return strings.TrimSpace(p[English]) != "" }

// phraseFromJSON reads a Phrase out of a report.
func phraseFromJSON(tree map[string]any) (Phrase, bool) {
	p := Phrase{}
	for _, l := range Languages() {
		text, ok := tree[string(l)].(string)
		if !ok {
			return nil, false
		}
		p[l] = text
	}
	return p, len(p) == len(tree)
}
