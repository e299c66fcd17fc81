package fixes

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed catalogue/*.yaml
var catalogueFiles embed.FS

// A document is one file of the catalogue.
type document struct {
	Platform string `yaml:"platform"` // the file's name without .yaml
	Name     string `yaml:"name"`     // as people call the box
	Kind     string `yaml:"kind"`     // one of the kinds of platform; empty: a router
	SIPALG   string `yaml:"sip_alg"`  // where the SIP ALG hides and what it is called
	Common   bool   `yaml:"common"`   // often met: listed when the router is unknown
	Fixes    []row  `yaml:"fixes"`
	// Translations are Name and SIPALG in other languages than English.
	Translations map[words.Lang]documentWords `yaml:"translations"`
	// Connections is how many connections the box can hold as it is shipped.
	Connections []tableRow `yaml:"connections"`
}

// kind is the kind of the platform.
func (d document) kind() string { return cmp.Or(d.Kind, kindRouter) }

// documentWords are what a document says of its box in another language. Name is
// empty where it is the same.
type documentWords struct {
	Name   string `yaml:"name"`
	SIPALG string `yaml:"sip_alg"`
}

// in is the name of the box and where its SIP ALG hides, in l.
func (d document) in(l words.Lang) documentWords {
	t := d.Translations[l]
	return documentWords{Name: cmp.Or(t.Name, d.Name), SIPALG: cmp.Or(t.SIPALG, d.SIPALG)}
}

// A row is one fix as it is written down.
type row struct {
	ID      string `yaml:"id"`
	Problem string `yaml:"problem"`
	Title   string `yaml:"title"`
	Where   string `yaml:"where"`
	Form    string `yaml:"form"`

	// From and Below bound the versions the row is for: from <= v < below.
	From  string `yaml:"from"`
	Below string `yaml:"below"`

	Commands []string `yaml:"commands"`
	Undo     []string `yaml:"undo"`
	Verify   []string `yaml:"verify"`
	// SameAs names another row, "platform/id", whose commands, undo, verify,
	// unverified lines and defaults this one uses.
	SameAs string `yaml:"same_as"`
	// FromCommon adds commands made of the common documents: what each box is
	// called, and where its SIP ALG hides.
	FromCommon bool `yaml:"from_common"`

	// Defaults fill variables that neither the host nor the caller knows. A
	// value in <angle brackets> is for the reader to replace.
	Defaults map[string]string `yaml:"defaults"`

	// ReliesOn is the way around that the fix takes, "tls 5061": it is not
	// offered where a run saw that this does not work. IfProven ones are offered
	// only where a run saw that it does.
	ReliesOn string `yaml:"relies_on"`
	IfProven bool   `yaml:"if_proven"`

	Persistent bool   `yaml:"persistent"`
	Unverified bool   `yaml:"unverified"`
	More       bool   `yaml:"more"` // only in All: a variant that few need
	Note       string `yaml:"note"`
	Source     string `yaml:"source"`

	// Translations are the same words in other languages than English.
	Translations map[words.Lang]translation `yaml:"translations"`

	// UnverifiedLines repeat, word for word, the lines of commands, undo and
	// verify that the source does not stand behind.
	UnverifiedLines []string `yaml:"unverified_lines"`

	at     string   // file:line
	makers []string // of the boxes that FromCommon lists, in the order of its lines
}

// A translation is what a row says in another language. Commands, Undo and
// Verify are there where some of their lines are places in a menu or advice, and
// then have all lines; one that is typed is the same in every language.
type translation struct {
	Title    string   `yaml:"title"`
	Note     string   `yaml:"note"`
	Commands []string `yaml:"commands"`
	Undo     []string `yaml:"undo"`
	Verify   []string `yaml:"verify"`

	makers []string
}

// catalogue returns the embedded documents, by file name. They are read once
// and never changed. The data is part of the program and its tests refuse bad
// rows, so an error here is a program that was built without them.
var catalogue = sync.OnceValue(func() []document {
	docs, err := readCatalogue(catalogueFiles, "catalogue")
	if err != nil {
		panic(err)
	}
	return docs
})

// readCatalogue reads every .yaml file of dir strictly. The error joins all
// that is wrong, each with file and line.
func readCatalogue(fsys fs.FS, dir string) ([]document, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the remedy catalogue: %w", err)
	}
	var docs []document
	var errs []error
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading the remedy catalogue: %w", err)
		}
		d, err := readDocument(name, b)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		docs = append(docs, d)
	}
	errs = append(errs, resolveSameAs(docs))
	fillFromCommon(docs)
	return docs, errors.Join(errs...)
}

// readDocument reads one file: unknown and repeated keys and a second
// document are errors.
func readDocument(name string, b []byte) (document, error) {
	var d document
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(new(document)); !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("%s: there must be one YAML document and nothing after it", name)
	}
	// The strict decoder keeps no lines, so they come from a second reading.
	var lines struct {
		Fixes []yaml.Node `yaml:"fixes"`
	}
	if err := yaml.Unmarshal(b, &lines); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	for i := range d.Fixes {
		d.Fixes[i].at = fmt.Sprintf("%s:%d", name, lines.Fixes[i].Line)
	}
	if want := strings.TrimSuffix(path.Base(name), ".yaml"); d.Platform != want {
		return d, fmt.Errorf("%s: platform is %q, the file's name says %q", name, d.Platform, want)
	}
	return d, nil
}

// resolveSameAs copies what SameAs points at. A row that is pointed at may not
// point on.
func resolveSameAs(docs []document) error {
	var errs []error
	for i := range docs {
		for j := range docs[i].Fixes {
			r := &docs[i].Fixes[j]
			if r.SameAs == "" {
				continue
			}
			from := findRow(docs, r.SameAs)
			if from == nil || from.SameAs != "" || len(r.Commands)+len(r.Undo) > 0 {
				errs = append(errs, fmt.Errorf("%s: same_as %q names no row with commands of its own, or this row has its own", r.at, r.SameAs))
				continue
			}
			for l, t := range r.Translations {
				there := from.in(l)
				t.Commands, t.Undo, t.Verify = there.Commands, there.Undo, slices.Concat(r.in(l).Verify, there.Verify)
				r.Translations[l] = t
			}
			r.Commands, r.Undo, r.Defaults, r.Form = from.Commands, from.Undo, from.Defaults, from.Form
			r.Verify = slices.Concat(r.Verify, from.Verify)
			r.UnverifiedLines = slices.Concat(r.UnverifiedLines, from.UnverifiedLines)
		}
	}
	return errors.Join(errs...)
}

// fillFromCommon makes the lines of the rows that list the common boxes.
func fillFromCommon(docs []document) {
	common := func(l words.Lang) (makers, lines []string) {
		for _, d := range docs {
			if d.Common {
				makers = append(makers, d.in(l).Name)
				lines = append(lines, d.in(l).Name+": "+d.in(l).SIPALG)
			}
		}
		return makers, lines
	}
	for i := range docs {
		for j := range docs[i].Fixes {
			r := &docs[i].Fixes[j]
			if !r.FromCommon {
				continue
			}
			makers, lines := common(words.English)
			r.makers, r.Commands = makers, append(r.Commands, lines...)
			for l, t := range r.Translations {
				makers, lines := common(l)
				t.makers, t.Commands = makers, append(t.Commands, lines...)
				r.Translations[l] = t
			}
		}
	}
}

func findRow(docs []document, ref string) *row {
	slug, id, _ := strings.Cut(ref, "/")
	rows := documentOf(docs, slug).Fixes
	i := slices.IndexFunc(rows, func(r row) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &rows[i]
}

// documentOf returns the document of a platform; an empty one for an unknown
// platform.
func documentOf(docs []document, platform string) document {
	i := slices.IndexFunc(docs, func(d document) bool { return d.Platform == platform })
	if i < 0 {
		return document{}
	}
	return docs[i]
}
