package fail2ban

import (
	_ "embed"
	"errors"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Words returns the messages of this package, whose IDs begin with "jails.".
func Words() []byte { return ownWords }

func because(id string, namesAndValues ...string) words.Reason {
	return words.Because("jails."+id, namesAndValues...)
}

// A problem is an error that is a message.
type problem words.Reason

func (p problem) Error() string { return strings.ReplaceAll(string(p), "\x00", " ") }

// whyOf is an error as a message: the problem in it, or else what the system said.
func whyOf(err error) words.Reason {
	var p problem
	if errors.As(err, &p) {
		return words.Reason(p)
	}
	return words.Cause(clip(strings.ReplaceAll(string(platform.Words(err)), "\n", "; "))).Reason()
}

// Reason is n in one message.
func (n Note) Reason() words.Reason {
	return because("note") + n.What.As("what") + n.Why.As("why")
}
