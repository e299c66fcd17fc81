package asterisk

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

func bundle(t *testing.T, dir string) platform.System {
	t.Helper()
	sys, err := platform.OpenBundle("testdata/" + dir)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// Asterisk 16.28 with both drivers answered: configuration and live state make
// one picture.
func TestAServerWithBothDrivers(t *testing.T) {
	s, notes := Read(context.Background(), bundle(t, "asterisk16"))
	if s == nil || len(notes) > 0 {
		t.Fatalf("state %v, notes %q", s, notes)
	}
	if !s.Running || s.Version != "16.28.0~dfsg-0+deb11u4" || s.FreePBX {
		t.Errorf("running %v, version %q, FreePBX %v", s.Running, s.Version, s.FreePBX)
	}
	diff(t, "media", s.RTP, RTP{First: 10000, Last: 20000, From: "rtp show settings", Strict: "yes", ICE: "yes", STUN: "192.0.2.53"})
	var sockets []string
	for _, tr := range s.Transports {
		sockets = append(sockets, fmt.Sprint(tr.Driver, " ", tr.Protocol, " ", tr.Bind, " ", tr.Running, " ", tr.ExternalMedia, " ", tr.LocalNets))
	}
	diff(t, "sockets", sockets, []string{
		"pjsip udp 0.0.0.0:5060 true 203.0.113.10 [192.168.88.0/24 10.8.0.0/24]",
		"pjsip tcp 0.0.0.0:5060 true  []",
		"chan_sip udp 0.0.0.0:5062 true  [192.168.88.0/24]",
	})
	diff(t, "registrations", s.Registrations, []Registration{
		{Driver: pjsip, Name: "itsp-reg", Server: "sip.a-provider-with-a-very-long-name.example.com", Port: 5060, Status: "Unregistered"},
		{Driver: chanSIP, Name: "74956639622", Server: "198.51.100.30", Status: "Request Sent"},
	}, cmpopts.IgnoreFields(Registration{}, "At"))
	var trunks []string
	for _, tr := range s.Trunks() {
		trunks = append(trunks, tr.Name+" "+tr.Host+" "+tr.Why)
	}
	for _, want := range []string{"itsp-reg sip.a-provider-with-a-very-long-name.example.com registration", "itsp 198.51.100.0/28 identify", "itsp 198.51.100.20 static contact", "trunk 198.51.100.31 peer host"} {
		if !slices.Contains(trunks, want) {
			t.Errorf("the trunks %q lack %q", trunks, want)
		}
	}
	diff(t, "security log", s.WritesTo("security"), []string(nil))
	if s.DateFormat != "%F %T" {
		t.Errorf("date format %q", s.DateFormat)
	}
}

// The listing cuts long names; the registrar's database has them whole.
func TestPhonesBehindOneAddressAreCounted(t *testing.T) {
	for _, version := range []string{"asterisk16", "asterisk22"} {
		s, _ := Read(context.Background(), bundle(t, version))
		var names []string
		for _, c := range s.Sharing(netip.MustParsePrefix("192.168.88.21/32")) {
			names = append(names, c.AOR+" at "+c.Addr.String()+" "+c.Agent)
			if c.Expires.Before(time.Unix(1_700_000_000, 0)) || c.Static {
				t.Errorf("%s: %+v is registered until a time of its own", version, c)
			}
		}
		diff(t, version, names, []string{
			"130 at 192.168.88.21:40001 Yealink SIP-T46S 66.85.0.5",
			"131-reception-desk-with-a-long-name at 192.168.88.21:40002 Yealink SIP-T46S 66.85.0.5",
		})
		long := s.Sharing(netip.MustParsePrefix("2001:db8::/32"))
		if len(long) != 1 || !long[0].Static {
			t.Errorf("%s: the desk with an IPv6 address: %+v", version, long)
		}
	}
}

// chan_sip is gone in Asterisk 22: its commands are answered with a sentence
// and a good status, and rtp.conf was changed without a reload.
func TestANewServerWithoutTheOldDriver(t *testing.T) {
	s, notes := Read(context.Background(), bundle(t, "asterisk22"))
	if s == nil || len(notes) > 0 {
		t.Fatalf("state %v, notes %q", s, notes)
	}
	diff(t, "media", s.RTP, RTP{First: 10000, Last: 20000, From: "rtp show settings", Configured: "30000-40000", Strict: "yes", ICE: "yes"})
	for _, tr := range s.Transports {
		if tr.Driver == chanSIP {
			t.Errorf("a socket of chan_sip: %+v", tr)
		}
	}
	diff(t, "logs", s.Logs, []LogChannel{{File: "/var/log/asterisk/messages.log", Levels: []string{"notice", "warning", "error"}, Running: true}})
}

func TestWhoIsRefusedByWhichLine(t *testing.T) {
	s, _ := Read(context.Background(), bundle(t, "asterisk16"))
	for _, c := range []struct {
		name, asked string
		want        []string
	}{
		{"a phone in the office", "192.168.88.20/32", nil},
		{"the phone that the template names with a bang", "192.168.88.66/32", []string{
			"endpoint [110 111 112-a-long-endpoint-name-for-the-front-desk] permit=192.168.88.0/24,!192.168.88.66 /etc/asterisk/pjsip.conf:26 partly false"}},
		{"a phone at home", "203.0.113.50/32", []string{
			"endpoint [110 111 112-a-long-endpoint-name-for-the-front-desk] deny=0.0.0.0/0.0.0.0 /etc/asterisk/pjsip.conf:25 partly false",
			"pjsip [] deny=0.0.0.0/0 /etc/asterisk/acl.conf:2 partly false",
			"peer [101] deny=0.0.0.0/0.0.0.0 /etc/asterisk/sip.conf:13 partly false"}},
		{"an IPv6 phone that the IPv4 lists do not concern", "2001:db8::112/128", nil},
		{"an IPv6 phone elsewhere", "2001:db9::1/128", []string{"pjsip [] deny=::/0 /etc/asterisk/acl.conf:3 partly false"}},
		{"a network half of which is the office", "192.168.88.0/23", []string{
			"endpoint [110 111 112-a-long-endpoint-name-for-the-front-desk] permit=192.168.88.0/24,!192.168.88.66 /etc/asterisk/pjsip.conf:26 partly true",
			"peer [101] deny=0.0.0.0/0.0.0.0 /etc/asterisk/sip.conf:13 partly true"}},
	} {
		var got []string
		for _, r := range s.Refuses(netip.MustParsePrefix(c.asked)) {
			got = append(got, fmt.Sprint(r.Scope, " ", r.Names, " ", r.Rule, " ", r.At, " partly ", r.Partly))
		}
		diff(t, c.name, got, c.want)
	}
}

// The printed line lets the phone in: the file with it is read again.
func TestTheLineThatLetsAPhoneIn(t *testing.T) {
	files := map[string]string{
		"/etc/asterisk/acl.conf":   "[office]\ndeny=0.0.0.0/0\npermit=192.168.0.0/16\n",
		"/etc/asterisk/pjsip.conf": "[a](!)\ntype=endpoint\nacl=office\n[101](a)\n",
	}
	phone := netip.MustParsePrefix("203.0.113.50/32")
	list := readMap(t, files).Refuses(phone)
	if len(list) != 1 {
		t.Fatalf("refused by %+v", list)
	}
	free, _ := command.Lines(list[0].Free)
	undo, _ := command.Lines(list[0].Undo)
	diff(t, "commands", free, []string{`sed -i 3a\\permit=203.0.113.50/32 /etc/asterisk/acl.conf`, "asterisk -rx 'module reload acl'"})
	diff(t, "undo", undo, []string{`sed -n 4p /etc/asterisk/acl.conf | grep -Fxq -e permit=203.0.113.50/32 && sed -i 4d /etc/asterisk/acl.conf`, "asterisk -rx 'module reload acl'"})
	want := files["/etc/asterisk/acl.conf"] + "permit=203.0.113.50/32\n"
	if got := edited(t, files["/etc/asterisk/acl.conf"], free[0]); got != want {
		t.Errorf("the first command makes %q", got)
	}
	if got := edited(t, want, undo[0]); got != files["/etc/asterisk/acl.conf"] {
		t.Errorf("the undo makes %q", got)
	}
	files["/etc/asterisk/acl.conf"] = want
	if again := readMap(t, files).Refuses(phone); len(again) > 0 {
		t.Errorf("still refused by %+v", again)
	}
}

// edited runs a command on a copy of acl.conf.
func edited(t *testing.T, text, line string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the commands are for GNU sed on Linux")
	}
	file := filepath.Join(t.TempDir(), "acl.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-c", strings.ReplaceAll(line, "/etc/asterisk/acl.conf", file)).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", line, err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAListThatIsNotThereShutsEverybodyOut(t *testing.T) {
	s := readMap(t, map[string]string{"/etc/asterisk/pjsip.conf": "[101]\ntype=endpoint\nacl=offfice\n"})
	list := s.Refuses(netip.MustParsePrefix("192.168.88.20/32"))
	if len(list) != 1 || list[0].Note != because("acl-no-section", "section", "offfice") || list[0].At != "/etc/asterisk/pjsip.conf:3" || len(list[0].Free) > 0 {
		t.Errorf("%+v", list)
	}
}

// FreePBX includes, adds to sections it made before, and writes files anew.
// Asterisk compares types letter by letter, and makes nothing of type=Endpoint.
func TestATypeInCapitalsIsNone(t *testing.T) {
	read := func(kind func(string) string) *State {
		text := ""
		for _, s := range [][2]string{{"transport", "bind=0.0.0.0:5060"}, {"endpoint", "deny=0.0.0.0/0"}, {"aor", "max_contacts=1"}, {"registration", "server_uri=sip:203.0.113.9"},
			{"identify", "match=203.0.113.9"}, {"acl", "deny=0.0.0.0/0"}, {"wizard", "remote_hosts=203.0.113.9"}} {
			text += "[" + s[0] + "]\ntype=" + kind(s[0]) + "\n" + s[1] + "\n"
		}
		return readMap(t, map[string]string{"/etc/asterisk/pjsip.conf": text})
	}
	phone := netip.MustParsePrefix("192.168.88.20/32")
	if s := read(strings.ToLower); len(s.Endpoints) != 2 || len(s.Transports) != 1 || len(s.Registrations) != 1 || len(s.Identifies) != 2 || len(s.Refuses(phone)) != 2 {
		t.Errorf("in lower case %+v, refused by %+v", s, s.Refuses(phone))
	}
	for _, kind := range []func(string) string{strings.ToUpper, func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }} {
		if s := read(kind); s != nil && len(s.Endpoints)+len(s.Transports)+len(s.Registrations)+len(s.Identifies)+len(s.Refuses(phone)) > 0 {
			t.Errorf("in capitals %+v, refused by %+v", s, s.Refuses(phone))
		}
	}
}

func TestFreePBXLayout(t *testing.T) {
	s := readMap(t, map[string]string{
		"/etc/freepbx.conf":                             "<?php\n",
		"/etc/asterisk/pjsip.conf":                      "#include pjsip.endpoint.conf\n#tryinclude pjsip.none.conf\n#include \"pjsip.endpoint_custom_post.conf\"\n",
		"/etc/asterisk/pjsip.endpoint.conf":             "[101]\ntype=endpoint\naors=101\n\n[101]\ntype=aor\nqualify_frequency=60\n",
		"/etc/asterisk/pjsip.endpoint_custom_post.conf": "[101](+type=endpoint)\ndeny=0.0.0.0/0\npermit=10.0.0.0/8 ; the VPN\n",
		"/etc/asterisk/rtp.conf":                        "#include rtp_additional.conf\n",
		"/etc/asterisk/rtp_additional.conf":             "[general]\nrtpstart=12000\nrtpend=13000\n",
	})
	if !s.FreePBX || s.RTP.First != 12000 || s.RTP.Last != 13000 {
		t.Errorf("FreePBX %v, media %+v", s.FreePBX, s.RTP)
	}
	if len(s.Endpoints) != 1 || s.Endpoints[0].Qualify != 60 {
		t.Errorf("endpoints %+v", s.Endpoints)
	}
	list := s.Refuses(netip.MustParsePrefix("203.0.113.50/32"))
	if len(list) != 1 || list[0].At != "/etc/asterisk/pjsip.endpoint_custom_post.conf:2" || list[0].Note != "" {
		t.Errorf("refused by %+v", list)
	}
	diff(t, "trusted", parseTrusted("All entries in zone 'trusted':\n\t10.8.0.0/24\n\t198.51.100.7/32\n\toffice.example.com\n\t2001:db8::/32\n", "trusted"), []Trusted{
		{netip.MustParsePrefix("10.8.0.0/24"), "trusted"}, {netip.MustParsePrefix("198.51.100.7/32"), "trusted"}, {netip.MustParsePrefix("2001:db8::/32"), "trusted"},
	})
}

func TestWhatAsteriskDoesWithAConfiguration(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // sections as name(options), templates in <>
		noted      string
	}{
		{"a block comment, one within another", "[a]\nx=1 ;-- all ;-- this --; is --; \ny=2;--\nz=3\n--;w=4\n", "a(x=1,y=2,w=4)", ""},
		{"a line of dashes is one comment", "[a]\n;---- phones ----\nx=1\n", "a(x=1)", ""},
		{"an escaped semicolon", `[a]` + "\n" + `uri=sip:x@192.0.2.1\;transport=tcp ; the trunk` + "\n", "a(uri=sip:x@192.0.2.1;transport=tcp)", ""},
		{"templates of templates in their order", "[t](!)\nx=1\n[u](!,t)\ny=2\n[a](t,u)\nx=3\n", "<t>(x=1),<u>(x=1,y=2),a(x=1,x=1,y=2,x=3)", ""},
		{"a value lengthened", "[t](!)\nallow=ulaw\n[a](t)\nallow+=,alaw\n", "<t>(allow=ulaw),a(allow=ulaw,alaw)", ""},
		{"an arrow", "[a]\nregister => 1:2@host\n", "a(register=1:2@host)", ""},
		{"a template that is not there", "[a](nobody)\nx=1\n", "a(x=1)", `/c:1: inherits from "nobody", which does not exist: Asterisk does not load the file`},
		{"an option before any section", "x=1\n[a]\n", "a()", "/c:1: stands before the first section: Asterisk does not load the file"},
		{"an include that is not there", "[a]\n#include none.conf\nx=1\n", "a(x=1)", "/c:2: includes /etc/asterisk/none.conf, which does not exist: Asterisk does not load the file"},
		{"an include inside of a section", "[a]\n#include more.conf\nx=1\n", "a(m=1,x=1),b(n=2)", ""},
		{"a program that is never run", "[a]\n#exec /bin/rm -rf /\nx=1\n", "a(x=1)", "/c:2: runs a program (#exec) to make more configuration, which was not run"},
		{"a circle of includes", "[a]\n#include circle.conf\n", "a()", "/etc/asterisk/circle.conf:1: includes nest deeper than 16; what lies deeper was not read"},
	} {
		files := map[string]string{"/c": c.text, "/etc/asterisk/more.conf": "m=1\n[b]\nn=2\n", "/etc/asterisk/circle.conf": "#include circle.conf\n"}
		cfg, err := ParseConfig("/c", Files{Dir: "/etc/asterisk", Read: mapReader(files)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range cfg.Sections {
			name := s.Name
			if s.Template {
				name = "<" + name + ">"
			}
			var options []string
			for _, o := range s.Options {
				options = append(options, o.Name+"="+o.Value)
			}
			got = append(got, name+"("+strings.Join(options, ",")+")")
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ",")); diff != "" || said(cfg.Notes) != c.noted {
			t.Errorf("%s: %q %s", c.name, said(cfg.Notes), diff)
		}
	}
}

// Whatever the rules, the interval view and the single addresses agree, and
// the last rule that matches decides.
func TestListsAgreeWithTheirRulesOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for range 300 {
		var b aclBuilder
		for i := range 1 + rng.IntN(6) {
			value := fmt.Sprintf("10.0.0.%d/%d", rng.IntN(256), 24+rng.IntN(9))
			if rng.IntN(3) == 0 {
				value += ",!" + fmt.Sprintf("10.0.0.%d", rng.IntN(256))
			}
			b.add([]string{"permit", "deny"}[rng.IntN(2)], Option{Name: "x", Value: value, Line: i})
		}
		acl := b.acl()
		some, all := false, true
		for i := range 256 {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			want := true
			for _, r := range b.own.Rules {
				if n, _ := nets.Ones(r.Mask); netip.PrefixFrom(r.Addr, n).Contains(addr) {
					want = r.Allow
				}
			}
			if got := acl.Allows(addr).Allow; got != want {
				t.Fatalf("%v: %v is let in: %v, by the rules one by one: %v", b.own.Rules, addr, got, want)
			}
			some, all = some || want, all && want
		}
		gotSome, refused := acl.AllowsPrefix(netip.MustParsePrefix("10.0.0.0/24"))
		if gotSome != some || (refused == nil) != all {
			t.Fatalf("%v: the network: some %v, refused %v; its addresses: some %v, all %v", b.own.Rules, gotSome, refused, some, all)
		}
	}
}

func TestRegisterLines(t *testing.T) {
	for line, want := range map[string]string{
		"1234:password@provider.example.com":                       "1234 provider.example.com 0 ",
		"tls://1234@dom.example:pa@ss:auth@[2001:db8::1]:5061/100": "1234@dom.example 2001:db8::1 5061 tls",
		"trunk?1234:x@192.0.2.1:5070/100~600":                      "trunk 192.0.2.1 5070 ",
	} {
		r, ok := parseRegister(Option{Value: line})
		if got := fmt.Sprint(r.Name, " ", r.Server, " ", r.Port, " ", r.Transport); !ok || got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestOldListings(t *testing.T) {
	got := parsePeers("Name/username              Host                                    Dyn Nat ACL Port     Status     \n" +
		"101/101                    192.0.2.34                               D   N      5060     OK (40 ms) \n" +
		"102                        (Unspecified)                            D   N      0        UNKNOWN    \n" +
		"2 sip peers [Monitored: 1 online, 1 offline Unmonitored: 0 online, 0 offline]\n")
	diff(t, "peers of Asterisk 1.8", got, []Contact{{Driver: chanSIP, AOR: "101", Addr: netip.MustParseAddrPort("192.0.2.34:5060"), Status: "OK (40 ms)"}})
	diff(t, "log channels of Asterisk 13", parseLogChannels("Channel                             Type     Status    Configuration\n"+
		"/var/log/asterisk/fail2ban          File     Enabled    - NOTICE SECURITY \n"), []LogChannel{{File: "/var/log/asterisk/fail2ban", Levels: []string{"notice", "security"}, Running: true}})
	if got := answer([]byte("\x1b[0;37mAsterisk 11.25.3\x1b[0m built by root")); parseVersion(got) != "11.25.3" {
		t.Errorf("coloured version: %q", got)
	}
	if got := parseVersion("No ethernet interface found for seeding global EID. You will have to set it manually.\nAsterisk 16.28.0 built by nobody\n"); got != "16.28.0" {
		t.Errorf("version after a warning: %q", got)
	}
}

func diff[T any](t *testing.T, what string, got, want T, opts ...cmp.Option) {
	t.Helper()
	opts = append(opts, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}))
	if d := cmp.Diff(want, got, opts...); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func mapReader(files map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
}

// readMap reads a machine that consists of a few files and whose Asterisk does
// not run.
func readMap(t *testing.T, files map[string]string) *State {
	t.Helper()
	s, notes := Read(context.Background(), fewFiles(t, files))
	if s == nil {
		t.Fatalf("no state; %q", notes)
	}
	return s
}

// What Asterisk 16 and 22 print; -1 is not none.
func TestHowManyCallsAreUp(t *testing.T) {
	for out, want := range map[string]int{
		"0 active channels\n0 active calls\n0 calls processed\n":     0,
		"3 active channels\n1 active call\n12 calls processed\n":     1,
		"40 active channels\n20 active calls\n900 calls processed\n": 20,
		"No such command 'core show channels count'\n":               -1,
		"": -1,
	} {
		if got := parseCalls(out); got != want {
			t.Errorf("%q: %d calls, want %d", out, got, want)
		}
	}
}

// Asterisk 16.28 with a channel in JSON; older ones have no such column.
func TestTheFormatOfALog(t *testing.T) {
	const listing = `Logger queue limit: 1000

Channel                             Type     Formatter  Status    Configuration
-------                             ----     ---------  ------    -------------
/var/log/asterisk/js                File     json       Enabled    - NOTICE SECURITY 
/var/log/asterisk/messages          File     default    Enabled    - NOTICE WARNING ERROR 
/var/log/asterisk/old               File     Enabled    - NOTICE
`
	diff(t, "listed", parseLogChannels(listing), []LogChannel{
		{File: "/var/log/asterisk/js", Levels: []string{"notice", "security"}, Format: "json", Running: true},
		{File: "/var/log/asterisk/messages", Levels: []string{"notice", "warning", "error"}, Running: true},
		{File: "/var/log/asterisk/old", Levels: []string{"notice"}, Running: true},
	})
	for value, want := range map[string]string{"[json]notice,security": "json", "[default]notice": "", "notice,security": "", "[plain] notice": "plain"} {
		if got := format(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
