package asterisk

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed options.yaml
var optionsFile []byte

// A vocabulary is the options that Asterisk knows.
type vocabulary struct {
	pjsip   map[string]map[string][]string // by type and option; the releases it came with, nil: before 16
	chanSIP map[string]bool
	codecs  []string
	renamed map[string]map[string]string // by type and chan_sip's name
}

// vocab is read once and never changed; its test refuses a bad file.
var vocab = sync.OnceValue(func() vocabulary {
	var file struct {
		PJSIP map[string]struct {
			Options string            `yaml:"options"`
			Since   map[string]string `yaml:"since"`
		} `yaml:"pjsip"`
		ChanSIP string                       `yaml:"chan_sip"`
		Codecs  string                       `yaml:"codecs"`
		Renamed map[string]map[string]string `yaml:"renamed"`
	}
	if err := yaml.Unmarshal(optionsFile, &file); err != nil {
		panic(err)
	}
	v := vocabulary{pjsip: map[string]map[string][]string{}, chanSIP: map[string]bool{}, codecs: strings.Fields(file.Codecs), renamed: file.Renamed}
	for kind, row := range file.PJSIP {
		v.pjsip[kind] = map[string][]string{}
		for _, name := range strings.Fields(row.Options) {
			v.pjsip[kind][name] = nil
		}
		for name, since := range row.Since {
			v.pjsip[kind][name] = strings.Fields(since)
		}
	}
	for _, name := range strings.Fields(file.ChanSIP) {
		v.chanSIP[name] = true
	}
	return v
})

// PJSIPTypes are the values of "type" in pjsip.conf, sorted.
func PJSIPTypes() (list []string) {
	for kind := range vocab().pjsip {
		list = append(list, kind)
	}
	slices.Sort(list)
	return list
}

// IsPJSIPType reports whether pjsip.conf has sections of that type. Asterisk
// compares letter by letter: "Endpoint" is none.
func IsPJSIPType(kind string) bool { return vocab().pjsip[kind] != nil }

// phoneprov is the type whose options are variables of the provisioning templates:
// any name will do.
const phoneprov = "phoneprov"

// KnowsPJSIP reports whether sections of a type have an option. Names that begin
// with "@" are for the dialplan, and free.
func KnowsPJSIP(kind, option string) bool {
	_, ok := vocab().pjsip[kind][strings.ToLower(option)]
	return ok || strings.HasPrefix(option, "@") || kind == phoneprov
}

// KnowsChanSIP reports whether sip.conf has an option.
func KnowsChanSIP(option string) bool { return vocab().chanSIP[strings.ToLower(option)] }

// Since is the release of Asterisk from which on an option of PJSIP exists in the
// branch of version, or in any; empty when version has it, or is not known.
func Since(kind, option, version string) string {
	have := release(version)
	releases := vocab().pjsip[kind][strings.ToLower(option)]
	if len(have) == 0 || len(releases) == 0 {
		return ""
	}
	for _, r := range releases {
		if first := release(r); first[0] == have[0] {
			if slices.Compare(have, first) < 0 {
				return r
			}
			return ""
		}
	}
	if have[0] < release(releases[0])[0] {
		return releases[0]
	}
	return ""
}

// release reads "16.28.0~dfsg-0" as 16, 28, 0, and "certified/18.9-cert1" as 18, 9.
func release(version string) (list []int) {
	version = version[strings.LastIndexByte(version, '/')+1:]
	end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		version = version[:end]
	}
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		list = append(list, n)
	}
	return list
}

// MajorVersion is 22 for "22.10.1"; 0 when it is not known.
func MajorVersion(version string) int {
	if r := release(version); len(r) > 0 {
		return r[0]
	}
	return 0
}

// NearestPJSIP is the option of a type that somebody who wrote name most likely
// meant; empty when none is near.
func NearestPJSIP(kind, name string) string {
	name = strings.ToLower(name)
	v := vocab()
	if to := v.renamed[kind][name]; to != "" {
		return to
	}
	var list []string
	for option := range v.pjsip[kind] {
		list = append(list, option)
	}
	return Nearest(name, list)
}

// NearestChanSIP is the same for sip.conf.
func NearestChanSIP(name string) string {
	var list []string
	for option := range vocab().chanSIP {
		list = append(list, option)
	}
	return Nearest(strings.ToLower(name), list)
}

// NearestCodec is the codec that was meant; empty when none is near.
func NearestCodec(name string) string { return Nearest(strings.ToLower(name), vocab().codecs) }

// GuessType is the type of PJSIP that knows all of the options of a section, and
// no other does; empty when several do, or none.
func GuessType(options []Option) (guess string) {
	for _, kind := range PJSIPTypes() {
		all := len(options) > 0 && kind != phoneprov
		for _, o := range options {
			all = all && KnowsPJSIP(kind, o.Name)
		}
		switch {
		case all && guess != "":
			return ""
		case all:
			guess = kind
		}
	}
	return guess
}

// Nearest is the word of list that needs the fewest changes of a letter to become
// name: one for four letters and two from six on, as many as typing errors make.
// It is empty when there is none, or when several are as near.
func Nearest(name string, list []string) (nearest string) {
	most := min(2, len(name)/3)
	tie := false
	for _, word := range list {
		if max(len(word)-len(name), len(name)-len(word)) > most {
			continue
		}
		switch d := words.Distance(name, word); {
		case d > most:
		case nearest == "" || d < most:
			nearest, most, tie = word, d, false
		default:
			tie = true
		}
	}
	if tie {
		return ""
	}
	return nearest
}
