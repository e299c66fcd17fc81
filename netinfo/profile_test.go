package netinfo

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func TestBuiltInProfilesCanBeRead(t *testing.T) {
	files, err := fs.Glob(profileFiles, "profiles/*")
	if err != nil || len(files) < 15 {
		t.Fatalf("only %d profiles: %v", len(files), err)
	}
	for _, name := range files {
		b, err := profileFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseProfile(name, b); err != nil {
			t.Error(err)
		}
	}
	list := Profiles()
	if len(list) != len(files) {
		t.Errorf("%d profiles of %d files", len(list), len(files))
	}
	for _, p := range list {
		texts := []string{p.Title, p.Source}
		for _, n := range p.Notes {
			texts = append(texts, n[words.English], n[words.Russian])
		}
		for _, text := range texts {
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

// What a block does not say it inherits; what it says stays.
func TestEveryValueHasASourceAndADate(t *testing.T) {
	for _, p := range Profiles() {
		origins := []Origin{p.Origin, p.Client.Origin}
		for _, x := range p.Serves {
			origins = append(origins, x.Origin)
		}
		for _, x := range p.SIP {
			origins = append(origins, x.Origin)
		}
		for _, x := range p.Subnets {
			origins = append(origins, x.Origin)
		}
		for _, x := range p.Ports {
			origins = append(origins, x.Origin)
		}
		for _, x := range p.RTP {
			origins = append(origins, x.Origin)
		}
		for _, x := range p.Conflicts {
			origins = append(origins, x.Origin)
		}
		for _, o := range origins {
			if o.Source == "" || o.Checked == "" {
				t.Errorf("%s: %+v", p.Name, o)
			}
		}
	}
	p, err := LoadProfile("zadarma")
	if err != nil {
		t.Fatal(err)
	}
	if p.Subnets[0].Checked != "2026-07-31" || p.Subnets[0].Source != p.Source || p.Checked == p.Subnets[0].Checked {
		t.Errorf("%+v", p.Subnets[0])
	}
}

// The example that people copy is a sound profile.
func TestTheExampleInTheDocumentIsSound(t *testing.T) {
	doc, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(doc), "\r\n", "\n"), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if mistakes := LintProfile("my-provider.yaml", []byte(example)); !ok || len(mistakes) != 0 {
		t.Errorf("%v", mistakes)
	}
}

func TestThePromisedProvidersAreThere(t *testing.T) {
	for name := range strings.FieldsSeq(`megafon-vats multifon ringostat sipnet zadarma mango-office twilio telnyx ringcentral
		teams-direct-routing zoom-phone vonage 8x8 voip-ms sipgate didww plivo bandwidth flowroute ovh 3cx asterisk freepbx freeswitch`) {
		if _, err := LoadProfile(name); err != nil {
			t.Error(err)
		}
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
		{"an unknown key", "stun:", "stum:", "my-pbx.yaml:6: stum: unknown key"},
		{"a port that is text", "port: 5080", "port: sip", `my-pbx.yaml:5: sip 1 port: "sip" is not a whole number`},
		{"a port too high", "port: 5080", "port: 70000", "my-pbx.yaml:5: sip 1 port: 70000 is not a port number"},
		{"a transport nobody has", "transport: udp", "transport: carrier-pigeon", `my-pbx.yaml:5: sip 1 transport: "carrier-pigeon" is none of udp, tcp, tls, ws, wss`},
		{"a host that is a command", "pbx.example.net", `"x; reboot"`, `my-pbx.yaml:4: sip 0 host: "x; reboot" is not a host name or address`},
		{"a host forgotten", "host: pbx.example.net, ", "", `my-pbx.yaml:4: sip 0 host: "" is not a host name or address`},
		{"a STUN server without port", "stun.example.net:3478", "stun.example.net", `my-pbx.yaml:7: stun 0: "stun.example.net" is not host:port`},
		{"a network with host bits", "stun:\n", "subnets: [{cidr: 192.0.2.1/24, use: any}]\nstun:\n", `my-pbx.yaml:6: subnets 0 cidr: "192.0.2.1/24" is an address inside a network; the network is 192.0.2.0/24`},
		{"the whole Internet", "stun:\n", "subnets: [{cidr: 0.0.0.0/0, use: any}]\nstun:\n", `my-pbx.yaml:6: subnets 0 cidr: "0.0.0.0/0" is the whole Internet`},
		{"a network twice", "stun:\n", "subnets: [{cidr: 192.0.2.1, use: any}, {cidr: 192.0.2.1/32, use: any}]\nstun:\n", `my-pbx.yaml:6: subnets 1 cidr: 192.0.2.1/32 stands twice`},
		{"a range the wrong way round", "stun:\n", "rtp: [{range: 20000-10000}]\nstun:\n", `my-pbx.yaml:6: rtp 0 range: the range ends (10000) before it begins (20000); write 10000-20000`},
		{"port zero", "stun:\n", "rtp: [{range: 0-10}]\nstun:\n", `my-pbx.yaml:6: rtp 0 range: port "0" is not a port number (1-65535); write FIRST-LAST, such as 10000-65535`},
		{"a country in words", "stun:\n", "serves: [{countries: [Russia]}]\nstun:\n", `my-pbx.yaml:6: serves 0 countries 0: "Russia" is not a country code of two capitals, like RU`},
		{"a registration every century", "stun:\n", "client: {registration_s: 3153600000}\nstun:\n", `my-pbx.yaml:6: client registration_s: 3153600000 is not a number of seconds from 1 to 86400`},
		{"two opinions on the ALG", "stun:\n", "sip_alg_must_be_off: true\nclient: {sip_alg: on}\nstun:\n", `my-pbx.yaml:6: sip_alg_must_be_off: client says sip_alg "on"`},
		{"a conflict about nothing", "stun:\n", "conflicts: [{about: weather, says: rain}]\nstun:\n", `my-pbx.yaml:6: conflicts 0 about: "weather" is not a key of a profile`},
		{"a source of something else", "stun:\n", "sources: {weather: the radio}\nstun:\n", `my-pbx.yaml:6: sources weather: only stun, codecs, domain and notes have their source here`},
		{"the same key twice", "stun:\n", "title: Another\nstun:\n", `my-pbx.yaml:6: title: stands in line 2 already`},
		{"text where a list should be", "stun:\n", "codecs: PCMA\nstun:\n", `my-pbx.yaml:6: codecs: must be a list`},
		{"a list where text should be", "title: Our own PBX", "title: [Our own PBX]", `my-pbx.yaml:2: title: must be a single value`},
		{"a key without a value", "title: Our own PBX", "title:", `my-pbx.yaml:2: title: has no value`},
		{"an alias", "title: Our own PBX", "title: &t Our own PBX", `my-pbx.yaml:2: title: anchors and aliases are not for profiles`},
		{"several mistakes", "stun:\n", "codecs: PCMA\nrtp: 5\nstun:\n", `my-pbx.yaml:6: codecs: must be a list (and 1 more; "sipdoctor profiles lint" lists all)`},
		{"no source", "source: the administrator\n", "", "my-pbx.yaml:1: source: must name a page or a public document"},
		{"a date that is none", "2026-11-22", "yesterday", "my-pbx.yaml:9: checked: must be a date like 2026-11-22"},
		{"the name of another", "name: my-pbx", "name: your-pbx", `my-pbx.yaml:1: name: is "your-pbx", the file's name says "my-pbx"`},
		{"an empty file", officeProfile, "", "my-pbx.yaml:1: the file is empty"},
		{"two documents", "checked: 2026-11-22\n", "checked: 2026-11-22\n---\nname: x\n", "my-pbx.yaml:1: there must be one YAML document and nothing after it"},
		{"no YAML at all", officeProfile, "{", "my-pbx.yaml:1: yaml: line 1: did not find expected node content"},
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
	f.Add([]byte("subnets: [{cidr: 192.0.2.0/24, use: any}]\nports: [{protocol: udp, ports: [1-2], use: other, for: x}]\nrtp: [{range: 3}]\nclient: {stun: off}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProfile("my-pbx.yaml", b)
		mistakes := LintProfile("my-pbx.yaml", b)
		if (err == nil) != (len(mistakes) == 0) {
			t.Fatalf("parse says %v, lint %v", err, mistakes)
		}
		for _, m := range mistakes {
			if m.Line < 1 || m.Text == "" {
				t.Errorf("%+v", m)
			}
		}
		if err != nil {
			return
		}
		for _, n := range p.Subnets {
			if !n.Prefix().IsValid() {
				t.Errorf("%q passed", n.CIDR)
			}
		}
		for _, s := range p.SIP {
			if strings.ContainsAny(s.Address(), " ;\n\x1b'\"") {
				t.Errorf("%q passed", s.Address())
			}
		}
	})
}

func TestThePublicSIPServersAreThoseOfProviders(t *testing.T) {
	list := PublicSIPServers()
	if len(list) < 5 {
		t.Errorf("only %v", list)
	}
	for _, at := range list {
		if _, port, err := net.SplitHostPort(at); err != nil || port == "5061" {
			t.Errorf("%s is not the address of SIP over UDP", at)
		}
	}
}

// Whoever writes a profile for others says everything in both languages; a profile
// of one's own may do with one.
func TestProfilesInBothLanguages(t *testing.T) {
	for _, p := range Profiles() {
		texts := slices.Clone(p.Notes)
		for _, h := range p.SIP {
			texts = append(texts, h.Note)
		}
		for _, n := range p.Subnets {
			texts = append(texts, n.Note)
		}
		for _, r := range p.RTP {
			texts = append(texts, r.Note)
		}
		for _, c := range p.Conflicts {
			texts = append(texts, c.Says)
		}
		for _, v := range p.Serves {
			texts = append(texts, v.What)
		}
		for _, text := range texts {
			if text != nil && (cyrillic.MatchString(text[words.English]) || !cyrillic.MatchString(text[words.Russian])) {
				t.Errorf("%s: %v", p.Name, text)
			}
		}
	}
	for note, want := range map[string]string{
		"plain":                      "",
		"{en: one, ru: один}":        "",
		"{en: one}":                  "notes 0: has no text in ru",
		"{en: one, ru: }":            "notes 0 ru: has no value",
		"{en: one, ru: a, de: zwei}": "notes 0 de: unknown key",
		"[one]":                      "notes 0: must be a block of keys and values",
	} {
		text := "name: my-pbx\ntitle: Mine\nnotes: [" + note + "]\nsource: me\nchecked: 2026-11-22\n"
		got := ""
		for _, m := range LintProfile("my-pbx.yaml", []byte(text)) {
			if strings.HasPrefix(m.Key, "notes") {
				got = m.String()
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", note, got, want)
		}
	}
}
