package asterisk

import (
	_ "embed"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Words returns the messages of this package, whose IDs begin with "asterisk.".
func Words() []byte { return ownWords }

func because(id string, namesAndValues ...string) words.Reason {
	return words.Because("asterisk."+id, namesAndValues...)
}
