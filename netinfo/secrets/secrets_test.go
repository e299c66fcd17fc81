package secrets

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// samples are files of a PBX with a mark in place of every secret.
func samples(t testing.TB) (list []txtar.File) {
	t.Helper()
	for _, name := range []string{"asterisk.txt", "others.txt"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, archive.Files...)
	}
	return list
}

var place = regexp.MustCompile(`\{\{(?:secret|comment)\}\}`)

// planted puts a number into every place of a sample.
func planted(data []byte, form string) []byte {
	n := 0
	return place.ReplaceAllFunc(data, func([]byte) []byte { n++; return fmt.Appendf(nil, form, n) })
}

// Whatever a secret looks like, it does not leave; everything else does.
func TestNoSecretOfAnySampleStays(t *testing.T) {
	secrets := 0
	for _, form := range []string{"SEKRET%dend", "se.kret-%d", "SEKRET%d!$*:x", "8%07d8", "S/EK+RET%d=="} {
		mark := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(form, "%d", "N")), "N", `\d+`))
		if strings.HasPrefix(form, "8") {
			mark = regexp.MustCompile(`80\d{6}8`)
		}
		for _, f := range samples(t) {
			in := planted(f.Data, form)
			secrets += len(mark.FindAll(in, -1))
			got := Remove(f.Name, in)
			want, is := bytes.Split(f.Data, []byte("\n")), bytes.Split(got, []byte("\n"))
			if len(want) != len(is) {
				t.Errorf("%s had %d lines and has %d", f.Name, len(want), len(is))
				continue
			}
			for i, line := range want {
				switch left := mark.FindString(string(is[i])); {
				case left != "":
					t.Errorf("%s: %q is still in %q", f.Name, left, is[i])
				case !place.Match(line) && !bytes.Contains(line, []byte("{{seen}}")) && string(is[i]) != string(line):
					t.Errorf("%s: %q became %q", f.Name, line, is[i])
				}
			}
			if again := Remove(f.Name, got); !bytes.Equal(again, got) {
				t.Errorf("%s: cleaned twice:\n%s", f.Name, cmp.Diff(string(got), string(again)))
			}
		}
	}
	if secrets < 800 {
		t.Errorf("only %d secrets were planted", secrets)
	}
}

func FuzzRemove(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.Name, planted(s.Data, "SEKRET%d"))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		out := Remove(name, data)
		if out != nil && bytes.Count(out, []byte("\n")) != bytes.Count(data, []byte("\n")) && !isDatabase(data) {
			t.Errorf("lines were lost: %q became %q", data, out)
		}
	})
}

// The log of a PBX under attack is cleaned in seconds.
func BenchmarkLog(b *testing.B) {
	line := "[2026-11-22 09:00:00] NOTICE[1] chan_sip.c: Registration from '\"101\" <sip:101@192.0.2.1>' failed for '198.51.100.7:5060' - Wrong password\n" +
		"[2026-11-22 09:00:00] SECURITY[1] res_security_log.c: SecurityEvent=\"ChallengeResponseFailed\",AccountID=\"101\",Challenge=\"1a2b3c\",Response=\"0badc0de\",ExpectedResponse=\"\"\n"
	log := []byte(strings.Repeat(line, 1<<20/len(line)))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		Remove("/var/log/asterisk/full", log)
	}
}
