package routeros

import (
	"net/netip"
	"testing"
)

// The script of the entry is a command that the router takes as well.
func TestAFailoverEndsConnections(t *testing.T) {
	x := Failover{Gateway: netip.MustParseAddr("203.0.113.1"), Port: 5061}
	c := load(t, "bare7.rsc")
	for _, line := range []string{x.Line(), x.Verify()} {
		if _, err := c.Console().Type(line); err != nil {
			t.Fatal(line, err)
		}
	}
	n := 0
	for r := range c.Rows("/tool/netwatch") {
		for _, name := range []string{"up-script", "down-script"} {
			n++
			if script := r.Get(name).Text; script != ":delay 30s; "+EndConnections(5061) {
				t.Errorf("%s: %s", name, script)
			} else if _, err := c.Console().Type(script); err != nil {
				t.Errorf("%s: %v", script, err)
			}
		}
	}
	if _, err := c.Console().Type(x.Undo()); err != nil || n != 2 {
		t.Error(n, err)
	}
}
