package netinfo

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed sipstates.yaml
var sipStatesFile []byte

// Meaning is what one code, cause or state means to whoever operates phones.
type Meaning struct {
	Kind   string       `yaml:"kind" json:"kind"` // sip, cause (ITU-T Q.850), registration, phone, module, gateway
	Number int          `yaml:"number" json:"number,omitempty"`
	Names  []string     `yaml:"names" json:"names"` // the usual one first
	Says   words.Phrase `yaml:"meaning" json:"meaning"`
	Class  string       `yaml:"class" json:"class"` // whose business it is; see SIPCode
	Next   words.Phrase `yaml:"next" json:"next,omitempty"`
	Source string       `yaml:"source" json:"source,omitempty"`
	ReadAs int          `yaml:"-" json:"read_as,omitempty"` // see SIPCode
	Vendor bool         `yaml:"-" json:"vendor,omitempty"`
}

// The sources of the rows that name none.
const (
	sourceQ850     = "https://www.itu.int/rec/T-REC-Q.850"
	sourceAsterisk = "https://docs.asterisk.org"
	sourceCisco    = "Cisco IOS SIP Configuration Guide, Verifying SIP gateway status"
)

// sipStates is read once and never changed; see sipCodes.
var sipStates = sync.OnceValue(func() (list []Meaning) {
	readTable(sipStatesFile, &list)
	for i := range list {
		switch list[i].Kind {
		case "cause":
			list[i].Source = sourceQ850
		case "gateway":
			list[i].Source = sourceCisco
		default:
			list[i].Source = sourceAsterisk
		}
	}
	return list
})

func (c SIPCode) meaning() Meaning {
	return Meaning{
		Kind: "sip", Number: c.Code, Names: []string{c.Phrase}, Says: c.Meaning, Class: c.Class, Next: c.Next, Source: c.Source, ReadAs: c.ReadAs, Vendor: c.Vendor,
	}
}

var (
	startsWithCode = regexp.MustCompile(`(?i)^(?:SIP(?:/2\.0)?\s+)?([1-6]\d\d)(?:\s+(.*))?$`)
	namesCause     = regexp.MustCompile(`(?i)(?:cause(?:code)?\s*[=: ]\s*|\bq\.?850\D{0,12})(\d{1,3})\b`)
	onlyNumber     = regexp.MustCompile(`^\d{1,3}$`)
)

// maxMeanings is how many rows a phrase may mean before it means too much.
const maxMeanings = 12

// Explain returns what a text means that somebody read in a trace, a log or on a
// screen: a response, pasted as it is or as a code; a Reason header field; a cause;
// the state of a registration or phone; or a part of a phrase, whatever the case. The
// most fitting comes first. It returns nothing for what it does not know.
func Explain(text string) []Meaning {
	text = strings.Trim(strings.Join(strings.Fields(text), " "), `"'`)
	if m := namesCause.FindStringSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(m[1]); n > 0 {
			return meanings(func(s Meaning) bool { return s.Kind == "cause" && s.Number == n })
		}
	}
	if m := startsWithCode.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1])
		out := sipMeanings(code, m[2])
		if onlyNumber.MatchString(text) { // 102 and 111 are causes as well
			out = append(out, meanings(func(s Meaning) bool { return s.Number == code })...)
		}
		return out
	}
	if onlyNumber.MatchString(text) {
		n, _ := strconv.Atoi(text)
		return meanings(func(s Meaning) bool { return s.Number == n && n > 0 })
	}
	return explainPhrase(text)
}

func meanings(fits func(Meaning) bool) (out []Meaning) {
	for _, s := range sipStates() {
		if fits(s) {
			out = append(out, s)
		}
	}
	return out
}

// sipMeanings is what a response means: by its phrase, by a part of one, and by its
// code.
func sipMeanings(code int, phrase string) []Meaning {
	best, ok := ExplainSIP(code, phrase)
	if !ok {
		return nil
	}
	out := []Meaning{best.meaning()}
	if best.Vendor || phrase == "" {
		return out
	}
	for _, c := range sipCodes().Phrases {
		if c.Code == code && strings.Contains(strings.ToLower(c.Phrase), strings.ToLower(phrase)) && !strings.EqualFold(phrase, best.Phrase) {
			out = append([]Meaning{c.meaning()}, out...)
		}
	}
	return out[:min(len(out), maxMeanings)]
}

// explainPhrase finds what is called so, then what contains it.
func explainPhrase(text string) []Meaning {
	text = strings.ToLower(text)
	if len(text) < 3 {
		return nil
	}
	all := slices.Clone(sipStates())
	for _, c := range slices.Concat(sipCodes().Codes, sipCodes().Phrases) {
		all = append(all, c.meaning())
	}
	var exact, partly []Meaning
	for _, m := range all {
		best := 0
		for _, name := range m.Names {
			name = strings.ToLower(name)
			switch {
			case name == text, strings.HasPrefix(text, name+" "):
				best = 2
			case strings.Contains(name, text):
				best = max(best, 1)
			}
		}
		switch best {
		case 2:
			exact = append(exact, m)
		case 1:
			partly = append(partly, m)
		}
	}
	if len(exact) == 0 {
		exact = partly
	}
	return exact[:min(len(exact), maxMeanings)]
}
