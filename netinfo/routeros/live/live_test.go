package live_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live/routertest"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
)

// A router is what both ways have.
type router interface {
	Export(context.Context) ([]byte, error)
	Connections(context.Context) (*routeros.Connections, error)
	Type(context.Context, string) (string, error)
}

// ways are all the ways to a router.
func ways(t *testing.T, r *routertest.Router) map[string]router {
	t.Helper()
	console, err := mikrotik.DialConsole(t.Context(), r.SSH(t))
	if err != nil {
		t.Fatal(err)
	}
	api, err := mikrotik.DialAPI(t.Context(), r.API(t, false), false)
	if err != nil {
		t.Fatal(err)
	}
	apis, err := mikrotik.DialAPI(t.Context(), r.API(t, true), true)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := mikrotik.DialREST(t.Context(), r.REST(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { console.Close(); api.Close(); apis.Close(); rest.Close() })
	return map[string]router{
		"the console": live.Console{Typist: console}, "the API": &live.Menus{Lister: api}, "the API with TLS": &live.Menus{Lister: apis}, "REST": &live.Menus{Lister: rest},
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whichever way a router is read, it is the router whose export lies beside it.
func TestARouterIsReadAsItsExportSays(t *testing.T) {
	for _, name := range []string{"factory6.rsc", "factory7.rsc", "bare7.rsc"} {
		r := routertest.New(t, file(t, name))
		want, err := routeros.Read([]byte(file(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		for way, router := range ways(t, r) {
			b, err := router.Export(t.Context())
			if err != nil {
				t.Fatalf("%s by %s: %v", name, way, err)
			}
			got, err := routeros.Read(b)
			if err != nil {
				t.Fatalf("%s by %s: %v\n%s", name, way, err, b)
			}
			for _, f := range got.Faults {
				t.Errorf("%s by %s: line %d: %s", name, way, f.Line, f.Why)
			}
			if got.Version.Text != want.Version.Text {
				t.Errorf("%s by %s: version %q", name, way, got.Version.Text)
			}
			for _, path := range []string{"/ip/firewall", "/ip/firewall/filter", "/ip/firewall/service-port", "/ip/dns", "/ip/address", "/ip/settings"} {
				if !got.Covers(path) {
					t.Errorf("%s by %s: %s is not covered", name, way, path)
				}
			}
			if diff := cmp.Diff(strings.Split(menusOf(want), "\n"), strings.Split(menusOf(got), "\n")); diff != "" {
				t.Errorf("%s by %s (-export +live)\n%s", name, way, diff)
			}
		}
	}
}

// menusOf is an export by menu, of those that are read of a router.
func menusOf(c *routeros.Config) string {
	menus := map[string]string{}
	at := ""
	for line := range strings.Lines(c.Export()) {
		if strings.HasPrefix(line, "/") {
			at = line
		}
		menus[at] += line
	}
	var out []string
	for at, text := range menus {
		path := strings.ReplaceAll(strings.TrimSpace(at), " ", "/")
		if slices.ContainsFunc(routeros.WantedMenus(), func(w routeros.Wanted) bool { return w.Path == path }) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// A menu that the router does not show is not taken for an empty one.
func TestWhatIsNotShownIsNotKnown(t *testing.T) {
	r := routertest.New(t, file(t, "factory7.rsc"))
	r.Refuse = func(command string) string {
		if strings.HasPrefix(command, "/ip/firewall/raw/") {
			return "not enough permissions (9)"
		}
		return ""
	}
	b, err := ways(t, r)["the API"].Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := routeros.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if c.Covers("/ip/firewall/raw") || c.Covers("/ip/firewall") || c.Covers("/ip/hotspot") || c.Covers("/system/script") || !c.Covers("/ip/firewall/filter") {
		t.Error("a menu that nobody saw counts as read")
	}
}

func TestLinesDoTheSameByEveryWay(t *testing.T) {
	for name, tt := range map[string]struct {
		lines  []string
		before string // what the router has besides the factory's
		want   string // a part of the export afterwards, or with "not " before it, none
	}{
		"the helper off":           {lines: []string{"/ip firewall service-port set sip disabled=yes"}, want: "set sip disabled=yes"},
		"a longer timeout":         {lines: []string{"/ip firewall connection tracking print", "/ip firewall connection tracking set udp-stream-timeout=300s"}, want: "set udp-stream-timeout=5m"},
		"a rule before one":        {lines: []string{`/ip firewall filter add chain=forward action=accept protocol=udp dst-port=5060 comment=sipdoctor place-before=[find where action=drop and chain=forward]`}, want: "add chain=forward comment=sipdoctor dst-port=5060 protocol=udp\nadd action=drop chain=forward comment=\"defconf: drop invalid\""},
		"a rule at the end":        {lines: []string{`/ip firewall filter add chain=output action=accept comment="a b"`}, want: "add chain=output comment=\"a b\"\n/"},
		"a rule taken away":        {lines: []string{`/ip firewall filter remove [find chain=input in-interface-list="!LAN"]`}, want: "not chain=input in-interface-list=!LAN"},
		"a rule disabled":          {lines: []string{`/ip firewall filter disable [find action=fasttrack-connection]`}, want: "chain=forward comment=\"defconf: fasttrack\" connection-state=established,related disabled=yes"},
		"rules moved by a script":  {lines: []string{`:local r [/ip firewall filter find where !dynamic]; /ip firewall filter move [find where chain=forward action=fasttrack-connection] destination=[:pick $r 0]`}, want: "/ip firewall filter\nadd action=fasttrack-connection"},
		"a property taken away":    {lines: []string{`/ip firewall filter set [find action=fasttrack-connection] !hw-offload`}, want: "not hw-offload"},
		"connections of a helper":  {lines: []string{"/ip firewall connection remove [find connection-type=sip]"}, want: ""},
		"connections to SIP ports": {lines: []string{`/ip firewall connection remove [find protocol~"udp" dst-address~":5060\$"]`}, want: ""},
	} {
		for _, way := range []string{"the console", "the API", "REST"} {
			r := routertest.New(t, file(t, "factory7.rsc"))
			r.Connect(helped()...)
			for _, line := range tt.lines {
				if _, err := ways(t, r)[way].Type(t.Context(), line); err != nil {
					t.Errorf("%s by %s: %s: %v", name, way, line, err)
				}
			}
			out := r.Export()
			if part, not := strings.CutPrefix(tt.want, "not "); strings.Contains(out, part) == not {
				t.Errorf("%s by %s: %v\n%s", name, way, r.Typed(), out)
			}
			if x, err := ways(t, r)[way].Connections(t.Context()); strings.HasPrefix(name, "connections") && (err != nil || x.HelpedTotal != 0) {
				t.Errorf("%s by %s: %+v, %v", name, way, x, err)
			}
		}
	}
}

// helped are connections, two of them with the SIP helper.
func helped() []map[string]string {
	return []map[string]string{
		{".id": "*A1", "protocol": "udp", "src-address": "192.168.88.10:5060", "dst-address": "203.0.113.5:5060", "timeout": "59m10s", "connection-type": "sip"},
		{".id": "*A2", "protocol": "udp", "src-address": "192.168.88.11:5060", "dst-address": "203.0.113.5:5060", "timeout": "58m", "connection-type": "sip"},
		{".id": "*A3", "protocol": "tcp", "src-address": "192.168.88.10:40000", "dst-address": "203.0.113.5:443", "timeout": "23h"},
	}
}

func TestTheConnectionsOfARouter(t *testing.T) {
	r := routertest.New(t, file(t, "factory7.rsc"))
	r.Connect(helped()...)
	for way, router := range ways(t, r) {
		x, err := router.Connections(t.Context())
		if err != nil || x == nil {
			t.Fatalf("%s: %v", way, err)
		}
		if x.HelpedTotal != 2 || len(x.Helped) != 2 || x.Helped[0].Source != "192.168.88.10:5060" || x.Total == nil || *x.Total != 120 || *x.Most != 65536 {
			t.Errorf("%s: %+v", way, x)
		}
	}
	r.Refuse = func(command string) string {
		if strings.Contains(command, "connection") {
			return "not enough permissions (9)"
		}
		return ""
	}
	for way, router := range ways(t, r) {
		if x, err := router.Connections(t.Context()); x != nil || err != nil {
			t.Errorf("not shown by %s: %+v, %v", way, x, err)
		}
	}
}

// What a router refuses changes nothing, and is said in its words.
func TestARouterThatRefuses(t *testing.T) {
	for _, line := range []string{
		"/ip firewall filter add chain=forward in-interface-list=NOWHERE", "/ip firewall filter remove 77", "/ip firewal filter print",
		`/ip firewall filter add comment="a`, "/ip firewall filter add chain=forward place-before=[find comment=nothing]",
	} {
		r := routertest.New(t, file(t, "factory7.rsc"))
		before := r.Export()
		for way, router := range ways(t, r) {
			_, err := router.Type(t.Context(), line)
			_, router1 := errors.AsType[*mikrotik.Refused](err)
			_, model := errors.AsType[*routeros.Refusal](err)
			if !router1 && !model || r.Export() != before {
				t.Errorf("%s by %s: %v", line, way, err)
			}
		}
	}
}

// A command is done in steps over the API: how far it came is told.
func TestAStepThatIsRefused(t *testing.T) {
	r := routertest.New(t, file(t, "factory7.rsc"))
	n := 0
	r.Refuse = func(command string) string {
		if strings.Contains(command, "/set ") {
			if n++; n == 3 {
				return "failure: cannot change builtin"
			}
		}
		return ""
	}
	_, err := ways(t, r)["the API"].Type(t.Context(), "/ip firewall filter set [find chain=forward] log=yes")
	if err == nil || err.Error() != `after 2 changes: the router answers "failure: cannot change builtin"` {
		t.Error(err)
	}
}

// Secrets do not leave the router.
func TestNoSecretIsRead(t *testing.T) {
	r := routertest.New(t, file(t, "factory7.rsc")+"/interface pppoe-client\nadd interface=ether1 name=pppoe-out1 user=office password=hunter2\n")
	for _, way := range []string{"the API", "REST"} {
		b, err := ways(t, r)[way].Export(t.Context())
		if err != nil || strings.Contains(string(b), "hunter2") || strings.Contains(string(b), "office") || !strings.Contains(string(b), "pppoe-out1") {
			t.Errorf("%s: %v\n%s", way, err, b)
		}
	}
}

func TestWhatIsNoRouterOS(t *testing.T) {
	r := routertest.New(t, "# RouterOS 7.17\n/ip firewall service-port\nset sip disabled=yes\n")
	r.Refuse = func(command string) string {
		if strings.HasPrefix(command, "/system") {
			return "sh: /system: not found"
		}
		return ""
	}
	c, err := mikrotik.DialConsole(t.Context(), r.SSH(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := (live.Console{Typist: c}).Export(t.Context()); !errors.Is(err, live.ErrNoRouterOS) {
		t.Error(err)
	}
}

// What a version has as its default a router that answers says itself.
func TestDefaultsAreReadAndNotAssumed(t *testing.T) {
	// No table says which udp-timeout 7.10 has; this router was upgraded from version 6.
	r := routertest.New(t, "# 2026-11-29 10:00:00 by RouterOS 7.10\n/ip firewall connection tracking\nset udp-timeout=10s\n/ip firewall filter\nadd chain=input\n")
	for way, router := range ways(t, r) {
		b, err := router.Export(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := routeros.Read(b)
		if err != nil || len(c.Faults) > 0 {
			t.Fatalf("%s: %v %v", way, err, c.Faults)
		}
		sip, _ := c.Named("/ip/firewall/service-port", "sip")
		for _, v := range []routeros.Value{c.Settings("/ip/firewall/connection/tracking").Get("udp-stream-timeout"), sip.Get("disabled"), sip.Get("ports")} {
			if v.Origin != routeros.Set || v.Line == 0 {
				t.Errorf("%s: %+v\n%s", way, v, b)
			}
		}
	}
}
