package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live/routertest"
)

// An office is a router with its password in a file, and where what is applied is noted.
type routerOffice struct {
	*routertest.Router
	password string
}

func newRouterOffice(t *testing.T, lines ...string) *routerOffice {
	t.Helper()
	b, err := os.ReadFile(shippedRouter)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Setenv("STATE_DIRECTORY", filepath.Join(dir, "state"))
	t.Setenv(passwordVar, "")
	o := &routerOffice{routertest.New(t, string(b)+strings.Join(lines, "\n")+"\n"), filepath.Join(dir, "password")}
	if err := os.WriteFile(o.password, []byte("correct\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// reach are the arguments that reach the router in one way.
func (o *routerOffice) reach(t *testing.T, scheme string) []string {
	t.Helper()
	args := []string{"", "--password-file", o.password}
	switch scheme {
	case "ssh":
		l := o.SSH(t)
		args[0] = fmt.Sprintf("admin@127.0.0.1:%d", l.Port)
		args = append(args, "--host-key", l.HostKey)
	case "https":
		a := o.REST(t)
		args[0] = fmt.Sprintf("https://admin@127.0.0.1:%d", a.Port)
		args = append(args, "--host-key", "sha256:"+a.Fingerprint)
	default:
		a := o.API(t, scheme == "apis")
		args[0] = fmt.Sprintf("%s://admin@127.0.0.1:%d", scheme, a.Port)
		if a.Fingerprint != "" {
			args = append(args, "--host-key", a.Fingerprint)
		}
	}
	return args
}

func (o *routerOffice) run(t *testing.T, typed string, reach []string, more ...string) (status int, out, errs string) {
	t.Helper()
	return router(t, typed, append(reach[:len(reach):len(reach)], more...)...)
}

var allSchemes = []string{"ssh", "api", "apis", "https"}

// Whichever way the router is read, its helper is found on, and nothing is changed.
func TestALiveRouterIsRead(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		status, out, errs := o.run(t, "", o.reach(t, scheme))
		if status != 0 || !strings.Contains(out, "routeros.sip-helper") || !strings.Contains(out, "/ip firewall service-port set sip disabled=yes") || len(o.Typed()) > 0 {
			t.Errorf("%s: %d %s%s%q", scheme, status, out, errs, o.Typed())
		}
		if clear := strings.Contains(errs, "not encrypted"); clear != (scheme == "api") {
			t.Errorf("%s: %s", scheme, errs)
		}
	}
}

// The same router gives the same facts, by every way.
func TestALiveRouterInJSON(t *testing.T) {
	facts := map[string]string{}
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		reach := o.reach(t, scheme)
		_, out, errs := o.run(t, "", reach, "--format", "json")
		var r struct {
			Inputs struct {
				On    string
				Files []string
			}
			Results []struct{ Facts map[string]any }
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%s: %v%s", scheme, err, errs)
		}
		if r.Inputs.On != reach[0] || len(r.Inputs.Files) > 0 {
			t.Errorf("%s: %+v", scheme, r.Inputs)
		}
		f := r.Results[0].Facts
		for _, p := range f["paths"].([]any) {
			delete(p.(map[string]any), "line") // terse exports have other lines than the menus
			delete(p.(map[string]any), "rule")
		}
		b, _ := json.Marshal(f)
		facts[scheme] = string(b)
		if !strings.Contains(facts[scheme], `"connections":{"most":65536,"sip_helper":0,"total":120}`) {
			t.Errorf("%s: %s", scheme, b)
		}
	}
	for scheme, f := range facts {
		if f != facts["ssh"] {
			t.Errorf("%s: %s\nssh: %s", scheme, f, facts["ssh"])
		}
	}
}

// The administrator says yes, the command is typed, and the fault is gone.
func TestAFixIsTypedIntoTheRouter(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		reach := o.reach(t, scheme)
		status, out, errs := o.run(t, "y\n", reach, "--apply")
		if status != 0 || !strings.Contains(out, "Fixed: The router's SIP helper (SIP ALG) is on.") || !strings.Contains(o.Export(), "set sip disabled=yes") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
		if safe := !strings.Contains(out, "no safe mode"); safe != (scheme == "ssh") {
			t.Errorf("%s: %s", scheme, out)
		}
		status, out, errs = o.run(t, "", reach)
		if status != 0 || strings.Contains(out, "routeros.sip-helper") {
			t.Errorf("%s afterwards: %d %s%s", scheme, status, out, errs)
		}
		status, out, errs = o.run(t, "y\n", reach, "--undo")
		if status != 0 || strings.Contains(o.Export(), "set sip disabled=yes") {
			t.Errorf("%s: undo: %d %s%s", scheme, status, out, errs)
		}
		if _, out, _ = o.run(t, "", reach, "--undo"); !strings.Contains(out, "Nothing was applied") {
			t.Errorf("%s: undo twice: %s", scheme, out)
		}
	}
}

// Every office has a router at the same address: what was done to one is not undone on
// another.
func TestTheUndoOfAnotherOffice(t *testing.T) {
	first := newRouterOffice(t)
	first.Serial = "HF1234"
	reach := first.reach(t, "ssh")
	if status, out, errs := first.run(t, "", reach, "--apply", "--yes"); status != 0 {
		t.Fatal(out, errs)
	}
	second := &routerOffice{routertest.New(t, first.Export()), first.password}
	for _, serial := range []string{"HF9999", ""} {
		second.Serial = serial
		if status, out, errs := second.run(t, "", second.reach(t, "ssh"), "--undo", "--yes"); status != 0 || !strings.Contains(out, "Nothing was applied") || len(second.Typed()) > 0 {
			t.Errorf("%q: %d %s%s%q", serial, status, out, errs, second.Typed())
		}
	}
	// The first has got another address.
	if status, out, errs := first.run(t, "", first.reach(t, "apis"), "--undo", "--yes"); status != 0 || strings.Contains(first.Export(), "set sip disabled=yes") {
		t.Errorf("%d %s%s", status, out, errs)
	}
}

// Somebody has changed what the fix changed: a person is told before it is taken back, a script
// leaves it.
func TestTheUndoOfWhatSomebodyElseChanged(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t, "/ip firewall connection tracking set udp-timeout=10s udp-stream-timeout=1m")
		reach := o.reach(t, scheme)
		if status, out, errs := o.run(t, "", reach, "--apply", "--yes"); status != 0 || !strings.Contains(o.Export(), "udp-stream-timeout=5m") {
			t.Fatalf("%s: %d %s%s%s", scheme, status, out, errs, o.Export())
		}
		o.Change(t, "/ip firewall connection tracking set udp-stream-timeout=10m")
		status, out, errs := o.run(t, "", reach, "--undo", "--yes")
		if status != 1 || !strings.Contains(out, "Somebody has changed this on the router since") || !strings.Contains(o.Export(), "udp-stream-timeout=10m") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
		status, out, errs = o.run(t, "y\ny\ny\n", reach, "--undo")
		if status != 0 || !strings.Contains(o.Export(), "udp-stream-timeout=1m") {
			t.Errorf("%s: agreed: %d %s%s%s", scheme, status, out, errs, o.Export())
		}
	}
}

func TestWithoutAYesNothingIsTyped(t *testing.T) {
	for _, typed := range []string{"n\n", "", "\n", "yep\n"} {
		o := newRouterOffice(t)
		status, out, _ := o.run(t, typed, o.reach(t, "ssh"), "--apply")
		if status != 1 || len(o.Typed()) > 0 || !strings.Contains(out, "Nothing was changed.") {
			t.Errorf("%q: %d %s%q", typed, status, out, o.Typed())
		}
	}
}

const stopsSIP = "/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060 comment=\"no SIP\" place-before=0"

// A rule that stops SIP gets an exception right before it, and the provider is reached.
func TestARuleIsPlacedOnTheRouter(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t, stopsSIP)
		reach := o.reach(t, scheme)
		status, out, errs := o.run(t, "", reach, "--apply", "--only", "accept-before-rule", "--yes")
		if status != 0 || !strings.Contains(out, "Fixed: A firewall rule") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
		if status, out, errs = o.run(t, "", reach, "--undo", "--yes"); status != 0 || strings.Contains(o.Export(), "sipdoctor") {
			t.Errorf("%s: undo: %d %s%s", scheme, status, out, errs)
		}
	}
}

// The router refuses the second command: what the first did can be undone at once.
func TestTheRouterRefusesInTheMiddle(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		o.Connect(map[string]string{".id": "*7", "protocol": "udp", "src-address": "192.168.88.10:5060", "dst-address": "203.0.113.5:5060"})
		o.Refuse = func(command string) string {
			if strings.Contains(command, "connection") && strings.Contains(command, "remove") {
				return "not enough permissions (9)"
			}
			return ""
		}
		status, out, errs := o.run(t, "y\ny\n", o.reach(t, scheme), "--apply")
		if status != 1 || !strings.Contains(out, "Stopped: command 2 of 2 failed") || !strings.Contains(out, "not enough permissions (9)") || strings.Contains(o.Export(), "set sip disabled=yes") {
			t.Errorf("%s: %d %s%s%q", scheme, status, out, errs, o.Typed())
		}
	}
}

// The router restarts, or shuts us out, in the middle.
func TestTheConnectionIsLostInTheMiddle(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		o.Connect(map[string]string{".id": "*7", "protocol": "udp", "src-address": "192.168.88.10:5060", "dst-address": "203.0.113.5:5060"})
		o.Hangs = func(command string) bool {
			return strings.Contains(command, "connection") && strings.Contains(command, "remove")
		}
		reach := o.reach(t, scheme)
		status, out, errs := o.run(t, "y\ny\n", reach, "--apply")
		if status != 1 || !strings.Contains(out, "Command 2 of 2 was not answered (the connection to the router was lost") || !strings.Contains(out, "sipdoctor router "+reach[0]+" --undo") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
		if kept := strings.Contains(o.Export(), "set sip disabled=yes"); kept == (scheme == "ssh") {
			t.Errorf("%s: kept %v", scheme, kept)
		}
		o.Hangs = nil
		if status, out, errs = o.run(t, "", reach, "--undo", "--yes"); status != 0 || strings.Contains(o.Export(), "set sip disabled=yes") {
			t.Errorf("%s: undo: %d %s%s", scheme, status, out, errs)
		}
	}
}

// The router restarts after the last command: what was typed is not verified, and how it is
// undone is said.
func TestTheConnectionIsLostBeforeItIsVerified(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t)
		o.Hangs = func(command string) bool {
			return strings.Contains(command, "/system") && strings.Contains(o.ExportLocked(), "set sip disabled=yes")
		}
		reach := o.reach(t, scheme)
		status, out, errs := o.run(t, "", reach, "--apply", "--yes")
		if status != 3 || strings.Contains(out, "Fixed") || !strings.Contains(out, "To undo it: sipdoctor router "+reach[0]+" --undo") || !strings.Contains(errs, "checking again after the fixes") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
		o.Hangs = nil
		if status, out, errs = o.run(t, "", reach, "--undo", "--yes"); status != 0 || strings.Contains(o.Export(), "set sip disabled=yes") {
			t.Errorf("%s: undo: %d %s%s", scheme, status, out, errs)
		}
	}
}

func TestPhonesThatKeepTheHelper(t *testing.T) {
	for _, scheme := range allSchemes {
		o := newRouterOffice(t, "/ip firewall service-port set sip disabled=yes")
		o.Connect(map[string]string{".id": "*7", "protocol": "udp", "src-address": "192.168.88.10:5060", "dst-address": "203.0.113.5:5060", "connection-type": "sip"})
		status, out, errs := o.run(t, "y\n", o.reach(t, scheme), "--apply")
		if status != 0 || !strings.Contains(out, "Fixed: One connection is still read by the SIP helper") {
			t.Errorf("%s: %d %s%s", scheme, status, out, errs)
		}
	}
}

func TestSomebodyElseChangesTheRouter(t *testing.T) {
	o := newRouterOffice(t)
	o.Hijacked = true
	status, out, _ := o.run(t, "y\n", o.reach(t, "ssh"), "--apply")
	if status != 1 || !strings.Contains(out, "somebody else is changing the router in safe mode") || len(o.Typed()) > 0 || o.Keys() != "d" {
		t.Errorf("%d %s%q", status, out, o.Typed())
	}
}

// A person may go on without safe mode where there is none, a script may not.
func TestAConsoleWithoutSafeMode(t *testing.T) {
	for name, tt := range map[string]struct {
		typed  string
		more   []string
		status int
	}{
		"yes, and yes":     {"y\ny\n", nil, 0},
		"yes, but not so":  {"y\nn\n", nil, 1},
		"nobody was asked": {"", []string{"--yes"}, 1},
	} {
		o := newRouterOffice(t)
		o.NoSafe = true
		status, out, errs := o.run(t, tt.typed, o.reach(t, "ssh"), append(tt.more, "--apply")...)
		if status != tt.status || (status == 0) != strings.Contains(o.Export(), "set sip disabled=yes") || (status != 0) != (len(o.Typed()) == 0) {
			t.Errorf("%s: %d %s%s%q", name, status, out, errs, o.Typed())
		}
	}
}

// Each is one line, nothing is tried twice, and the status says that it is nobody's network
// that is broken.
func TestARouterThatCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		scheme string
		spoil  func(o *routerOffice, reach []string) []string
		says   string
		logins int
	}{
		"a wrong password over SSH": {"ssh", wrongPassword, "takes none of the keys and passwords", 1},
		"a wrong password":          {"api", wrongPassword, "offered once", 1},
		"a wrong password by REST":  {"https", wrongPassword, "offered once", 1},
		"another host key":          {"ssh", otherKey("SHA256:" + strings.Repeat("A", 43)), "is not the one that is known", 0},
		"another certificate":       {"apis", otherKey(strings.Repeat("0", 64)), "is another one", 0},
		"a certificate of nobody":   {"https", func(_ *routerOffice, reach []string) []string { return reach[:3] }, "--host-key sha256:", 0},
		"no password":               {"https", func(_ *routerOffice, reach []string) []string { return append(reach[:1:1], reach[3:]...) }, "no password for https://admin@", 0},
		"no router there": {"api", func(_ *routerOffice, reach []string) []string {
			return append([]string{"api://admin@127.0.0.1:1"}, reach[1:]...)
		}, "connection refused", 0},
		"a router that restarts": {"ssh", func(o *routerOffice, reach []string) []string {
			o.Hangs = func(command string) bool { return strings.HasPrefix(command, "/export") }
			return reach
		}, "connection to the router was lost", 1},
		"no RouterOS": {"ssh", func(o *routerOffice, reach []string) []string {
			o.Refuse = func(string) string { return "sh: not found" }
			return reach
		}, "this is not RouterOS", 1},
		"no right to export": {"ssh", func(o *routerOffice, reach []string) []string {
			o.Refuse = func(command string) string {
				if strings.HasPrefix(command, "/export") {
					return "not enough permissions (9)"
				}
				return ""
			}
			return reach
		}, "not enough permissions (9)", 1},
	} {
		o := newRouterOffice(t)
		reach := tt.spoil(o, o.reach(t, tt.scheme))
		status, out, errs := o.run(t, "", reach)
		errs = strings.TrimSpace(strings.ReplaceAll(errs, "\n  ", " "))
		if i := strings.LastIndex(errs, "sipdoctor: "); tt.scheme == "api" && i > 0 {
			errs = errs[i:] // after the note about encryption
		}
		if status != 3 || out != "" || !strings.Contains(errs, tt.says) || strings.Contains(errs, "\n") || o.Logins() != tt.logins {
			t.Errorf("%s: %d after %d logins: %s%s", name, status, o.Logins(), out, errs)
		}
	}
}

func wrongPassword(o *routerOffice, reach []string) []string {
	_ = os.WriteFile(o.password, []byte("wrong"), 0o600)
	return reach
}

func otherKey(key string) func(*routerOffice, []string) []string {
	return func(_ *routerOffice, reach []string) []string { return append(reach[:3:3], "--host-key", key) }
}

// A saved report of a router says how its fixes are run.
func TestTheReportOfALiveRouter(t *testing.T) {
	o := newRouterOffice(t)
	file := filepath.Join(t.TempDir(), "report.json")
	reach := o.reach(t, "ssh")
	if status, _, errs := o.run(t, "", reach, "--format", "json", "--output", file); status != 0 {
		t.Fatal(errs)
	}
	var out, errs bytes.Buffer
	if status := run(context.Background(), []string{"fix", file}, nil, &out, &errs); status != 0 || !strings.Contains(out.String(), "sipdoctor router "+reach[0]+" --apply --only 1") {
		t.Errorf("%d %s%s", status, out.String(), errs.String())
	}
	if status := run(context.Background(), []string{"fix", file, "--apply", "--yes"}, nil, &out, &errs); status != 2 || len(o.Typed()) > 0 {
		t.Errorf("%d %s%q", status, errs.String(), o.Typed())
	}
}

// Strangers see neither who logs in to the router nor who phones through it.
func TestARedactedLiveRouter(t *testing.T) {
	o := newRouterOffice(t, "/ip firewall service-port set sip disabled=yes")
	o.User = "ivanov"
	o.Connect(map[string]string{".id": "*7", "protocol": "udp", "src-address": "192.168.88.10:5060", "dst-address": "203.0.113.5:5060", "connection-type": "sip"})
	for _, scheme := range allSchemes {
		reach := o.reach(t, scheme)
		reach[0] = strings.Replace(reach[0], "admin@", "ivanov@", 1)
		for _, format := range []string{"json", "text", "markdown"} {
			status, out, errs := o.run(t, "", reach, "--redact", "--format", format)
			if status != 0 || out == "" || !strings.Contains(out, "helper-connections") || strings.Contains(out, "ivanov") || strings.Contains(out, "203.0.113.5") || strings.Contains(out, "192.168.88.10") {
				t.Errorf("%s, %s: %d %s%s", scheme, format, status, out, errs)
			}
		}
	}
}
