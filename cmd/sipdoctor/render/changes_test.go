package render

import (
	"bytes"
	"strings"
	"testing"
)

// A technician switches the ALG off while --watch runs: one line says that all
// is well now, and below it what changed. Nothing changed is one line.
func TestWatchingTheRouterBeingCured(t *testing.T) {
	all := savedReports(t)
	var cured, same bytes.Buffer
	if err := Changes(&cured, all["alg-mikrotik"], all["clean"], TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ Nothing on the way", "fail → pass  sip-alg", "gone  A SIP ALG on your router"} {
		if !strings.Contains(cured.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, cured.String())
		}
	}
	if err := Changes(&same, all["clean"], all["clean"], TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(same.String(), "\n"); n != 1 {
		t.Errorf("%d lines for no change:\n%s", n, same.String())
	}
}
