package capture

import (
	_ "embed"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed phrases.yaml
var phrasesFile []byte

// phrases are read once and never changed.
var phrases = sync.OnceValue(func() (list map[string][]string) {
	if err := yaml.Unmarshal(phrasesFile, &list); err != nil {
		panic(err) // a test reads them as well
	}
	return list
})

// means reports whether a phrase, or a part of it, is one of a kind of
// phrases.yaml, whatever its case.
func means(phrase, kind string) bool {
	phrase = strings.ToLower(phrase)
	for _, known := range phrases()[kind] {
		if strings.Contains(phrase, known) {
			return true
		}
	}
	return false
}
