package symptom

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Find are the symptoms that a complaint may mean: one where that is clear, several
// that fit alike or that were named together, or none. It knows the words of every
// language, and typing mistakes where nothing fits without.
func Find(complaint string) []Symptom {
	if s, ok := Get(strings.ToLower(strings.TrimSpace(complaint))); ok {
		return []Symptom{s}
	}
	said := meaningful(withoutNumbers(tokens(complaint)))
	said = said[:min(len(said), longComplaint)]
	for _, search := range []func([]string, sameWord) []Symptom{inFull, inPart} {
		for _, same := range []sameWord{alike, mistyped} {
			if list := search(said, same); len(list) > 0 {
				return list
			}
		}
	}
	return nil
}

// longComplaint is more words than a complaint has that can still be understood.
const longComplaint = 50

// sameWord reports that a word that was said is the one of a phrase.
type sameWord func(said, of string) bool

// Said are the answers that a complaint gives already, by question: who does not
// hear, which calls drop.
func (s Symptom) Said(complaint string) map[string]string {
	said, out := sequence(complaint), map[string]string{}
	for _, q := range s.Questions {
		longest := 0
		for _, a := range q.Answers {
			n := a.said(said)
			switch {
			case n > longest:
				longest, out[q.ID] = n, a.ID
			case n == longest && n > 0:
				delete(out, q.ID) // it is said both ways
			}
		}
	}
	return out
}

// said is how long the longest phrase of the answer is that was said, in words.
func (a Answer) said(said []string) (longest int) {
	for _, phrases := range a.Words {
		for _, p := range phrases {
			if seq := sequence(p); holds(said, seq) {
				longest = max(longest, len(seq))
			}
		}
	}
	return longest
}

// holds reports whether seq stands in said as it is: here the ending of a word says
// who does something to whom.
func holds(said, seq []string) bool {
	for i := 0; i+len(seq) <= len(said); i++ {
		if slices.Equal(said[i:i+len(seq)], seq) {
			return true
		}
	}
	return false
}

// match is a symptom that was named: a phrase of it is in what was said, every word.
type match struct {
	Symptom
	code    bool            // by the code of a response, which says it best
	covered map[string]bool // the words that it explains, with those that answer its questions
}

// inFull are the symptoms that were named: as few as explain all of the words.
func inFull(said []string, same sameWord) (out []Symptom) {
	var list []match
	for _, s := range All() {
		if m := s.named(said, same); len(m.covered) > 0 {
			list = append(list, m)
		}
	}
	if slices.ContainsFunc(list, func(m match) bool { return m.code }) {
		list = slices.DeleteFunc(list, func(m match) bool { return !m.code })
	}
	named, done := map[string]bool{}, map[string]bool{}
	for {
		best := slices.MaxFunc(append(list, match{}), func(a, b match) int {
			return cmp.Or(a.news(done)-b.news(done), len(a.covered)-len(b.covered))
		})
		if best.news(done) == 0 {
			break
		}
		for _, m := range list {
			named[m.ID] = named[m.ID] || maps.Equal(m.covered, best.covered)
		}
		maps.Copy(done, best.covered)
	}
	list = slices.DeleteFunc(list, func(m match) bool { return !named[m.ID] })
	special := slices.ContainsFunc(list, func(m match) bool { return !m.General })
	for _, m := range list {
		if !m.General || !special {
			out = append(out, m.Symptom)
		}
	}
	return out
}

// news is how many words the match explains that no other does, of those that say what
// is wrong.
func (m match) news(done map[string]bool) (n int) {
	for w := range m.covered {
		if !done[w] && !slices.Contains(weak, w) {
			n++
		}
	}
	return n
}

func (s Symptom) named(said []string, same sameWord) match {
	m := match{Symptom: s, covered: map[string]bool{}}
	cover := func(phrase []string) {
		hits := hitsOf(phrase, said, same)
		if len(hits) < len(phrase) || !strong(hits) {
			return
		}
		for _, w := range hits {
			m.covered[w] = true
		}
	}
	for _, phrase := range s.phrases() {
		cover(phrase)
	}
	if len(m.covered) == 0 {
		return m
	}
	for w := range m.covered {
		m.code = m.code || isCode(w)
	}
	for _, q := range s.Questions {
		for _, a := range q.Answers {
			for _, p := range slices.Concat(a.Words[words.English], a.Words[words.Russian]) {
				cover(meaningful(tokens(p)))
			}
		}
	}
	return m
}

// inPart are the symptoms of which more than half of a phrase was said, those with most
// words of it.
func inPart(said []string, same sameWord) (out []Symptom) {
	best := 0
	for _, s := range All() {
		score := 0
		for _, phrase := range s.phrases() {
			if hits := hitsOf(phrase, said, same); strong(hits) && 2*len(hits) > len(phrase) {
				score = max(score, len(hits))
			}
		}
		switch {
		case score == 0 || score < best:
		case score == best:
			out = append(out, s)
		default:
			best, out = score, []Symptom{s}
		}
	}
	return out
}

// hitsOf are the words of said that stand for words of a phrase.
func hitsOf(phrase, said []string, same sameWord) (hits []string) {
	for _, w := range phrase {
		if i := slices.IndexFunc(said, func(x string) bool { return same(x, w) }); i >= 0 {
			hits = append(hits, said[i])
		}
	}
	return hits
}

// strong reports whether one of the words says what is wrong: that something is not
// there, every complaint says.
func strong(list []string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return !slices.Contains(weak, w) && (len(w) > 2 || !isNumber(w)) })
}

func (s Symptom) phrases() (out [][]string) {
	list := slices.Concat([]string{strings.ReplaceAll(s.ID, "-", " ")}, s.Words[words.English], s.Words[words.Russian])
	for _, p := range list {
		out = append(out, meaningful(tokens(p)))
	}
	return out
}
