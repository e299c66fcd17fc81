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
func (p *Phrase) UnmarshalYAML(node *yaml.Node) (err error) {
	*p, err = everyLanguage(node)
	return err
}

// everyLanguage reads one text for all languages, or one for each.
func everyLanguage(node *yaml.Node) (texts map[Lang]string, err error) {
	if node.Kind != yaml.ScalarNode {
		err = node.Decode(&texts)
	} else {
		texts = map[Lang]string{English: node.Value, Russian: node.Value}
	}
	for _, l := range Languages() {
		if err == nil && texts[l] == "" && node.Kind != yaml.ScalarNode {
			err = fmt.Errorf("line %d: missing in %s", node.Line, l)
		}
	}
	if err == nil && len(texts) > len(Languages()) {
		err = fmt.Errorf("line %d: a language that is not spoken here", node.Line)
	}
	return texts, err
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
