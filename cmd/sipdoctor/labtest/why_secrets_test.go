package labtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A server has a secret in every place of its files; the program collects a
// bundle there, and none leaves. Comments on rules are evidence: they leave
// unless redacting was asked for.
func TestABundleHoldsNoSecretOfAServer(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables-nft")
	dir, n := t.TempDir(), 0
	for _, name := range []string{"asterisk.txt", "others.txt"} {
		archive, err := txtar.ParseFile(filepath.Join("..", "..", "..", "netinfo", "secrets", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !strings.HasPrefix(f.Name, "/etc/") && !strings.HasPrefix(f.Name, "/var/log/") {
				continue
			}
			text := regexp.MustCompile(`\{\{(?:secret|comment)\}\}`).ReplaceAllFunc(f.Data, func([]byte) []byte { n++; return fmt.Appendf(nil, "SEKRET%dend", n) })
			file := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	shell(t, p.node, "cp -a "+dir+"/etc/. /etc/", "cp -a "+dir+"/var/log/. /var/log/", "cp /etc/asterisk/acl.conf /etc/asterisk/pjsip.more.conf",
		`iptables-nft -A INPUT -s 192.0.2.7 -m comment --comment "branch office of Kreuzberg" -j DROP`)
	for _, redact := range []string{"", "--redact"} {
		file := filepath.Join(t.TempDir(), "bundle.tar.gz")
		args := []string{"pbx", "--format", "json", "--collect", file}
		if redact != "" {
			args = append(args, redact)
		}
		run(t, p.node, args...)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if left := regexp.MustCompile(`[^\n]*SEKRET\d*[^\n]*`).FindAll(raw, -1); left != nil {
			t.Errorf("%s: %d secrets are left, such as %q", redact, len(left), left[0])
		}
		for _, member := range []string{"etc/asterisk/pjsip.conf", "etc/asterisk/pjsip_wizard.conf", "etc/asterisk/sip.conf", "etc/fail2ban/jail.local", "etc/freepbx.conf"} {
			if !bytes.Contains(raw, []byte(member)) {
				t.Errorf("%s: %s is not in it", redact, member)
			}
		}
		if got := bytes.Contains(raw, []byte("Kreuzberg")); got != (redact == "") {
			t.Errorf("%s: the comment on the rule is there: %v", redact, got)
		}
	}
}
