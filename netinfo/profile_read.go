package netinfo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Mistake is one thing that is wrong in a profile's file.
type Mistake struct {
	Line int    // from 1
	Key  string // where in the document: "sip 1 port"; empty: the whole file
	Text string
}

func (m Mistake) String() string {
	if m.Key == "" {
		return m.Text
	}
	return m.Key + ": " + m.Text
}

// ParseProfile reads a profile strictly. file is only for errors; its base
// name without the ending must be the profile's name. The error names the
// first mistake by file and line.
func ParseProfile(file string, b []byte) (*Profile, error) {
	p, mistakes := readProfile(file, b)
	switch len(mistakes) {
	case 0:
		return p, nil
	case 1:
		return nil, fmt.Errorf("%s:%d: %s", file, mistakes[0].Line, mistakes[0])
	}
	return nil, fmt.Errorf("%s:%d: %s (and %d more; \"sipdoctor profiles lint\" lists all)", file, mistakes[0].Line, mistakes[0], len(mistakes)-1)
}

// LintProfile lists everything that is wrong with a profile, by line; nothing
// when ParseProfile would take it.
func LintProfile(file string, b []byte) []Mistake {
	_, mistakes := readProfile(file, b)
	return mistakes
}

func readProfile(file string, b []byte) (*Profile, []Mistake) {
	root, mistake := oneDocument(b)
	if mistake != nil {
		return nil, []Mistake{*mistake}
	}
	s := shape{lines: map[string]int{}}
	s.check(root, reflect.TypeFor[Profile](), nil)
	var p Profile
	// Where the shape is wrong the rest is still looked at: a person wants to
	// hear of all mistakes at once.
	if err := root.Decode(&p); err != nil && len(s.mistakes) == 0 {
		return nil, []Mistake{{Line: root.Line, Text: err.Error()}}
	}
	mistakes := s.mistakes
	for _, f := range p.faults(file) {
		if !s.spoilt(f.key) {
			mistakes = append(mistakes, Mistake{s.line(f.key), strings.Join(f.key, " "), f.text})
		}
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int { return cmp.Or(a.Line-b.Line, cmp.Compare(a.Key, b.Key)) })
	if len(mistakes) == 0 {
		p.complete()
	}
	return &p, mistakes
}

// oneDocument parses the file. YAML itself stops at the first mistake, and
// says the line in its text alone.
func oneDocument(b []byte) (*yaml.Node, *Mistake) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		return nil, &Mistake{Line: 1, Text: "the file is empty"}
	case err != nil:
		return nil, &Mistake{Line: syntaxLine(err), Text: err.Error()}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Mistake{Line: 1, Text: "there must be one YAML document and nothing after it"}
	}
	return doc.Content[0], nil
}

// syntaxLine takes the number out of "yaml: line 7: …"; without one, line 1.
func syntaxLine(err error) int {
	_, rest, _ := strings.Cut(err.Error(), "line ")
	digits, _, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// shape compares a document with the Go type it is for: keys that nobody
// knows, keys that stand twice, lists where text should be.
type shape struct {
	mistakes []Mistake
	bad      [][]string     // keys whose values cannot be believed
	lines    map[string]int // of the values, by their keys
}

func (s *shape) add(n *yaml.Node, key []string, format string, args ...any) {
	s.mistakes = append(s.mistakes, Mistake{n.Line, strings.Join(key, " "), fmt.Sprintf(format, args...)})
	s.bad = append(s.bad, slices.Clone(key))
}

// spoilt reports whether a value, or what it is part of, has a wrong shape.
func (s *shape) spoilt(key []string) bool {
	return slices.ContainsFunc(s.bad, func(bad []string) bool {
		return len(bad) <= len(key) && slices.Equal(bad, key[:len(bad)])
	})
}

// line is that of a value, or of the smallest part of the document that it would
// stand in.
func (s *shape) line(key []string) int {
	for i := len(key); i > 0; i-- {
		if line := s.lines[strings.Join(key[:i], " ")]; line > 0 {
			return line
		}
	}
	return s.lines[""]
}

func (s *shape) check(n *yaml.Node, t reflect.Type, key []string) {
	s.lines[strings.Join(key, " ")] = n.Line
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.add(n, key, "anchors and aliases are not for profiles")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		s.add(n, key, "has no value")
	case t == reflect.TypeFor[PortRange]():
		if _, err := ParsePortRange(n.Value); err != nil {
			s.add(n, key, "%v", err)
		}
	case t == reflect.TypeFor[words.Phrase]():
		s.phrase(n, key)
	case t.Kind() == reflect.Struct:
		s.mapping(n, fields(t), nil, key)
	case t.Kind() == reflect.Map:
		s.mapping(n, nil, t.Elem(), key)
	case t.Kind() == reflect.Slice && n.Kind != yaml.SequenceNode:
		s.add(n, key, "must be a list")
	case t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			s.check(item, t.Elem(), append(key[:len(key):len(key)], strconv.Itoa(i)))
		}
	case n.Kind != yaml.ScalarNode:
		s.add(n, key, "must be a single value")
	case t.Kind() == reflect.Int && n.Tag != "!!int":
		s.add(n, key, "%q is not a whole number", n.Value)
	case t.Kind() == reflect.Bool && n.Tag != "!!bool":
		s.add(n, key, "%q is neither true nor false", n.Value)
	}
}

// phrase checks a text: one for all languages, or one for each.
func (s *shape) phrase(n *yaml.Node, key []string) {
	if n.Kind == yaml.ScalarNode {
		return
	}
	known, missing := map[string]reflect.Type{}, words.Languages()
	for _, l := range words.Languages() {
		known[string(l)] = reflect.TypeFor[string]()
	}
	s.mapping(n, known, nil, key)
	for i := 0; i+1 < len(n.Content); i += 2 {
		missing = slices.DeleteFunc(missing, func(l words.Lang) bool { return string(l) == n.Content[i].Value && n.Content[i+1].Value != "" })
	}
	if n.Kind == yaml.MappingNode && len(missing) > 0 {
		s.add(n, key, "has no text in %s", missing[0])
	}
}

// mapping checks keys against the known ones; any key is good where values
// have one type.
func (s *shape) mapping(n *yaml.Node, known map[string]reflect.Type, any reflect.Type, key []string) {
	if n.Kind != yaml.MappingNode {
		s.add(n, key, "must be a block of keys and values")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := append(key[:len(key):len(key)], name.Value)
		t := known[name.Value]
		if t == nil {
			t = any
		}
		switch line := seen[name.Value]; {
		case name.Kind != yaml.ScalarNode || t == nil:
			s.add(name, at, "unknown key")
		case line != 0:
			s.add(name, at, "stands in line %d already", line)
			s.bad = append(s.bad, key) // YAML decodes nothing of a block with a key twice
		default:
			s.check(value, t, at)
		}
		seen[name.Value] = name.Line
	}
}

// fields are the keys of a struct and the types of their values.
func fields(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if rest == "inline" {
			for k, v := range fields(f.Type) {
				m[k] = v
			}
			continue
		}
		m[name] = f.Type
	}
	return m
}

// complete fills in what a block inherits, and makes the two forms of "the SIP
// ALG must be off" one.
func (p *Profile) complete() {
	p.Kind = cmp.Or(p.Kind, KindProvider)
	for i := range p.SIP {
		p.SIP[i].inherit(p.Origin)
	}
	for i := range p.Serves {
		p.Serves[i].inherit(p.Origin)
	}
	for i := range p.Subnets {
		p.Subnets[i].inherit(p.Origin)
	}
	for i := range p.Ports {
		p.Ports[i].inherit(p.Origin)
	}
	for i := range p.RTP {
		p.RTP[i].inherit(p.Origin)
	}
	for i := range p.Conflicts {
		p.Conflicts[i].inherit(p.Origin)
	}
	if p.SIPALGMustBeOff {
		p.Client.SIPALG = "off"
	}
	p.SIPALGMustBeOff = p.Client.SIPALG == "off"
	p.Client.inherit(p.Origin)
}

// baseName is the file's name without folder and ending, on any system.
func baseName(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	return strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml")
}
