package rtpports_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A line that is away for a moment and comes back lets no new flow pass in
// between, and is no full table.
func TestAShortOutageIsNoFullTable(t *testing.T) {
	for at := time.Second; at < 7*time.Second; at += 1250 * time.Millisecond {
		for _, length := range []time.Duration{600 * time.Millisecond, 750 * time.Millisecond, 900 * time.Millisecond, 1500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v long, after %v", length, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
					defer o.stop()
					rules := func(list ...checktest.Rule) func() {
						return func() { o.Internet.Update(func(o *checktest.RouterOptions) { o.Rules = list }) }
					}
					time.AfterFunc(at, rules(checktest.Rule{}, checktest.Rule{Inward: true}))
					time.AfterFunc(at+length, rules())
					if res, _ := o.check(t, nil); len(res.Findings) > 0 {
						t.Errorf("want no finding: %s", explain(res))
					}
				})
			})
		}
	}
}
