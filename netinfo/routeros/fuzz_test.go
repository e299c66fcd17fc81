package routeros

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// Whatever the API of a router shows, it becomes lines that Read takes as they are, and that
// cover no menu that was not read.
func FuzzMenuRows(f *testing.F) {
	f.Add("7.17.2", "hEX", "/ip/firewall/filter", "*1", "chain", "forward", "comment", "a \"b\" [/system reset]")
	f.Add("6.49.10 (stable)", "x\n/ip dns set servers=y", "/interface", "*2", "name", "lte1", "type", "lte")
	f.Add("7", "", "/ip/firewall/service-port", "*3", "name", "sip", "disabled", "true")
	f.Add("", "", "/ip/dns", "", "servers", "192.0.2.1\r\n", "x=y z", "1")
	f.Fuzz(func(t *testing.T, version, model, path, id, n1, v1, n2, v2 string) {
		known := false
		for _, w := range WantedMenus() {
			known = known || w.Path == path
		}
		if !known {
			t.Skip()
		}
		c := FromMenus(version, model, []MenuRows{{path, rows{{".id": id, n1: v1, n2: v2}}}})
		text := c.Verbose()
		again, err := Read([]byte(text))
		if err != nil {
			return // no item and no command
		}
		if len(again.Faults) > 0 {
			t.Errorf("%v in\n%s", again.Faults, text)
		}
		for _, other := range []string{"/ip/address", "/ip/firewall", "/ip/firewall/nat", ""} {
			if other != path && again.Covers(other) {
				t.Errorf("%s is covered by\n%s", other, text)
			}
		}
		for m := range again.Menus() {
			for _, it := range m.Items {
				if it.Line > 0 && m.Path != path && !strings.HasPrefix(m.Path, "/interface/") {
					t.Errorf("something in %s by\n%s", m.Path, text)
				}
			}
		}
		_, _, _ = c.Plan("/ip firewall filter remove [find]; /ip firewall service-port set sip disabled=yes")
	})
}
