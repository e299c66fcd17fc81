package main

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// languages are the values of --lang.
func languages() []string {
	return namesOf(words.Languages(), func(l words.Lang) string { return string(l) })
}

//go:embed words.yaml
var ownWords []byte

//go:embed help.yaml
var helpWords []byte

// book holds what the commands say (words.yaml, "say.…") and how they are
// explained (help.yaml, "help.…").
var book = sync.OnceValue(func() *words.Book { return words.NewBook(map[string][]byte{"say": ownWords, "help": helpWords}) })

// say is a sentence in the user's language.
func (s streams) say(id string, args words.Args) string { return s.fill(words.Say(id, args)) }

// fill is a message in the user's language.
func (s streams) fill(t words.Text) string {
	text, err := book().Fill(s.lang(), t)
	if err != nil {
		return t.ID // its test finds it
	}
	return text
}

// warn says a message on standard error.
func (s streams) warn(t words.Text) { (&printer{w: s.Err}).prose("", "sipdoctor: "+s.fill(t)) }

// lang is the language of this run; English unless it is known.
func (s streams) lang() words.Lang { return cmp.Or(s.Lang, words.English) }

// languageOf is the language that a command line asks for with --lang, if it
// does. It is needed before the flags are read: their help is in that language
// too. A value that is none is for the flag to refuse.
func languageOf(args []string, otherwise words.Lang) words.Lang {
	if value := flagIn(args, "--lang"); slices.Contains(languages(), value) {
		return words.Lang(value)
	}
	return otherwise
}

// flagIn is the value of a flag on a command line that has not been parsed; "" where
// it does not stand there.
func flagIn(args []string, flag string) (value string) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, flag+"="); ok {
			value = v
		} else if a == flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// localeLanguage is what the locale asks for. Russian needs a terminal that shows
// it.
func localeLanguage(env func(string) string) words.Lang {
	if v := locale(env, "LC_MESSAGES"); strings.HasPrefix(v, "ru") && isUTF8(v) {
		return words.Russian
	}
	return words.English
}

// clickLanguage is that of a double click: without a shell there are no variables, and
// the desktop knows.
func clickLanguage(env func(string) string, desktop string) words.Lang {
	if locale(env, "LC_MESSAGES") == "" && strings.HasPrefix(strings.ToLower(desktop), "ru") {
		return words.Russian
	}
	return localeLanguage(env)
}

// locale is that of a category, in lower case: the first variable that is set
// decides (POSIX, section 8.2).
func locale(env func(string) string, category string) string {
	return strings.ToLower(cmp.Or(env("LC_ALL"), env(category), env("LANG")))
}

func isUTF8(locale string) bool { return strings.Contains(strings.ReplaceAll(locale, "-", ""), "utf8") }
