package netinfo

import (
	"bytes"
	_ "embed"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed sipcodes.yaml
var sipCodesFile []byte

// SIPCode is one SIP response and what it means to whoever operates phones.
type SIPCode struct {
	Code    int          `yaml:"code" json:"code"`
	Phrase  string       `yaml:"phrase" json:"phrase"`
	Meaning words.Phrase `yaml:"meaning" json:"meaning"`
	// Class is whose business it is: progress, ok, network, credentials,
	// account, billing, codec, routing, server, policy, client; several are
	// separated by a slash.
	Class      string       `yaml:"class" json:"class"`
	Next       words.Phrase `yaml:"next" json:"next,omitempty"` // what to check; nil when there is nothing to do
	Source     string       `yaml:"source" json:"source"`
	Deprecated bool         `yaml:"deprecated" json:"deprecated,omitempty"` // only old equipment sends it
	Unverified bool         `yaml:"unverified" json:"unverified,omitempty"`
	ReadAs     int          `yaml:"-" json:"read_as,omitempty"` // nobody registered the code: Meaning and Next are those of its class
	Vendor     bool         `yaml:"-" json:"vendor,omitempty"`  // the phrase is a maker's or a provider's own
}

// vendorPhrases is the source of every row of the second list.
const vendorPhrases = "providers' help pages \"SIP errors and their meaning\" (sipnet, CommuniGate, MegaFon VATS)"

type sipCodeTable struct {
	Codes   []SIPCode `yaml:"codes"`
	Phrases []SIPCode `yaml:"phrases"`
}

// sipCodes is read once and never changed.
var sipCodes = sync.OnceValue(func() (t sipCodeTable) {
	readTable(sipCodesFile, &t)
	for i := range t.Phrases {
		t.Phrases[i].Vendor, t.Phrases[i].Source = true, vendorPhrases
	}
	return t
})

// readTable reads a table that is part of the program. A test reads it as well,
// so an error here is a program that was built without it.
func readTable(b []byte, into any) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		panic(err)
	}
}

// ExplainSIP says what a response means. A reason phrase that a maker or
// provider is known for says more than the code and goes first, unless it is
// the registry's own. A code that nobody registered means what the x00 of its
// class means (RFC 3261, section 8.1.3.2). ok is false outside 100 to 699.
func ExplainSIP(code int, phrase string) (c SIPCode, ok bool) {
	if code < 100 || code > 699 {
		return SIPCode{}, false
	}
	t := sipCodes()
	registered := findCode(t.Codes, code)
	if v := findPhrase(t.Phrases, code, phrase); v != nil && (registered == nil || !strings.EqualFold(v.Phrase, registered.Phrase)) {
		return *v, true
	}
	if registered != nil {
		return *registered, true
	}
	class := findCode(t.Codes, code/100*100)
	if class == nil {
		return SIPCode{}, false
	}
	c = *class
	c.Code, c.Phrase = code, strings.TrimSpace(phrase)
	c.ReadAs = class.Code
	return c, true
}

func findCode(list []SIPCode, code int) *SIPCode {
	for i := range list {
		if list[i].Code == code {
			return &list[i]
		}
	}
	return nil
}

// findPhrase returns the longest known phrase with which the given one begins:
// servers add details behind it, and one of them is known to cut it off.
func findPhrase(list []SIPCode, code int, phrase string) (best *SIPCode) {
	phrase = strings.ToLower(strings.TrimSpace(phrase))
	for i := range list {
		known := strings.ToLower(list[i].Phrase)
		rest, found := strings.CutPrefix(phrase, known)
		if list[i].Code != code || !found || rest != "" && rest[0] >= 'a' && rest[0] <= 'z' {
			continue
		}
		if best == nil || len(known) > len(best.Phrase) {
			best = &list[i]
		}
	}
	return best
}

// SIPPhrases returns the reason phrases of all rows: those of the registry, of makers
// and of providers.
func SIPPhrases() (list []string) {
	t := sipCodes()
	for _, rows := range [][]SIPCode{t.Codes, t.Phrases} {
		for _, c := range rows {
			list = append(list, c.Phrase)
		}
	}
	return list
}
