// Package ciscostate is the check of what a voice gateway with Cisco IOS says about
// its SIP, in a text that somebody copied from its console.
package ciscostate

import (
	"context"
	_ "embed"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/cisco"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "cisco-state", Words: ownWords, Group: "evidence", Timeout: time.Minute,
	}, observe, judge)
}

// Observed is what a gateway printed.
type Observed struct {
	Read  bool           `json:"read"` // a text was given
	Shown cisco.Shown    `json:"shown"`
	Notes []words.Reason `json:"notes,omitempty"`
}

// maxText bounds a text: the outputs of a gateway are some kilobytes.
const maxText = 16 << 20

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Shown: cisco.Shown{Commands: []string{}}}
	var all strings.Builder
	for _, f := range env.FilesFor("cisco-state") {
		o.Read = true
		text, err := f.Text(max(0, maxText-all.Len()))
		if err != nil {
			o.Notes = append(o.Notes, platform.Words(err).Reason())
		}
		all.Write(text)
		all.WriteByte('\n')
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
	}
	o.Shown = *cisco.Show(all.String())
	return o, nil
}
