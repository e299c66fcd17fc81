package asterisk

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform"
)

// fewFiles is a support bundle made by hand, without any program's answers.
func fewFiles(t testing.TB, files map[string]string) platform.System {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sys, err := platform.OpenBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// No configuration makes the reader fall over, and what it concludes can be
// written into a report.
func FuzzConfig(f *testing.F) {
	for _, name := range []string{"pjsip.conf", "pjsip.extensions.conf", "sip.conf", "logger.conf", "acl.conf"} {
		b, err := os.ReadFile("testdata/asterisk16/etc/asterisk/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("[a](!,b,+x=y)\n;-- --;\n#include a\nx+=\\;\n")
	f.Fuzz(func(t *testing.T, text string) {
		deep := 0
		files := Files{Dir: "/", Read: func(name string) ([]byte, error) {
			if deep++; deep > 40 { // a file of many includes of itself is legal, and long
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		}}
		c, err := ParseConfig("/a", files)
		if err != nil {
			t.Fatal(err)
		}
		s, lists := &State{}, &accessLists{index: map[string]int{}}
		named := readACLConf(c)
		(&pjsipReader{state: s, lists: lists, named: named, cfg: c}).read()
		readChanSIP(c, s, lists, named)
		readLogger(c, s)
		s.Lists = lists.list
		s.Trunks()
		for _, p := range []string{"0.0.0.0/0", "192.0.2.1/32", "::/0"} {
			s.Refuses(netip.MustParsePrefix(p))
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzListings(f *testing.F) {
	names, err := filepath.Glob("testdata/*/commands/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out := answer(b)
		labelled(out)
		parseVersion(out)
		contacts := mergeContacts(parseContacts(out), parseRegistrar(out), []Endpoint{{Driver: pjsip, Static: []string{out}}})
		contacts = append(contacts, parsePeers(out)...)
		l := live{answered: true, out: map[string]string{}}
		for _, c := range commands() {
			l.out[c] = out
		}
		(&reader{s: &State{}}).merge(l)
		parseTrusted(out, "trusted")
		if _, err := json.Marshal(contacts); err != nil {
			t.Fatal(err)
		}
	})
}

// The configuration of a large server: 10,000 extensions as FreePBX writes
// them, each with an ACL of its template.
func BenchmarkTenThousandExtensions(b *testing.B) {
	var text strings.Builder
	text.WriteString("[office](!)\ntype=endpoint\ndeny=0.0.0.0/0\npermit=192.168.0.0/16\n")
	for range 40 {
		text.WriteString("some_option=some value\n")
	}
	for i := range 10_000 {
		fmt.Fprintf(&text, "[%d](office)\naors=%d\ncallerid=A Person <%d>\n[%d]\ntype=aor\nmax_contacts=1\n", i, i, i, i)
	}
	sys := fewFiles(b, map[string]string{"etc/asterisk/pjsip.conf": text.String()})
	asked := netip.MustParsePrefix("203.0.113.50/32")
	for b.Loop() {
		s, _ := Read(context.Background(), sys)
		if list := s.Refuses(asked); len(list) != 1 || list[0].Count != 10_000 {
			b.Fatalf("refused by %+v", list)
		}
	}
}
