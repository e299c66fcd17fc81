package routeros

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.rsc")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(":local a {1;2;b=\"x$c\"}\n:foreach i in=[/ip pool find where name~\"a\" and !x or (y=1)] do={ :if ($i != 3) do={/ip pool remove $i} else={:put [:len $a]} }\n"))
	f.Add([]byte("/ip firewall filter\nadd chain=\\\n    input comment=\"\\\"\\D0\\94\" !dst-port\nset [ find default=yes ] a=\"\"\nmove 0 destination=1\nprint\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Read(b)
		if err != nil {
			return
		}
		// An export of what was read is an export, and says the same.
		text := c.Export()
		again, err := Read([]byte(text))
		if err != nil {
			if err == ErrNoExport {
				return // it holds nothing but defaults
			}
			t.Fatal(err)
		}
		if got := again.Export(); got != text {
			t.Errorf("not the same:\n%s\n---\n%s", text, got)
		}
	})
}

func FuzzReadPrint(f *testing.F) {
	f.Add([]byte("Flags: X\n 0  D ;;; a\n      chain=forward action=\"x\n\n 1 X a=b c\n # AB CD\n 0 x  y\n a: b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := ReadPrint(b)
		if err != nil {
			return
		}
		c := New("7.17")
		c.Show("/ip/firewall/filter", rows)
		c.Console().Type("/ip firewall filter print detail")
	})
}

func FuzzType(f *testing.F) {
	f.Add("/ip firewall filter add chain=a place-before=[find !dynamic]; move 0 1; set [find] !log", "/ip firewall filter print where a=1 or b~\"c\"")
	f.Fuzz(func(t *testing.T, a, b string) {
		k := New("7.17").Console()
		for _, line := range []string{a, b} {
			_, err := k.Type(line)
			if _, refused := errors.AsType[*Refusal](err); err != nil && !refused && !errors.Is(err, ErrNotKnown) {
				t.Errorf("%q: %v is of no kind", line, err)
			}
		}
	})
}
