// Package symptom leads from what people complain about to what is behind it: a
// table of complaints, their causes, and how the results of the checks weigh for
// each. Everything in it is data (symptoms.yaml, causes.yaml) but the weighing.
package symptom

import (
	"bytes"
	_ "embed"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Symptom is a complaint.
type Symptom struct {
	ID        string                  `yaml:"id"`
	Title     words.Phrase            `yaml:"title"`
	Words     map[words.Lang][]string `yaml:"words"` // phrases that people use
	Office    []string                `yaml:"office"`
	PBX       []string                `yaml:"pbx"` // the checks that can tell, by where they run
	Questions []Question              `yaml:"questions"`
	// General: it gives way to any other that was named with it.
	General bool `yaml:"general"`
	// Steady are the answers, QUESTION.ANSWER, by which the trouble is there in this
	// very moment: "always" is that it is so in any case. Otherwise a check that passes
	// does not rule out what comes and goes.
	Steady []string   `yaml:"steady"`
	Causes []weighted `yaml:"causes"`
}

// Question is one that the technician can answer and no check can.
type Question struct {
	ID      string       `yaml:"id"`
	Ask     words.Phrase `yaml:"ask"`
	Answers []Answer     `yaml:"answers"`
}

// Text is the text of an answer; "" for one that the question does not have.
func (q Question) Text(answer string, l words.Lang) string {
	for _, a := range q.Answers {
		if a.ID == answer {
			return a.Text[l]
		}
	}
	return ""
}

// Answer is one of those that a question offers.
type Answer struct {
	ID   string       `yaml:"id"`
	Text words.Phrase `yaml:"text"`
	// Words are phrases of a complaint that give this answer already, word for word.
	Words map[words.Lang][]string `yaml:"words"`
}

// weighted is a cause of a symptom.
type weighted struct {
	Cause  string         `yaml:"cause"`
	Weight int            `yaml:"weight"` // how often it is this, in percent by experience
	If     map[string]int `yaml:"if"`     // by how much an answer, QUESTION.ANSWER, changes that
}

// cause is what can be behind a symptom.
type cause struct {
	ID        string       `yaml:"id"`
	Title     words.Phrase `yaml:"title"`
	Findings  []sign       `yaml:"findings"`   // any of these proves it
	Hints     []sign       `yaml:"hints"`      // these speak for it and prove nothing
	DecidedBy []sign       `yaml:"decided_by"` // checks, with what their facts must be, that together rule it out; none: nothing can
	Comes     bool         `yaml:"comes_and_goes"`
	Advice    words.Phrase `yaml:"advice"` // how to find out what no check could tell
}

//go:embed symptoms.yaml
var symptomFile []byte

//go:embed causes.yaml
var causeFile []byte

// All are the symptoms, as they are listed. They are read once and never changed;
// tests refuse bad ones.
var All = sync.OnceValue(func() []Symptom { return read[Symptom](symptomFile) })

var causes = sync.OnceValue(func() map[string]cause {
	out := map[string]cause{}
	for _, c := range read[cause](causeFile) {
		out[c.ID] = c
	}
	return out
})

func read[T any](file []byte) (rows []T) {
	dec := yaml.NewDecoder(bytes.NewReader(file))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil {
		panic(err)
	}
	return rows
}

// Get is the symptom with this ID.
func Get(id string) (Symptom, bool) {
	i := slices.IndexFunc(All(), func(s Symptom) bool { return s.ID == id })
	if i < 0 {
		return Symptom{}, false
	}
	return All()[i], true
}
