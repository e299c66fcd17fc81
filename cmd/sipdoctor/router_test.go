package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// router runs the command on the export of a router as it is shipped.
func router(t *testing.T, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(context.Background(), append([]string{"router"}, args...), strings.NewReader(in), &o, &e)
	return status, o.String(), e.String()
}

const shippedRouter = "../../netinfo/routeros/testdata/factory7.rsc"

func TestARouterIsRead(t *testing.T) {
	b, err := os.ReadFile(shippedRouter)
	if err != nil {
		t.Fatal(err)
	}
	blocked := string(b) + "/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060 place-before=0\n"
	for name, tt := range map[string]struct {
		in     string
		args   []string
		status int
		says   string
	}{
		"as shipped":           {"", []string{shippedRouter}, 0, "disabled=yes"},
		"from a pipe":          {string(b), []string{"-"}, 0, "disabled=yes"},
		"in Russian":           {string(b), []string{"-", "--lang", "ru"}, 0, "помощник SIP"},
		"for a provider":       {string(b), []string{"-", "--profile", "megafon-vats"}, 1, "MegaFon"},
		"with SIP stopped":     {blocked, []string{"-"}, 1, "place-before=[find where !dynamic and chain=forward and action=drop and protocol=udp]"},
		"through Windows":      {"\ufeff" + strings.ReplaceAll(string(b), "\n", "\r\n"), []string{"-"}, 0, "disabled=yes"},
		"of a single menu":     {"# by RouterOS 7.17\n/ip firewall service-port\nset sip disabled=yes\n", []string{"-"}, 4, "UDP mappings"},
		"a backup":             {"\x88\xac\xa1\xb1 and so on", []string{"-"}, 2, "/export file=NAME"},
		"prose":                {"hello\n", []string{"-"}, 2, "not a RouterOS export"},
		"nothing":              {"", []string{"-"}, 2, "not a RouterOS export"},
		"no file":              {"", nil, 2, "router takes one FILE"},
		"two files":            {"", []string{shippedRouter, shippedRouter}, 2, "router takes one FILE"},
		"a folder":             {"", []string{t.TempDir()}, 2, "router takes one FILE"},
		"a router alone":       {"", []string{"192.168.88.1:22"}, 2, "admin@192.168.88.1"},
		"an address alone":     {"", []string{"192.168.88.1"}, 2, "admin@192.168.88.1"},
		"nobody's API":         {"", []string{"api://192.168.88.1"}, 2, "api://USER@HOST"},
		"without encryption":   {"", []string{"http://admin@192.168.88.1"}, 2, "https://"},
		"by another protocol":  {"", []string{"telnet://admin@192.168.88.1"}, 2, "apis://"},
		"with its password":    {"", []string{"api://admin:hunter2@192.168.88.1"}, 2, "seen by everybody"},
		"no host":              {"", []string{"api://admin@-x"}, 2, "is no host"},
		"a twin that changes":  {"", []string{"admin@192.0.2.1", "--twin", "--apply"}, 2, "either --twin or --apply"},
		"a file to change":     {"", []string{shippedRouter, "--apply"}, 2, "--apply goes with a router that answers"},
		"both ways":            {"", []string{"api://admin@192.0.2.1", "--apply", "--undo"}, 2, "--undo"},
		"changes in JSON":      {"", []string{"api://admin@192.0.2.1", "--apply", "--format", "json"}, 2, "--format text"},
		"one and only":         {"", []string{"api://admin@192.0.2.1", "--only", "1"}, 2, "--only goes with --apply"},
		"a key of an API":      {"", []string{"api://admin@192.0.2.1", "--host-key", "SHA256:x"}, 2, "neither a key"},
		"no fingerprint":       {"", []string{"apis://admin@192.0.2.1", "--host-key", "SHA256:x"}, 2, "64 hex digits"},
		"a key for an API":     {"", []string{"apis://admin@192.0.2.1", "--identity", "id"}, 2, "goes with SSH"},
		"a twofold input":      {"", []string{"api://admin@192.0.2.1", "--apply", "--password-file", "-"}, 2, "--yes"},
		"a file that is lost":  {"", []string{"lost.rsc"}, 2, "lost.rsc"},
		"with its PBX":         {"", []string{shippedRouter, "--pbx", "192.168.88.10"}, 0, "disabled=yes"},
		"a PBX by its name":    {"", []string{shippedRouter, "--pbx", "pbx.example.net"}, 2, "IPv4 address"},
		"a profile of nowhere": {"", []string{shippedRouter, "--profile", "nowhere"}, 2, "nowhere"},
	} {
		status, out, errs := router(t, tt.in, tt.args...)
		if status != tt.status || !strings.Contains(out+errs, tt.says) || status == 2 && strings.Count(strings.TrimSpace(errs), "\n") > 0 {
			t.Errorf("%s: %d %s%s", name, status, out, errs)
		}
	}
}

func TestARouterInJSON(t *testing.T) {
	_, out, _ := router(t, "", shippedRouter, "--format", "json")
	var r struct {
		Command string
		Results []struct {
			Check string
			Facts struct {
				Version string
				Helper  struct{ Enabled bool } `json:"sip_helper"`
				Stream  int                    `json:"udp_stream_timeout_s"`
				Paths   []struct{ Direction, Verdict string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	f := r.Results[0].Facts
	if r.Command != "router" || r.Results[0].Check != "routeros" || f.Version != "7.17.2" || !f.Helper.Enabled || f.Stream != 180 || len(f.Paths) != 6 {
		t.Errorf("%+v", r)
	}
}

// What a customer sends is recognised, also compressed.
func TestAnExportIsRecognised(t *testing.T) {
	b, err := os.ReadFile(shippedRouter)
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	for name, data := range map[string][]byte{"mail.txt": b, "mail.gz": z.Bytes()} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if status := run(context.Background(), []string{"diagnose", file}, nil, &out, &errs); status != 0 || !strings.Contains(errs.String(), "a RouterOS export") || !strings.Contains(out.String(), "routeros.sip-helper") {
			t.Errorf("%s: %d %s%s", name, status, out.String(), errs.String())
		}
	}
}
