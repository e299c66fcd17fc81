package routes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

// saved is a machine of which only what ip prints is known.
func saved(prints map[string]string) platform.System {
	return platform.Saved(platform.AboutBundle{Version: "1", Absent: []string{}}, prints)
}

const usual = `{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}`

// Which way a machine sends a packet to a phone at 203.0.113.7, and what refuses
// it, as ip lists it.
func TestWhichWay(t *testing.T) {
	const home = `{"dst":"default","gateway":"192.0.2.254","dev":"eth0","prefsrc":"192.0.2.1"},{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local","prefsrc":"192.0.2.1"}`
	to := netip.MustParseAddr("203.0.113.7")
	for name, c := range map[string]struct {
		routes, rules string
		ask           func(*Question)
		want          string // interface or refusal; "?" before it: a guess
	}{
		"the default route":                             {routes: home, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"the longest prefix":                            {routes: home + `,{"type":"blackhole","dst":"203.0.113.0/24"}`, want: "blackhole"},
		"a longer one spares the phone":                 {routes: home + `,{"type":"blackhole","dst":"203.0.113.0/24"},{"dst":"203.0.113.7","dev":"eth1"}`, want: "eth1"},
		"the lower metric":                              {routes: home + `,{"dst":"203.0.113.0/24","dev":"eth1","metric":20},{"type":"prohibit","dst":"203.0.113.0/24","metric":10}`, want: "prohibit"},
		"the higher metric":                             {routes: home + `,{"dst":"203.0.113.0/24","dev":"eth1","metric":20},{"type":"prohibit","dst":"203.0.113.0/24","metric":21}`, want: "eth1"},
		"throw passes on to the next table":             {routes: home + `,{"type":"throw","dst":"203.0.113.0/24"},{"dst":"203.0.113.0/24","dev":"eth2","table":"default"}`, want: "eth2"},
		"nothing leads there":                           {routes: `{"dst":"192.0.2.0/24","dev":"eth0"}`, want: "unreachable"},
		"no IPv6, as old kernels word it":               {routes: `{"type":"unreachable","dst":"default","dev":"lo","metric":4294967295}`, want: "unreachable"},
		"the first of several hops":                     {routes: `{"dst":"default","nexthops":[{"gateway":"192.0.2.3","dev":"eth3"},{"gateway":"192.0.2.4","dev":"eth4"}]}`, want: "eth3 via 192.0.2.3"},
		"a default route of IPv6 is no way for IPv4":    {routes: `{"dst":"default","dev":"ppp0","metric":1024,"pref":"medium"}`, want: "unreachable"},
		"a rule to it refuses":                          {routes: home, rules: `{"priority":9,"src":"all","dst":"203.0.113.0","dstlen":24,"action":"prohibit"}`, want: "prohibit"},
		"a rule to its neighbours does not":             {routes: home, rules: `{"priority":9,"src":"all","dst":"203.0.112.0","dstlen":24,"action":"prohibit"}`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule about every other address":              {routes: home, rules: `{"priority":9,"not":null,"src":"all","dst":"203.0.113.0","dstlen":24,"action":"blackhole"}`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule about packets from it":                  {routes: home, rules: `{"priority":9,"src":"203.0.113.7","action":"blackhole"}`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"wg-quick: no mark, so the tunnel":              {routes: home + `,{"dst":"default","dev":"wg0","table":"51820"}`, rules: wgQuick, want: "wg0"},
		"wg-quick: the tunnel's own packets":            {routes: home + `,{"dst":"default","dev":"wg0","table":"51820"}`, rules: wgQuick, ask: func(q *Question) { q.Mark = 51820 }, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"wg-quick: a mark that nobody knows":            {routes: home + `,{"dst":"default","dev":"wg0","table":"51820"}`, rules: wgQuick, ask: func(q *Question) { q.Known = 0 }, want: "?eth0 via 192.0.2.254 from 192.0.2.1"},
		"wg-quick: the office's network stays":          {routes: home + `,{"dst":"203.0.113.0/24","dev":"eth0"},{"dst":"default","dev":"wg0","table":"51820"}`, rules: wgQuick, want: "eth0"},
		"half of a mark":                                {routes: home, rules: `{"priority":9,"src":"all","fwmark":"0x2","fwmask":"0x2","action":"prohibit"}`, ask: func(q *Question) { q.Mark = 3 }, want: "prohibit"},
		"the other half":                                {routes: home, rules: `{"priority":9,"src":"all","fwmark":"0x2","fwmask":"0x2","action":"prohibit"}`, ask: func(q *Question) { q.Mark = 1 }, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule of one user":                            {routes: home, rules: `{"priority":9,"src":"all","uid_start":5,"uid_end":5,"action":"prohibit"}`, want: "?eth0 via 192.0.2.254 from 192.0.2.1"},
		"rules come in the order of their priority":     {routes: home + `,{"dst":"default","dev":"a","table":"1"},{"dst":"default","dev":"b","table":"2"}`, rules: `{"priority":20,"src":"all","table":"1"},{"priority":10,"src":"all","table":"2"}`, want: "b"},
		"it came in by a member of a VRF":               {routes: home + `,{"dst":"default","dev":"eth9","table":"100"}`, rules: `{"priority":9,"src":"all","l3mdev":null}`, ask: func(q *Question) { q.In = "eth8" }, want: "eth9"},
		"it came in by another interface":               {routes: home + `,{"dst":"default","dev":"eth9","table":"100"}`, rules: `{"priority":9,"src":"all","l3mdev":null}`, ask: func(q *Question) { q.In = "eth0" }, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule for what came in by another interface":  {routes: home, rules: `{"priority":9,"src":"all","iif":"eth1","action":"prohibit"}`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule for what this machine sends":            {routes: home, rules: `{"priority":9,"src":"all","iif":"lo","action":"prohibit"}`, want: "prohibit"},
		"a rule that does nothing":                      {routes: home, rules: `{"priority":9,"src":"all","action":"nop"}`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule whose source may or may not be meant":   {routes: home, rules: `{"priority":9,"src":"10.0.0.0","srclen":8,"action":"prohibit"}`, ask: from(Unsure), want: "?eth0 via 192.0.2.254 from 192.0.2.1"},
		"a rule about the source":                       {routes: home, rules: `{"priority":9,"src":"10.0.0.0","srclen":8,"action":"prohibit"}`, ask: from(Yes), want: "prohibit"},
		"rules that cannot be read are the usual ones":  {routes: home, rules: `]`, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
		"to itself: the table local is asked before":    {routes: home, ask: func(q *Question) { q.Dst = netip.MustParseAddr("192.0.2.1") }, want: "local"},
		"what nobody has heard of is left out, not all": {routes: `{"dst":"what"},` + home, want: "eth0 via 192.0.2.254 from 192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := usual
			if c.rules != "" {
				rules = c.rules + "," + usual
			}
			tables, err := Read(t.Context(), saved(map[string]string{"ip -j route show table all": "[" + c.routes + "]", "ip -j rule list": "[" + rules + "]"}))
			if err != nil {
				t.Fatal(err)
			}
			tables.VRFs = VRFs([]Interface{{Name: "eth8", Master: "blue"}, {Name: "blue", VRFTable: "100"}, {Name: "eth0"}})
			q := Out(to)
			if c.ask != nil {
				c.ask(&q)
			}
			if got := worded(tables.Way(q)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

const wgQuick = `{"priority":32764,"src":"all","table":"main","suppress_prefixlen":0},{"priority":32765,"not":null,"src":"all","fwmark":"0xca6c","table":"51820"}`

func from(a Answer) func(*Question) {
	return func(q *Question) { q.From = func(netip.Prefix) Answer { return a } }
}

func worded(r Route, sure bool) string {
	var b strings.Builder
	if !sure {
		b.WriteString("?")
	}
	switch {
	case r.Refuses() || r.Kind == "local":
		b.WriteString(r.Kind)
	default:
		b.WriteString(r.Interface)
		if r.Gateway.IsValid() {
			b.WriteString(" via " + r.Gateway.String())
		}
		if r.Source.IsValid() {
			b.WriteString(" from " + r.Source.String())
		}
	}
	return b.String()
}

// What is not read is not taken for empty.
func TestTablesThatAreNotThere(t *testing.T) {
	for name, prints := range map[string]map[string]string{
		"nobody asked":             {},
		"the answer is cut off":    {"ip -j route show table all": `[{"dst":`},
		"it is something else":     {"ip -j route show table all": `{"dst":1}`},
		"only the rules are there": {"ip -j rule list": "[" + usual + "]"},
	} {
		if tables, err := Read(t.Context(), saved(prints)); err == nil || tables.Routes != nil {
			t.Errorf("%s: %+v, %v", name, tables, err)
		}
	}
	if tables, err := Read(t.Context(), saved(map[string]string{"ip -j route show table all": "[]"})); err != nil || tables.Routes == nil {
		t.Errorf("a machine without routes: %+v, %v", tables, err)
	}
}

// Interfaces as ip lists them: what they are made of, and whether they carry
// anything.
func TestInterfacesAsIPListsThem(t *testing.T) {
	const up = `"flags":["BROADCAST","UP","LOWER_UP"],"operstate":"UP","link_type":"ether"`
	list, err := Interfaces(t.Context(), saved(map[string]string{"ip -j -d address": `[
		{"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"operstate":"UNKNOWN","link_type":"loopback","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},
		{"ifname":"eth0","mtu":1500,"address":"02:00:00:00:00:01","master":"br0",` + up + `},
		{"ifname":"eth1","flags":["UP"],"operstate":"DOWN"},
		{"ifname":"wlan0","flags":["UP","LOWER_UP"],"operstate":"DORMANT"},
		{"ifname":"br0","linkinfo":{"info_kind":"bridge","info_data":{"priority":32768,"group_addr":"01:80:c2:00:00:00"}},` + up + `},
		{"ifname":"br0.5","link":"br0","linkinfo":{"info_kind":"vlan","info_data":{"id":5}},` + up + `},
		{"ifname":"v0","link":"v1","linkinfo":{"info_kind":"veth"},` + up + `},
		{"ifname":"tun0","linkinfo":{"info_kind":"tun","info_data":{"type":"tun"}}},
		{"ifname":"tap0","linkinfo":{"info_kind":"tun","info_data":{"type":"tap"}}},
		{"ifname":"wg0","linkinfo":{"info_kind":"wireguard"}},
		{"ifname":"ppp0","link_type":"ppp"},
		{"ifname":"blue","linkinfo":{"info_kind":"vrf","info_data":{"table":100}}}]`}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range list {
		line := i.Name + " " + string(i.Kind)
		if i.Up {
			line += " up"
		}
		got = append(got, strings.TrimSpace(line+" "+strings.Join(strings.Fields(i.Master+" "+i.Under+" "+i.VRFTable), " ")))
	}
	want := []string{"lo loopback up", "eth0 ethernet up br0", "eth1 ethernet", "wlan0 ethernet", "br0 ethernet up", "br0.5 ethernet up br0", "v0 ethernet up", "tun0 tunnel", "tap0 tap", "wg0 tunnel", "ppp0 ppp", "blue ethernet 100"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// By which interfaces a packet from an address comes in, which the kernel decides
// by the routes of others: those that lead there are the best guess.
func TestWhereAPacketComesInFrom(t *testing.T) {
	const home = `{"dst":"default","dev":"eth0","metric":100},{"dst":"192.0.2.0/24","dev":"eth0"},{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},{"type":"broadcast","dst":"192.0.2.255","dev":"eth0","table":"local"}`
	for name, c := range map[string]struct{ routes, from, want string }{
		"the default route":                    {home, "203.0.113.7", "eth0"},
		"the longest prefix":                   {home + `,{"dst":"203.0.113.0/24","dev":"eth1"}`, "203.0.113.7", "eth1"},
		"a second uplink has a table":          {home + `,{"dst":"default","dev":"eth1","table":"100"}`, "203.0.113.7", "eth0 eth1"},
		"that table knows the way better":      {home + `,{"dst":"203.0.113.0/24","dev":"eth1","table":"100"}`, "203.0.113.7", "eth0"},
		"only that table knows a way":          {`{"dst":"203.0.113.0/24","dev":"eth1","table":"100"}`, "203.0.113.7", "eth1"},
		"the lower metric is more likely":      {home + `,{"dst":"default","dev":"eth1","metric":50}`, "203.0.113.7", "eth1 eth0"},
		"a route that refuses has no way":      {home + `,{"type":"blackhole","dst":"203.0.113.0/24"}`, "203.0.113.7", "eth0"},
		"itself":                               {home, "192.0.2.1", "lo"},
		"the loopback":                         {home, "127.0.0.9", "lo"},
		"the broadcast address is of the link": {home, "192.0.2.255", "eth0"},
		"nothing tells":                        {`{"dst":"192.0.2.0/24","dev":"eth0"}`, "203.0.113.7", ""},
	} {
		tables, err := Read(t.Context(), saved(map[string]string{"ip -j route show table all": "[" + c.routes + "]"}))
		if err != nil {
			t.Fatal(err)
		}
		from := netip.MustParseAddr(c.from)
		if got := strings.Join(tables.InterfacesTo(from), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if first, _, _ := strings.Cut(c.want, " "); tables.InterfaceTo(from) != first {
			t.Errorf("%s: %q is the most likely one", name, tables.InterfaceTo(from))
		}
	}
}
