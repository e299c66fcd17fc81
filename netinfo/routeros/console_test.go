package routeros

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fasttracked is a router whose filter begins with the rule that shows the counters
// of fasttrack.
func fasttracked(t testing.TB) *Config {
	c := load(t, "factory7.rsc")
	for _, path := range []string{"/ip/firewall/filter", "/ip/firewall/mangle", "/ip/firewall/raw"} {
		c.addDynamic(path, "chain=forward action=passthrough comment=\"special dummy rule to show fasttrack counters\"")
	}
	return c
}

// addDynamic puts a rule that the router itself made before all others.
func (c *Config) addDynamic(path, props string) {
	list, err := propsOf(props)
	if err != nil {
		panic(err)
	}
	it := c.newItem()
	it.Dynamic, it.Props = true, list
	m := c.menu(path)
	m.Items = append([]*Item{it}, m.Items...)
}

func TestWhatARouterRefuses(t *testing.T) {
	empty := func(t testing.TB) *Config { return load(t, "bare7.rsc") }
	factory := func(t testing.TB) *Config { return load(t, "factory7.rsc") }
	six := func(t testing.TB) *Config { return load(t, "factory6.rsc") }
	tests := []struct {
		name   string
		router func(testing.TB) *Config
		line   string
		want   string // "" where it takes the line
	}{
		{"a rule first in an empty table", empty, "/ip firewall filter add chain=forward place-before=0", "no such item"},
		{"the same with a first rule", factory, "/ip firewall filter add chain=forward place-before=0", ""},
		{"before the counters of fasttrack", fasttracked, "/ip firewall filter add chain=forward place-before=0", "failure: cannot move builtin"},
		{"after the counters of fasttrack", fasttracked, "/ip firewall filter add chain=forward place-before=1", ""},
		{"a change of all rules with fasttrack", fasttracked, "/ip firewall filter set [find] log=yes", "failure: cannot change builtin"},
		{"a change of all others", fasttracked, "/ip firewall filter set [find !dynamic] log=yes", ""},
		{"the removal of all rules with fasttrack", fasttracked, "/ip firewall filter remove [find]", "failure: cannot remove builtin"},
		{"a move to the top with fasttrack", fasttracked, "/ip firewall filter move 3 destination=0", "failure: cannot move builtin"},
		{"a list that is not there", empty, "/ip firewall filter add chain=input in-interface-list=WAN", "input does not match any value of in-interface-list"},
		{"the same, negated", empty, "/ip firewall filter add chain=input in-interface-list=!LAN", "input does not match any value of in-interface-list"},
		{"a list that is there", factory, "/ip firewall filter add chain=input in-interface-list=!LAN", ""},
		{"a list of every router", empty, "/ip firewall filter add chain=input in-interface-list=all", ""},
		{"an interface that is not there", factory, "/ip firewall filter add chain=input in-interface=pppoe-out1", "input does not match any value of in-interface"},
		{"an interface that is there", empty, "/ip firewall filter add chain=input in-interface=lan", ""},
		{"a port that only a line names", empty, "/ip firewall filter add chain=input in-interface=ether1", ""},
		{"a port that may be there", empty, "/ip firewall filter add chain=input in-interface=ether9", "it is not known whether a router takes this"},
		{"a menu that is not there", factory, "/ip firewal filter print", "bad command name firewal (line 1 column 5)"},
		{"a menu that is not in the tables", factory, "/ip hotspot user print", "it is not known whether a router takes this"},
		{"a command that is not in the tables", factory, "/system reboot", "it is not known whether a router takes this"},
		{"the documentation's name of a menu", factory, "/ip firewall service-ports print", "bad command name service-ports (line 1 column 14)"},
		{"a property that is not there", factory, "/ip firewall filter add chain=input bogus=1", "expected end of command (line 1 column 37)"},
		{"a property that may be there", factory, "/interface bridge set bridge bogus=1", "it is not known whether a router takes this"},
		{"a property of another version", six, "/system ntp client set servers=192.0.2.1", "expected end of command (line 1 column 24)"},
		{"the same in its own", factory, "/system ntp client set servers=192.0.2.1", ""},
		{"an action of nobody", factory, "/ip firewall filter add chain=input action=accep", "input does not match any value of action"},
		{"an action of another table", factory, "/ip firewall raw add chain=prerouting action=masquerade", "input does not match any value of action"},
		{"ports without a protocol", factory, "/ip firewall filter add chain=input dst-port=5060", "failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp"},
		{"ports with one", factory, "/ip firewall filter add chain=input protocol=udp dst-port=5060,10000-20000", ""},
		{"a range that ends first", factory, "/ip firewall filter add chain=input protocol=udp dst-port=20000-10000", "invalid value for argument dst-port"},
		{"an address that is none", factory, "/ip firewall filter add chain=input src-address=192.0.2.300", "invalid value for argument src-address"},
		{"no chain", factory, "/ip firewall filter add action=drop", "missing value(s) of argument(s) chain"},
		{"an entry twice", factory, "/ip firewall address-list add list=a address=192.0.2.1; /ip firewall address-list add list=a address=192.0.2.1", "failure: already have such entry"},
		{"an item that is not there", factory, "/ip firewall filter remove 77", "no such item"},
		{"the number of a rule that is gone", factory, "/ip firewall filter print; /ip firewall filter remove 3; /ip firewall filter remove 3", "no such item"},
		{"an item by its number", factory, "/ip firewall filter remove 3", ""},
		{"a find that finds nothing", factory, "/ip firewall filter remove [find comment=nothing]", ""},
		{"a place before nothing", factory, "/ip firewall filter add chain=input place-before=[find comment=nothing]", "no such item"},
		{"a place before several", factory, "/ip firewall filter add chain=input place-before=[find chain=forward]", ""},
		{"a helper that is not there", factory, "/ip firewall service-port set skinny disabled=yes", "no such item"},
		{"a new helper", factory, "/ip firewall service-port remove sip", "failure: cannot remove builtin"},
		{"a set of nothing", factory, "/ip firewall service-port set disabled=yes", "missing value(s) of argument(s) numbers"},
		{"a mistake in a branch not taken", factory, ":if (false) do={ /ip firewall filter add chain=a bogus=1 }", "expected end of command (line 1 column 50)"},
		{"a quotation mark too many", factory, "/ip firewall filter add comment=\"a", "syntax error (line 1 column 35)"},
		{"an error of a script", factory, ":error \"WAN is missing\"", "WAN is missing"},
		{"an interface by the menu of all", factory, "/interface set bridge mtu=1400", "it is not known whether a router takes this"},
		{"an interface switched off by the menu of all", factory, "/interface disable bridge", ""},
		{"a comment", factory, "/ip firewall filter comment 0 comment=\"first\"", ""},
		{"a property taken away", factory, "/ip firewall filter unset 4 in-interface-list", ""},
		{"a new bridge of an old name", factory, "/interface bridge add name=bridge", "failure: already have interface with such name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.router(t)
			before := c.Export()
			_, err := c.Console().Type(tt.line)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", tt.line, diff)
			}
			if err != nil && !strings.Contains(tt.line, ";") && c.Export() != before {
				t.Errorf("%s was refused and changed %s", tt.line, cmp.Diff(before, c.Export()))
			}
			if refusal, ok := errors.AsType[*Refusal](err); err != nil && !ok && !errors.Is(err, ErrNotKnown) || ok && errors.Is(refusal, ErrNotKnown) {
				t.Errorf("%v is of no kind", err)
			}
		})
	}
}

func TestWhatCommandsDo(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string // the chains of the rules in order, an x after those that are disabled
	}{
		{"add at the end", []string{"add chain=d"}, "a b c d"},
		{"add before a number", []string{"add chain=d place-before=1"}, "a d b c"},
		{"add before an ID", []string{":local i [find chain=c]; add chain=d place-before=$i"}, "a b d c"},
		{"add before the first of several", []string{"add chain=d place-before=[find]"}, "d a b c"},
		{"numbers after a print that chose", []string{"print where chain=c", "add chain=d place-before=0"}, "a b d c"},
		{"numbers stay those of the last print", []string{"print where chain=c", "add chain=d place-before=0", "remove 0"}, "a b d"},
		{"numbers without a print", []string{"remove 0", "remove 0"}, "c"},
		{"several numbers", []string{"disable 0,2"}, "ax b cx"},
		{"on again", []string{"disable [find]", "enable 1"}, "ax b cx"},
		{"move before", []string{"move 2 0"}, "c a b"},
		{"move to the end", []string{"move 0"}, "b c a"},
		{"move to itself", []string{"move 1 destination=1"}, "a b c"},
		{"move several", []string{"move 1,2 destination=0"}, "b c a"},
		{"remove", []string{"remove [find chain=b]"}, "a c"},
		{"set", []string{"set 1 chain=z disabled=true"}, "a zx c"},
		{"a copy", []string{"add copy-from=0 disabled=yes"}, "a b c ax"},
		{"the safe way to be first", []string{":local r [find !dynamic]; :if ([:len $r] > 0) do={add chain=d place-before=[:pick $r 0]} else={add chain=d}"}, "d a b c"},
		{"the same in an empty table", []string{"remove [find]", ":local r [find !dynamic]; :if ([:len $r] > 0) do={add chain=d place-before=[:pick $r 0]} else={add chain=d}"}, "d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New("7.17")
			k := c.Console()
			for _, line := range append([]string{"/ip firewall raw", "add chain=a; add chain=b; add chain=c"}, tt.lines...) {
				if _, err := k.Type(line); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			var got []string
			for r := range c.Rows("/ip/firewall/raw") {
				chain := r.Get("chain").Text
				if r.Off() {
					chain += "x"
				}
				got = append(got, chain)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was typed has the form in which a router keeps it.
func TestValuesAreKeptAsARouterKeepsThem(t *testing.T) {
	c := New("7.17")
	k := c.Console()
	for line, want := range map[string]string{
		"/ip firewall connection tracking set udp-stream-timeout=300s":     "/ip firewall connection tracking\nset udp-stream-timeout=5m\n",
		"/ip firewall connection tracking set udp-stream-timeout=00:03:00": "",
		"/ip firewall service-port set sip disabled=true":                  "/ip firewall service-port\nset sip disabled=yes\n",
		"/ip firewall service-port set sip disabled=no":                    "",
	} {
		if _, err := k.Type(line); err != nil {
			t.Fatal(line, err)
		}
		menu, _, _ := strings.Cut(line, " set")
		out, err := k.Type(menu + " export")
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(out, "\n")
		if strings.Contains(line, "=true") || strings.Contains(line, "300s") {
			k.Type(strings.NewReplacer("true", "no", "300s", "3m").Replace(line))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}
