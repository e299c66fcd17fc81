package routeros

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A rule is put right before the one that stops packets, and taken away again.
func TestAnExceptionStandsBeforeItsRule(t *testing.T) {
	c := load(t, "factory7.rsc")
	before := c.Export()
	drop := func(r Row) bool { return r.Get("chain").Text == "forward" && r.Get("action").Text == "drop" }
	for _, r := range slices.Collect(c.Rows("/ip/firewall/filter")) {
		if !drop(r) {
			continue
		}
		find, ok := c.Find(r)
		if !ok {
			t.Fatal(r.Text())
		}
		x := Exception{Menu: "filter", Chain: "forward", In: "bridge", Remote: netip.MustParsePrefix("198.51.100.0/26"), Protocol: "udp", Ports: "5060,10000-20000", Before: find, Comment: "mine"}
		line, ok := x.Line()
		if !ok {
			t.Fatalf("%+v", x)
		}
		if _, err := c.Console().Type(line); err != nil {
			t.Fatal(line, err)
		}
	}
	last := ""
	for r := range c.Rows("/ip/firewall/filter") {
		if drop(r) && !strings.Contains(last, "comment=mine") {
			t.Errorf("before %s stands %s", r.Text(), last)
		}
		last = r.Text()
	}
	x := Exception{Menu: "filter", Comment: "mine"}
	for _, line := range []string{x.Verify(), x.Undo()} {
		if _, err := c.Console().Type(line); err != nil {
			t.Fatal(line, err)
		}
	}
	if diff := cmp.Diff(before, c.Export()); diff != "" {
		t.Error(diff)
	}
}

// The rule that shows the counters of fasttrack is in no export, and nothing may stand
// before it.
func TestAnExceptionStandsAfterWhatTheRouterMakes(t *testing.T) {
	c := read(t, "# by RouterOS 7.17\n/interface bridge add name=bridge\n/ip firewall filter\nadd chain=forward action=drop\nadd chain=input action=drop\nadd chain=input action=drop\n")
	lines := map[string]string{}
	for r := range c.Rows("/ip/firewall/filter") {
		x := Exception{Menu: "filter", Chain: r.Get("chain").Text, In: "bridge", Protocol: "udp", Ports: "5060", Comment: "mine"}.Stand(c, r)
		lines[x.Chain], _ = x.Line()
	}
	shown, err := ReadPrint([]byte(" 0  D ;;; special dummy rule to show fasttrack counters\n      chain=forward action=passthrough\n\n 1    chain=forward action=drop\n\n 2    chain=input action=drop\n\n 3    chain=input action=drop\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.Show("/ip/firewall/filter", shown)
	for _, line := range lines {
		if _, err := c.Console().Type(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	var got []string
	for r := range c.Rows("/ip/firewall/filter") {
		got = append(got, r.Get("chain").Text+" "+r.Get("action").Text)
	}
	if diff := cmp.Diff([]string{"forward passthrough", "forward accept", "forward drop", "input drop", "input accept", "input drop"}, got); diff != "" {
		t.Errorf("%q (-want +got)\n%s", lines, diff)
	}
}

// A report may hold whatever somebody wrote into it: a condition that could be more
// than one is not typed.
func TestAnExceptionTakesNothingButAConditionFromStrangers(t *testing.T) {
	good := Exception{Menu: "filter", Chain: "forward", In: `br"1`, Protocol: "udp", Ports: "5060", Comment: "mine"}
	for before, want := range map[string]bool{
		`[find where comment="a \"b\" \$c ] ; [x"]`:    true,
		`[find where dst-port=5060 and chain=forward]`: true,
		`[find where !dynamic and chain=forward]`:      true,
		`[find where !disabled and chain=forward]`:     false,
		`[find where comment=""]`:                      true,
		`[find where comment=Интернет]`:                false,
		`[find where dst-port=5060]; /system reset`:    false,
		`[find where dst-port=5060] [/system reset]`:   false,
		`[find where comment="a" or dst-port=1]`:       false,
		`[find where comment="$[/system reset]"]`:      false,
		`[find where comment=[/system reset]]`:         false,
		"[find where comment=\"a\"\n/system reset]":    false,
		`[find]`: false,
		`0`:      false,
		``:       false,
		`[find where comment=VALUE and chain="x";VALUE=1]`: false,
	} {
		x := good
		x.Before = before
		if line, ok := x.Line(); ok != want {
			t.Errorf("%s: %q", before, line)
		}
	}
	for name, x := range map[string]Exception{
		"menu": {Menu: "nat", Chain: "forward", In: "a"}, "chain": {Menu: "raw", In: "a"}, "interface": {Menu: "raw", Chain: "prerouting"},
	} {
		x.Before = "[find where chain=forward]"
		if line, ok := x.Line(); ok {
			t.Errorf("%s: %q", name, line)
		}
	}
}

// A comment in Cyrillic is no condition: nobody knows in which encoding it is kept.
func TestARowIsNotFoundByWhatNoConsoleTypes(t *testing.T) {
	c := read(t, "# by RouterOS 7.17\n/ip firewall filter\nadd chain=forward action=drop comment=\"\u0437\u0430\u043f\u0440\u0435\u0442\"\nadd chain=forward action=accept comment=b\n")
	for r := range c.Rows("/ip/firewall/filter") {
		if find, ok := c.Find(r); !ok || find != "[find where action=drop]" {
			t.Error(find)
		}
		return
	}
}
