package fixes

import (
	"bytes"
	_ "embed"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Problem is something that the catalogue has fixes for.
type Problem struct {
	ID        string   `json:"id"`       // one of the constants above
	Title     string   `json:"title"`    // what its fixes do
	Findings  []string `json:"findings"` // IDs of the findings that come with these fixes
	Platforms []string `json:"platforms"`
}

// A problemRow is a problem as it is written down.
type problemRow struct {
	ID       string       `yaml:"id"`
	Title    words.Phrase `yaml:"title"`
	Findings []string     `yaml:"findings"`
	On       []string     `yaml:"on"` // platforms that should have a fix; "routers" are all of them
}

//go:embed problems.yaml
var problemFile []byte

// problemRows are read once and never changed; tests refuse bad ones.
var problemRows = sync.OnceValue(func() []problemRow {
	var rows []problemRow
	dec := yaml.NewDecoder(bytes.NewReader(problemFile))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil {
		panic(err)
	}
	return rows
})

// Problems returns every problem, in the order in which they are shown, with the
// platforms that have fixes for it.
func Problems(l words.Lang) []Problem {
	var out []Problem
	for _, r := range problemRows() {
		p := Problem{ID: r.ID, Title: r.Title[l], Findings: slices.Clone(r.Findings)}
		for _, d := range catalogue() {
			if slices.ContainsFunc(d.Fixes, func(f row) bool { return f.Problem == r.ID }) {
				p.Platforms = append(p.Platforms, d.Platform)
			}
		}
		slices.Sort(p.Platforms)
		out = append(out, p)
	}
	return out
}

// ProblemOf returns the problem that a fix of the catalogue is for; "" for one that
// the program built, or that this program does not know.
func ProblemOf(f Fix) string {
	if r := findRow(catalogue(), f.Platform+"/"+f.ID); r != nil && !f.Built {
		return r.Problem
	}
	return ""
}

// Kinds of platform.
const (
	kindRouter   = "router"   // forwards the packets of phones; the usual kind
	kindPBX      = "pbx"      // stands on the PBX itself
	kindComputer = "computer" // part of any computer
	kindAny      = "any"      // whatever the box is
)

// onPlatforms are the platforms that should have a fix for r.
func (r problemRow) onPlatforms() (slugs []string) {
	for _, d := range catalogue() {
		if slices.Contains(r.On, d.Platform) || d.kind() == kindRouter && slices.Contains(r.On, "routers") {
			slugs = append(slugs, d.Platform)
		}
	}
	return slugs
}
