package routeros

import (
	"io"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// live is a router that was read with its connections.
func live(t *testing.T, text string, c *ros.Connections) checks.Result {
	t.Helper()
	f := checks.File{Name: "admin@192.168.88.1", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	return run(t, &checks.Env{Files: []checks.File{f}, Connections: c})
}

func TestConnectionsKeepTheHelperThatWasSwitchedOff(t *testing.T) {
	const off = "/ip firewall service-port set sip disabled=yes"
	helped := &ros.Connections{HelpedTotal: 12, Helped: []ros.Connection{{Protocol: "udp", Source: "192.168.88.10:5060", Destination: "203.0.113.5:5060", Timeout: "59m10s", Type: "sip"}}}
	for name, tt := range map[string]struct {
		lines []string
		seen  *ros.Connections
		want  string
	}{
		"off, and twelve phones go on":    {[]string{off}, helped, "w helper-connections"},
		"off, and none goes on":           {[]string{off}, &ros.Connections{}, ""},
		"off, and the router is silent":   {[]string{off}, nil, ""},
		"on, which says more":             {nil, helped, "w sip-helper"},
		"on without any connection of it": {nil, &ros.Connections{}, "w sip-helper"},
	} {
		r := live(t, exported(t, "factory7.rsc", tt.lines...), tt.seen)
		if got := ids(r); got != tt.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	r := live(t, exported(t, "factory7.rsc", off), helped)
	f := r.Findings[0]
	if f.Title != "12 connections are still read by the SIP helper, which is off" || len(f.Evidence) != 2 || string(f.Evidence[1].Got) != `"connection-type=sip timeout=59m10s"` {
		t.Errorf("%s: %+v", f.Title, f.Evidence)
	}
	if len(f.Fixes) != 1 || f.Fixes[0].Commands[0] != endHelped || len(f.Fixes[0].Undo) > 0 {
		t.Errorf("%+v", f.Fixes)
	}
}

func TestATableOfConnectionsThatFillsUp(t *testing.T) {
	const off = "/ip firewall service-port set sip disabled=yes"
	for total, want := range map[int]string{799: "", 800: "w table-full", 949: "w table-full", 950: "c table-full"} {
		most := 1000
		r := live(t, exported(t, "factory7.rsc", off), &ros.Connections{Total: &total, Most: &most})
		if got := ids(r); got != want {
			t.Errorf("%d of %d: %q, want %q", total, most, got, want)
		}
	}
	zero, some := 0, 10
	if got := ids(live(t, exported(t, "factory7.rsc", off), &ros.Connections{Total: &some, Most: &zero})); got != "" {
		t.Errorf("a router that does not tell its limit: %s", got)
	}
}

// The fix that is printed ends these connections, and no others.
func TestTheFixEndsTheConnectionsOfTheHelper(t *testing.T) {
	cfg, err := ros.Read([]byte(exported(t, "factory7.rsc")))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Refresh(ros.MenuRows{Path: "/ip/firewall/connection", Rows: []map[string]string{
		{".id": "*1", "protocol": "udp", "connection-type": "sip"}, {".id": "*2", "protocol": "tcp", "connection-type": "ftp"}, {".id": "*3", "protocol": "udp"},
	}})
	if _, err := cfg.Console().Type(endHelped); err != nil || len(cfg.Menu("/ip/firewall/connection").Items) != 2 {
		t.Errorf("%v: %d are left", err, len(cfg.Menu("/ip/firewall/connection").Items))
	}
}
