package words

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Sentence is one message in every language, as a field of a YAML document:
// {en: …, ru: …}. A value without languages is the same in all of them.
type Sentence map[Lang]template

// UnmarshalYAML reads a sentence, or one for each language.
func (s *Sentence) UnmarshalYAML(node *yaml.Node) error {
	texts, err := everyLanguage(node)
	if err != nil {
		return err
	}
	*s = Sentence{}
	for l, text := range texts {
		t, err := parse(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("line %d: in %s: %w", node.Line, l, err)
		}
		(*s)[l] = t
	}
	return s.faults()
}

// faults are languages that are missing, or name other values than the rest.
func (s Sentence) faults() error {
	var errs []error
	for _, l := range Languages() {
		t, ok := s[l]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("missing in %s", l))
		case !slices.Equal(t.names(), s.Names()):
			errs = append(errs, fmt.Errorf("in %s it does not name the same values as in the others", l))
		}
	}
	return errors.Join(errs...)
}

// Names returns the values that s names, sorted.
func (s Sentence) Names() (all []string) {
	for _, t := range s {
		all = append(all, t.names()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Fill returns the sentence in l; "" if there is none. b is needed for values
// that are messages, and may be nil.
func (s Sentence) Fill(b *Book, l Lang, args Args) (string, error) {
	return newFiller(b, l).fill(s[l], args, nil)
}
