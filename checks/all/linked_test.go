package all

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// What of pion/dtls/v2 the program may hold: package initialisation, names of
// cipher suites, comparisons of types. Whatever speaks DTLS is left out by the
// linker as long as nobody calls DialURI of pion/stun/v2; SECURITY.md and
// docs/sipdoctor.openvex.json rely on that.
var harmlessDTLS = regexp.MustCompile(`^(type:\.eq\.|go:itab\.)|pion/dtls/v2(\.init|\.\.inittask|\.allCipherSuites|\.map\.init\.\d+|/internal/ciphersuite\..*String)$`)

func TestNoDTLSIsLinked(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil || testing.Short() {
		t.Skip("this builds the program, which takes the go command and some seconds")
	}
	program := filepath.Join(t.TempDir(), "sipdoctor")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), goTool, "build", "-o", program, module+"cmd/sipdoctor").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), goTool, "tool", "nm", program).Output()
	if err != nil {
		t.Fatalf("reading its symbols: %v", err)
	}
	codec := false
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		symbol := strings.Join(f[2:], " ")
		codec = codec || strings.Contains(symbol, "pion/stun/v2.(*Message).Decode")
		code := f[1] == "T" || f[1] == "t"
		if strings.Contains(symbol, "pion/stun/v2.DialURI") || code && strings.Contains(symbol, "pion/dtls/v2") && !harmlessDTLS.MatchString(symbol) {
			t.Errorf("the program holds %s", symbol)
		}
	}
	if !codec {
		t.Error("no symbols of the STUN codec either: they were not read")
	}
}
