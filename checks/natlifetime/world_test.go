package natlifetime_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
)

// seen is the outcome of one run.
type seen struct {
	natlifetime.Facts
	farend.Seen
}

func run(ctx context.Context, n *farend.Office) seen {
	s := seen{Seen: n.Run(ctx, natlifetime.Check())}
	s.Facts, _ = s.Result.Facts.(natlifetime.Facts)
	return s
}

// writeProfile makes a provider's profile with the given demands on phones.
func writeProfile(t *testing.T, client string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "example.yaml")
	text := "name: example\ntitle: Example Telecom\nkind: provider\nsource: https://example.net/voip\nchecked: 2026-11-01\n" +
		"sip:\n  - {host: sip.example.net, transport: udp, port: 5060}\nclient: {" + client + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
