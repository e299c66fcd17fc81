package words

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// A Book holds sentences by message, in every language. It may be used
// concurrently.
type Book struct {
	pages map[string]*page // by the first word of their messages
}

// A page is one file, read when it is first needed: a run of one check reads the
// words of one check.
type page struct {
	source []byte
	once   sync.Once
	words  map[string]Sentence
	err    error
}

// place is the part that is no sentence.
const place = "place"

// NewBook makes a book of files by name, such as "dns": the IDs of all its
// messages begin with "dns.". A file holds for each ID either a sentence a
// language or several parts:
//
//	dns.note.slow: {en: "{server} is slow", ru: "…"}
//	dns.dead-server:
//	  en: {title: …, explanation: …, advice: [ … ]}
//	  ru: …
//
// The place of a fault is a code, the same in all languages:
//
//	dns.dead-server:
//	  place: server
//	  en: …
//
// A part is a message of its own, "dns.dead-server.title"; of a list, parts are
// numbered from 1: "dns.dead-server.advice.1". What is wrong with a file is told
// by Problems, and by whoever needs a message of it.
func NewBook(files map[string][]byte) *Book {
	b := &Book{pages: map[string]*page{}}
	for name, source := range files {
		b.pages[name] = &page{source: source}
	}
	return b
}

// Fill returns t as a sentence; "" for the zero Text. Its error is a message
// that is not in the book or lacks a value, which a report from another version
// may hold.
func (b *Book) Fill(l Lang, t Text) (string, error) {
	s, err := newFiller(b, l).text(t)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", t.ID, err)
	}
	return s, nil
}

// Show is Fill for a value of a message.
func (b *Book) Show(l Lang, v any) (string, error) {
	f := newFiller(b, l)
	return f.value(plain(v), f.g.and)
}

// Has reports whether there is such a message.
func (b *Book) Has(id string) bool {
	_, err := b.find(id)
	return err == nil
}

// Names returns the values that the message names in any language, sorted.
func (b *Book) Names(id string) ([]string, error) {
	w, err := b.find(id)
	if err != nil {
		return nil, err
	}
	return w.Names(), nil
}

// Bare returns what stands between the values of a message, each as an
// ellipsis.
func (b *Book) Bare(l Lang, id string) string {
	s, err := b.find(id)
	if err != nil {
		return ""
	}
	return s[l].bare()
}

// IDs returns every message, sorted.
func (b *Book) IDs() (ids []string) {
	for name := range b.pages {
		p := b.page(name)
		for id := range p.words {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Problems returns all that is wrong with the files: what cannot be read,
// languages that lack a message or name other values.
func (b *Book) Problems() error {
	var errs []error
	for name := range b.pages {
		errs = append(errs, b.page(name).err)
	}
	return errors.Join(errs...)
}

func (b *Book) find(id string) (Sentence, error) {
	if id == literal {
		t := template{{name: "text"}}
		return Sentence{English: t, Russian: t}, nil
	}
	name, _, _ := strings.Cut(id, ".")
	p := b.page(name)
	if p == nil {
		return nil, fmt.Errorf("there are no words for %s", name)
	}
	w, ok := p.words[id]
	if !ok {
		return nil, errors.Join(errors.New("it is not in the words"), p.err)
	}
	return w, nil
}

func (b *Book) page(name string) *page {
	if name == errorName {
		return errorPage()
	}
	p := b.pages[name]
	if p != nil {
		p.once.Do(func() { p.read(name) })
	}
	return p
}

func (p *page) read(name string) {
	var source map[string]map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(p.source)).Decode(&source); err != nil {
		p.err = fmt.Errorf("words of %s: %w", name, err)
		return
	}
	p.words = map[string]Sentence{}
	var errs []error
	for id, langs := range source {
		if !strings.HasPrefix(id, name+".") {
			errs = append(errs, fmt.Errorf("words of %s: %s does not begin with %s", name, id, name))
		}
		for key, node := range langs {
			part, in := id+"."+key, Languages()
			switch l := Lang(key); {
			case slices.Contains(in, l):
				part, in = id, []Lang{l}
			case key != place:
				errs = append(errs, fmt.Errorf("words of %s, line %d: %s: %q is not a language", name, node.Line, id, key))
				continue
			}
			for _, l := range in {
				if err := p.add(part, l, &node); err != nil {
					errs = append(errs, fmt.Errorf("words of %s, line %d: %s in %s: %w", name, node.Line, id, l, err))
				}
			}
		}
	}
	p.err = errors.Join(append(errs, p.compare(name))...)
}

// add takes the sentences under one language of a message.
func (p *page) add(id string, l Lang, node *yaml.Node) error {
	switch node.Kind {
	case yaml.AliasNode: // the same as elsewhere in the file
		return p.add(id, l, node.Alias)
	case yaml.ScalarNode:
		t, err := parse(strings.TrimSpace(node.Value))
		if err != nil {
			return err
		}
		if p.words[id] == nil {
			p.words[id] = Sentence{}
		}
		p.words[id][l] = t
		return nil
	case yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			if err := p.add(id+"."+node.Content[i].Value, l, node.Content[i+1]); err != nil {
				return err
			}
		}
		return nil
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if err := p.add(id+"."+strconv.Itoa(i+1), l, item); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("it must be a sentence, a list or named parts")
}

// compare finds messages that a language lacks, or in which it names other
// values.
func (p *page) compare(name string) error {
	var errs []error
	for id, w := range p.words {
		if err := w.faults(); err != nil {
			errs = append(errs, fmt.Errorf("words of %s: %s: %w", name, id, err))
		}
	}
	return errors.Join(errs...)
}
