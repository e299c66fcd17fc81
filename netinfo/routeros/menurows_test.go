package routeros

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked is a router of which the API showed these menus.
func asked(menus ...MenuRows) *Config { return FromMenus("7.17.2", "hEX", menus) }

type rows = []map[string]string

func TestWhatTheAPIShowsBecomesAnExport(t *testing.T) {
	c := asked(
		MenuRows{"/ip/firewall/service-port", rows{
			{".id": "*1", "name": "ftp", "ports": "21", "disabled": "false"},
			{".id": "*5", "name": "sip", "ports": "5060,5061", "sip-direct-media": "true", "sip-timeout": "1h", "disabled": "true", "invalid": "false"},
		}},
		MenuRows{"/ip/firewall/filter", rows{
			{".id": "*F", "dynamic": "true", "chain": "forward", "action": "passthrough", "comment": "special dummy rule"},
			{".id": "*A", "chain": "forward", "action": "drop", "comment": "true", "bytes": "100", "packets": "3", "log": "false", "new-matcher": "5", "disabled": "false"},
		}},
		MenuRows{"/ip/firewall/connection/tracking", rows{{"udp-stream-timeout": "00:03:00", "udp-timeout": "10s", "max-entries": "65536"}}},
		MenuRows{"/interface/ethernet", rows{{".id": "*1", "default-name": "ether1", "name": "wan", "rx-bytes": "7"}}},
		MenuRows{"/interface", rows{
			{".id": "*1", "name": "wan", "type": "ether"}, {".id": "*9", "name": "lte1", "type": "lte", "disabled": "true"},
			{".id": "*B", "name": "x", "type": "a b\n/system reset"}, {".id": "*C", "name": "to-hq", "type": "gre-tunnel"}, {".id": "*D", "name": "guest", "type": "l2tp-in", "dynamic": "true"},
		}},
		MenuRows{"/routing/ospf/instance", rows{{".id": "*0", "name": "default", "default": "true"}}},
	)
	const want = `# RouterOS 7.17.2
# model = hEX
# menus = /interface/ethernet /ip/firewall/connection/tracking /ip/firewall/filter /ip/firewall/service-port /routing/ospf/instance
/interface ethernet
set [ find default-name=ether1 ] name=wan
/ip firewall connection tracking
set udp-stream-timeout=00:03:00 udp-timeout=10s
/ip firewall filter
add action=drop chain=forward comment=true disabled=no log=no new-matcher=5
/ip firewall service-port
set ftp disabled=no ports=21
set sip disabled=yes ports=5060,5061 sip-direct-media=yes sip-timeout=1h
/interface lte
add disabled=yes name=lte1
/interface gre
add name=to-hq
`
	sorted := c.Verbose()
	for _, part := range strings.SplitAfter(want, "\n/") {
		if part = strings.Trim(part, "/"); !strings.Contains(sorted, strings.TrimSuffix(part, "\n")) {
			t.Errorf("%q is not in\n%s", part, sorted)
		}
	}
	again := read(t, sorted)
	if diff := cmp.Diff(sorted, again.Verbose()); diff != "" || len(again.Faults) > 0 {
		t.Errorf("read again: %v\n%s", again.Faults, diff)
	}
	for path, want := range map[string]bool{
		"/ip/firewall/filter": true, "/ip/firewall/nat": false, "/ip/firewall": false, "/ip/dns": false, "": false, "/ip/firewall/connection/tracking": true,
	} {
		if c.Covers(path) != want || again.Covers(path) != want {
			t.Errorf("%s: covered %v, and read again %v", path, c.Covers(path), again.Covers(path))
		}
	}
}

// Nothing that a stranger writes into a name ends its line.
func TestNamesFromTheAPIStayNames(t *testing.T) {
	c := FromMenus("7.17.2\n/ip dns set servers=y", "x\n/ip dns set servers=z", []MenuRows{{"/ip/firewall/filter", rows{{".id": "*1", "chain": "a\n/ip dns set servers=x", "comment": "\"]; /system reset\r\n# menus = /ip/dns", "x\n/ip dns set": "1"}}}})
	again := read(t, c.Verbose())
	if again.Covers("/ip/dns") || len(again.Faults) > 0 || len(again.Menu("/ip/dns").Items) > 0 || len(again.Menu("/ip/firewall/filter").Items) > 1 {
		t.Error(c.Verbose())
	}
}

func TestALineAsStepsOfTheAPI(t *testing.T) {
	router := func() *Config {
		return asked(
			MenuRows{"/ip/firewall/filter", rows{
				{".id": "*F", "dynamic": "true", "chain": "forward", "action": "passthrough"},
				{".id": "*80000001", "chain": "input", "action": "accept"}, {".id": "*A", "chain": "forward", "action": "drop"},
			}},
			MenuRows{"/ip/firewall/service-port", rows{{".id": "*5", "name": "sip", "disabled": "false"}}},
			MenuRows{"/ip/firewall/connection/tracking", rows{{"udp-timeout": "10s"}}},
			MenuRows{"/ip/firewall/connection", rows{{".id": "*7", "connection-type": "sip"}, {".id": "*8", "connection-type": "ftp"}}},
			MenuRows{"/interface/list", rows{{".id": "*2", "name": "WAN"}}},
			MenuRows{"/interface/vlan", rows{{".id": "*C", "name": "voice", "disabled": "false"}}},
		)
	}
	const filter = "/ip/firewall/filter"
	for name, tt := range map[string]struct {
		line string
		want []Step
		err  error
	}{
		"a setting of an item":   {"/ip firewall service-port set sip disabled=yes", []Step{{Menu: "/ip/firewall/service-port", Verb: "set", Item: "*5", Set: []Prop{{Name: "disabled", Value: "yes"}}}}, nil},
		"settings":               {"/ip firewall connection tracking set udp-timeout=30s", []Step{{Menu: "/ip/firewall/connection/tracking", Verb: "set", Set: []Prop{{Name: "udp-timeout", Value: "30s"}}}}, nil},
		"a removal":              {"/ip firewall connection remove [find connection-type=sip]", []Step{{Menu: "/ip/firewall/connection", Verb: "remove", Item: "*7"}}, nil},
		"a removal of nothing":   {"/ip firewall connection remove [find connection-type=h323]", nil, nil},
		"a place before another": {"/ip firewall filter add chain=forward place-before=[find action=drop]", []Step{{Menu: filter, Verb: "add", Set: []Prop{{Name: "chain", Value: "forward"}}, Before: "*A"}}, nil},
		"a move":                 {"/ip firewall filter move [find action=drop] [find chain=input]", []Step{{Menu: filter, Verb: "move", Item: "*A", Before: "*80000001"}}, nil},
		"an item by number":      {"/ip firewall filter disable 2", []Step{{Menu: filter, Verb: "set", Item: "*A", Set: []Prop{{Name: "disabled", Value: "yes"}}}}, nil},
		"by the menu of all":     {"/interface disable voice", []Step{{Menu: "/interface/vlan", Verb: "set", Item: "*C", Set: []Prop{{Name: "disabled", Value: "yes"}}}}, nil},
		"a property taken away":  {"/ip firewall filter unset [find action=drop] chain", []Step{{Menu: filter, Verb: "unset", Item: "*A", Set: []Prop{{Name: "value-name", Value: "chain"}}}}, nil},
		"a branch":               {":if ([:len [/ip firewall filter find chain=input]] > 0) do={/ip firewall filter remove [find chain=input]}", []Step{{Menu: filter, Verb: "remove", Item: "*80000001"}}, nil},
		"only a look":            {"/ip firewall filter print", nil, nil},
		"what it added itself":   {":local i [/ip firewall filter add chain=x]; /ip firewall filter move $i 1", nil, ErrNotKnown},
		"what nobody knows":      {"/system reboot", nil, ErrNotKnown},
	} {
		steps, _, err := router().Plan(tt.line)
		for i := range steps {
			for k := range steps[i].Set {
				steps[i].Set[k].Line = 0
			}
		}
		if diff := cmp.Diff(tt.want, steps); diff != "" || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
	if _, _, err := router().Plan("/ip firewall filter add chain=input in-interface-list=LAN"); err == nil || err.Error() != "input does not match any value of in-interface-list" {
		t.Error(err)
	}
}

func TestTheMenusOfALine(t *testing.T) {
	for line, want := range map[string]string{
		"/ip firewall service-port set sip disabled=yes":                                     "/ip/firewall/service-port",
		`{:local r [/ip firewall nat find]; :if (1) do={/ip firewall filter move [find] 0}}`: "/ip/firewall/nat /ip/firewall/filter",
		"/ip firewall; filter print":                                                         "/ip/firewall/filter",
		":put \"x\"":                                                                         "",
		"/ip firewall [":                                                                     "",
	} {
		if got := strings.Join(MenusIn(line), " "); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// What is asked for holds no password.
func TestNoSecretIsAskedFor(t *testing.T) {
	n := 0
	for _, w := range WantedMenus() {
		n++
		for _, name := range w.Only {
			if secret(name) {
				t.Errorf("%s: %s", w.Path, name)
			}
		}
		if spec := tables().Menus[w.Path]; spec != nil && !spec.Partial {
			for name := range spec.properties {
				if secret(name) {
					t.Errorf("%s: all of it, %s with it", w.Path, name)
				}
			}
		}
		if len(w.Only) == 0 && tables().Menus[w.Path] == nil {
			t.Errorf("%s: all of it", w.Path)
		}
	}
	if n < 40 {
		t.Error(n, "menus")
	}
}
