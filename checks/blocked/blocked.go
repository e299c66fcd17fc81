// Package blocked is the check behind "why": what this machine does with the
// packets of an address, which rule or ban decides, since when, because of
// what, and how to free it everywhere.
package blocked

import (
	_ "embed"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "blocked", Words: ownWords, Group: "pbx",
		Timeout: 30 * time.Second, // a listing of 100,000 nftables rules takes some seconds on a small machine
	}, observe, judge)
}
