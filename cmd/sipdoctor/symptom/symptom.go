// Package symptom leads from what people complain about to what is behind it: a
// table of complaints, their causes, and how the results of the checks weigh for
// each. Everything in it is data (symptoms.yaml, causes.yaml) but the weighing.
package symptom

import (
	"bytes"
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"

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
	Causes    []weighted              `yaml:"causes"`
}

// Question is one that the technician can answer and no check can.
type Question struct {
	ID      string       `yaml:"id"`
	Ask     words.Phrase `yaml:"ask"`
	Answers []Answer     `yaml:"answers"`
}

// Answer is one of those that a question offers.
type Answer struct {
	ID   string       `yaml:"id"`
	Text words.Phrase `yaml:"text"`
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
	Findings  []string     `yaml:"findings"`   // any of these proves it
	DecidedBy []string     `yaml:"decided_by"` // these together rule it out; none: nothing can
	Advice    words.Phrase `yaml:"advice"`     // how to find out what no check could tell
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

// Find are the symptoms that a complaint may mean: one where that is clear, several
// that fit alike, or none. It knows the words of every language.
func Find(complaint string) []Symptom {
	if s, ok := Get(strings.ToLower(strings.TrimSpace(complaint))); ok {
		return []Symptom{s}
	}
	said := wordsIn(complaint)
	best, out := 0, []Symptom(nil)
	for _, s := range All() {
		switch score := s.fits(said); {
		case score == 0 || score < best:
		case score == best:
			out = append(out, s)
		default:
			best, out = score, []Symptom{s}
		}
	}
	return out
}

// fits is how well what was said fits: the words of the best phrase that are in
// it, a phrase that is there in full above one that is not.
func (s Symptom) fits(said []string) (best int) {
	for _, phrases := range s.phrases() {
		for _, phrase := range phrases {
			parts, hits := wordsIn(phrase), 0
			for _, w := range parts {
				if slices.ContainsFunc(said, func(x string) bool { return alike(x, w) }) {
					hits++
				}
			}
			score := 10 * hits
			if hits == len(parts) {
				score += 100 + hits
			}
			if hits > 0 && 2*hits >= len(parts) {
				best = max(best, score)
			}
		}
	}
	return best
}

func (s Symptom) phrases() [][]string {
	id := []string{strings.ReplaceAll(s.ID, "-", " ")}
	return append([][]string{id}, s.Words[words.English], s.Words[words.Russian])
}

// wordsIn are the words of a text that say something, in lower case.
func wordsIn(text string) []string {
	list := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' })
	return slices.DeleteFunc(list, func(w string) bool { return slices.Contains(fillers, w) })
}

// fillers are words that every complaint has.
var fillers = strings.Fields("a an the is are be on in at of to my our when we i it and with for there phone phones call calls after " +
	"у в на и с через после при мы я наш все вызов вызовы вызова телефон телефоны звонок звонки что как")

// alike reports that two words are the same but for their endings.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	ra, rb := []rune(a), []rune(b)
	n := min(len(ra), len(rb))
	if n < 4 || !unicode.IsLetter(ra[0]) {
		return false
	}
	same := 0
	for same < n && ra[same] == rb[same] {
		same++
	}
	return same >= 4 && cmp.Compare(max(len(ra), len(rb))-same, 3) <= 0
}
