package netinfo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuiltInProfilesCanBeRead(t *testing.T) {
	list, err := readProfiles(profileFiles, "profiles")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 15 {
		t.Errorf("only %d profiles", len(list))
	}
	for _, p := range list {
		for _, text := range append(p.Notes, p.Title, p.Source) {
			if strings.ContainsAny(text, "\n!\x1b") {
				t.Errorf("%s: %q", p.Name, text)
			}
		}
	}
}

func TestAProfileIsFoundByItsName(t *testing.T) {
	p, err := LoadProfile("Telnyx")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.SIP {
		got = append(got, s.Transport+" "+s.Address())
	}
	want := []string{"udp sip.telnyx.com:5060", "tcp sip.telnyx.com:5060", "tls sip.telnyx.com:5061"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p.SIP[0].Host = "spoilt"
	if again, _ := LoadProfile("telnyx"); again.SIP[0].Host == "spoilt" {
		t.Error("a caller changed the built-in profile")
	}
	if p, err := LoadProfile("megafon-vats"); err != nil || !p.SIPALGMustBeOff {
		t.Errorf("MegaFon VATS asks for the ALG to be off: %+v %v", p, err)
	}
}

func TestAnUnknownProfileNamesTheKnown(t *testing.T) {
	_, err := LoadProfile("telnix")
	if err == nil || !strings.Contains(err.Error(), `no profile is called "telnix"; there are 3cx, `) || !strings.Contains(err.Error(), "telnyx") {
		t.Errorf("got %v", err)
	}
	if _, err := LoadProfile(""); err == nil {
		t.Error("no name at all was accepted")
	}
}

const officeProfile = `name: my-pbx
title: Our own PBX
sip:
  - {host: pbx.example.net, transport: tls}
  - {host: 2001:db8::7, transport: udp, port: 5080}
stun:
  - stun.example.net:3478
source: the administrator
checked: 2026-11-22
`

func TestAProfileOfOnesOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "my-pbx.yaml")
	if err := os.WriteFile(file, []byte(officeProfile), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := LoadProfile(file)
	if err != nil {
		t.Fatal(err)
	}
	if p.SIP[0].Address() != "pbx.example.net:5061" || p.SIP[1].Address() != "[2001:db8::7]:5080" || p.SIPALGMustBeOff {
		t.Errorf("%+v", p)
	}
	if _, err := LoadProfile(filepath.Join(t.TempDir(), "gone.yaml")); err == nil || !strings.HasPrefix(err.Error(), "reading the profile: open ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestABadProfileIsRefusedByFileAndLine(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"an unknown key", "stun:", "stum:", "my-pbx.yaml: yaml: unmarshal errors:\n  line 6: field stum not found in type netinfo.Profile"},
		{"a port that is text", "port: 5080", "port: sip", "my-pbx.yaml: yaml: unmarshal errors:\n  line 5: cannot unmarshal !!str `sip` into int"},
		{"a port too high", "port: 5080", "port: 70000", "my-pbx.yaml:5: sip 1 port: 70000 is no port"},
		{"a transport nobody has", "transport: udp", "transport: carrier-pigeon", `my-pbx.yaml:5: sip 1 transport: "carrier-pigeon" is none of udp, tcp, tls`},
		{"a host that is a command", "pbx.example.net", `"x; reboot"`, `my-pbx.yaml:4: sip 0 host: "x; reboot" is no host name or address`},
		{"a host forgotten", "host: pbx.example.net, ", "", `my-pbx.yaml:4: sip 0 host: "" is no host name or address`},
		{"a STUN server without port", "stun.example.net:3478", "stun.example.net", `my-pbx.yaml:7: stun 0: "stun.example.net" is not host:port`},
		{"no source", "source: the administrator\n", "", "my-pbx.yaml:1: source: must name a page or a public document"},
		{"a date that is none", "2026-11-22", "yesterday", "my-pbx.yaml:9: checked: must be a date like 2026-11-22"},
		{"the name of another", "name: my-pbx", "name: your-pbx", `my-pbx.yaml:1: name: is "your-pbx", the file's name says "my-pbx"`},
		{"an empty file", officeProfile, "", "my-pbx.yaml: the file is empty"},
		{"two documents", "checked: 2026-11-22\n", "checked: 2026-11-22\n---\nname: x\n", "my-pbx.yaml: there must be one YAML document and nothing after it"},
		{"no YAML at all", officeProfile, "{", "my-pbx.yaml: yaml: line 1: did not find expected node content"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseProfile("my-pbx.yaml", []byte(strings.Replace(officeProfile, tt.old, tt.new, 1)))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(officeProfile))
	f.Add([]byte("name: a\nsip: [{}]\nchecked: 2026-11-22"))
	f.Add([]byte("sip: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProfile("my-pbx.yaml", b)
		if err != nil {
			return
		}
		for _, s := range p.SIP {
			if strings.ContainsAny(s.Address(), " ;\n\x1b'\"") {
				t.Errorf("%q passed", s.Address())
			}
		}
	})
}
