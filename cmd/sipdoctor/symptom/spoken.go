package symptom

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// tokens are the words and numbers of a text, in lower case; what people write in
// several ways is written in one.
func tokens(text string) (out []string) {
	text = strings.NewReplacer("’", "'", "ё", "е").Replace(strings.ToLower(text))
	kind := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsLetter(r) || r == '\'':
			return 2
		}
		return 0
	}
	start, was := 0, 0
	for i, r := range text + " " {
		if k := kind(r); k != was {
			if was != 0 {
				out = append(out, standard(text[start:i])...)
			}
			start, was = i, k
		}
	}
	return out
}

func standard(w string) []string {
	if strings.HasSuffix(w, "n't") || w == "cannot" || w == "cant" || w == "dont" {
		return []string{"not"}
	}
	if same, ok := written[w]; ok {
		return strings.Fields(same)
	}
	return []string{w}
}

// written are words by how they are written otherwise.
var written = map[string]string{
	"sec": "seconds", "secs": "seconds", "s": "seconds", "min": "minutes", "mins": "minutes", "сек": "секунд", "мин": "минут",
	"могут":  "умеют", // of which the ending says who cannot
	"oneway": "one way", "noaudio": "no audio", "nosound": "no sound", "sound": "audio", "звонок": "вызов", "звонки": "вызовы",
}

// sequence are the words of a text in order, but those that only stand between others.
func sequence(text string) []string {
	return slices.DeleteFunc(tokens(text), func(w string) bool { return slices.Contains(between, w) })
}

func meaningful(list []string) []string {
	return slices.DeleteFunc(list, func(w string) bool { return slices.Contains(between, w) || slices.Contains(fillers, w) })
}

var (
	between = strings.Fields("a an the can could do does did that")
	// fillers are words that every complaint has.
	fillers = strings.Fields("is are be on in at of to my our when we i it and with for there phone phones call calls after they them him her me us he she but they're get gets have has " +
		"у в на и с через после при мы я наш все вызов вызовы вызова телефон телефоны что как но они он она его их нас нам меня мне")
	numberedThings = strings.Fields("extension extensions ext phone phones number user peer account port room у номер номера номере телефон телефона телефоне телефону внутренний внутреннего внутреннем абонент абонента аккаунт порт")
	units          = strings.Fields("seconds second minutes minute ms milliseconds секунд секунды секунду минут минуты мс")
	weak           = strings.Fields("not no only fails failed fail error nothing не нет только ошибка ничего work works working работает работают")
)

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
	return same >= 4 && max(len(ra), len(rb))-same <= 3
}

// mistyped reports that two words are alike but for a letter that is wrong, missing or
// too much, or two that are exchanged; in a long word two such mistakes.
func mistyped(a, b string) bool {
	if alike(a, b) {
		return true
	}
	ra, rb := []rune(a), []rune(b)
	n := min(len(ra), len(rb))
	if n < 5 || max(len(ra), len(rb))-n > 2 {
		return false
	}
	return words.Distance(a, b) <= 1+(n/9)
}

// withoutNumbers marks what looks like the code of a response and is the number of a
// phone, or a time.
func withoutNumbers(list []string) []string {
	for i, w := range list {
		numbered := i > 0 && slices.Contains(numberedThings, list[i-1])
		if isCode(w) && (numbered || i+1 < len(list) && slices.Contains(units, list[i+1])) {
			list[i] = "#" + w
		}
	}
	return list
}

func isCode(w string) bool { return len(w) == 3 && w[0] >= '4' && w[0] <= '6' && isNumber(w) }

func isNumber(w string) bool {
	return !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsDigit(r) })
}
