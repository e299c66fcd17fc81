package labtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A report from a real office, shown redacted in every format, holds none of
// the office's addresses, in any of the ways they are written.
func TestRedactedReportsOfRealOffices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"clean", "sip-alg", "double-nat"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, name)
			rep, _ := o.check(t, o.withResponder("--no-public")...)
			var saved bytes.Buffer
			if err := render.JSON(&saved, rep, render.JSONOptions{}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "report.json")
			if err := os.WriteFile(file, saved.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			hidden := []string{rep.Host.Hostname}
			for _, a := range []string{lab.PhoneAddr, lab.RouterAddr, lab.WANAddr, lab.CGNAddr, lab.ResponderAddr, lab.ResponderAddr2, lab.SIPServerAddr} {
				b := netip.MustParseAddr(a).As4()
				hidden = append(hidden, a, strings.ReplaceAll(a, ".", "-"), fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0]))
			}
			hidden = append(hidden, regexp.MustCompile(`\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b`).FindAllString(saved.String(), -1)...)
			for _, format := range []string{"text", "json", "markdown", "junit"} {
				shown, _ := o.Phone.Command(t.Context(), os.Getenv(programVar), "report", file, "--redact", "--verbose", "--format", format).Output()
				if len(shown) == 0 {
					t.Fatalf("%s shows nothing", format)
				}
				for _, run := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`).FindAll(shown, -1) {
					if raw, err := base64.StdEncoding.DecodeString(string(run)); err == nil {
						shown = append(append(shown, '\n'), raw...)
					}
				}
				for _, text := range hidden {
					if text == "" || !strings.Contains(saved.String(), text) && strings.Count(text, ".") != 3 {
						continue
					}
					if at := regexp.MustCompile(`(?i)(?:^|[^0-9a-z])` + regexp.QuoteMeta(text) + `(?:$|[^0-9a-z])`).FindIndex(shown); at != nil {
						t.Errorf("%s still shows %s: %q", format, text, shown[max(0, at[0]-60):min(len(shown), at[1]+60)])
					}
				}
			}
		})
	}
}
