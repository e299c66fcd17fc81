package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform"
)

// sampledPBX is a server with every sample file of netinfo/secrets, with a text
// made by secret in place of each secret and comment.
func sampledPBX(t testing.TB, secret func(n int) string) *pbxtest.PBX {
	t.Helper()
	p := &pbxtest.PBX{Files: map[string]string{}, Prints: map[string]string{}}
	n := 0
	for _, name := range []string{"asterisk.txt", "others.txt"} {
		archive, err := txtar.ParseFile(filepath.Join("..", "..", "netinfo", "secrets", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			text := regexp.MustCompile(`\{\{(?:secret|comment)\}\}`).ReplaceAllStringFunc(string(f.Data), func(string) string { n++; return secret(n) })
			if line, ok := strings.CutPrefix(f.Name, "$ "); ok {
				p.Prints[line] = text
			} else {
				p.Files[f.Name] = text
			}
		}
	}
	p.Files["/etc/asterisk/pjsip.more.conf"] = "[103]\ntype=endpoint\n#include /opt/phones/customers.inc\n"
	return p
}

// Whatever of the sample files gets into a bundle, no secret does.
func TestNoSecretOfTheSamplesGetsIntoABundle(t *testing.T) {
	p := sampledPBX(t, func(n int) string { return fmt.Sprintf("SEKRET%dend", n) })
	for _, redact := range []bool{false, true} {
		_, _, raw := collect(t, p, redact)
		if left := regexp.MustCompile(`[^\n]*SEKRET\d*[^\n]*`).FindAll(raw, -1); left != nil {
			t.Errorf("redacted %v: %d are left, such as %q", redact, len(left), left[0])
		}
	}
}

// The readers find in the bundle what they find on the server, but for the
// secrets.
func TestReadersFindTheSameWithoutTheSecrets(t *testing.T) {
	p := sampledPBX(t, func(int) string { return "hunter" })
	file, _, _ := collect(t, p, false)
	look := func(s platform.System) string {
		state, notes := asterisk.Read(t.Context(), s)
		bans := fail2ban.Read(t.Context(), s, fail2ban.Options{})
		raw, err := json.MarshalIndent([]any{state, notes, bans.Jails}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	want := strings.NewReplacer("hunter@more", "[removed]", "hunter", "[removed]").Replace(look(p))
	for _, sure := range []string{"sip.provider.example", "198.51.100.0", "0.0.0.0:5060", "20000", "iptables-multiport", "phones.example.net"} {
		if !strings.Contains(want, sure) {
			t.Errorf("the readers do not find %q on the server:\n%s", sure, want)
		}
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(look(file), "\n")); diff != "" {
		t.Errorf("the bundle says something else (-server +bundle)\n%s", diff)
	}
}

// Servers that were recorded say the same from a bundle of them.
func TestRecordedServersSayTheSameFromABundle(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("..", "..", "netinfo", "*", "testdata", "*", "etc"))
	if err != nil || len(dirs) < 3 {
		t.Fatalf("%d servers, %v", len(dirs), err)
	}
	if tree := os.Getenv("SIPDOCTOR_SERVER"); tree != "" {
		dirs = append(dirs, filepath.Join(tree, "etc"))
	}
	for _, etc := range dirs {
		server, err := platform.OpenBundle(filepath.Dir(etc))
		if err != nil {
			t.Fatal(err)
		}
		look := func(s platform.System) string {
			state, notes := asterisk.Read(t.Context(), s)
			raw, err := json.MarshalIndent([]any{state, notes, fail2ban.Read(t.Context(), s, fail2ban.Options{}).Jails}, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			return string(raw) + lookAt(t, s, "198.51.100.7", "192.0.2.50")
		}
		c := platform.Collect(server, "1.2.3")
		want := look(c)
		var b bytes.Buffer
		name := filepath.Join(t.TempDir(), "bundle.tar.gz")
		if err := errors.Join(c.Write(&b, false, newCleaner(false)), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		bundle, err := platform.OpenBundle(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(look(bundle), "\n")); diff != "" {
			t.Errorf("%s: the bundle says something else (-server +bundle)\n%s", etc, diff)
		}
	}
}
