package routeros

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// load reads a file of testdata.
func load(t testing.TB, name string) *Config {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Faults {
		t.Errorf("%s:%d: %s", name, f.Line, f.Why)
	}
	return c
}

// read reads a text that must be an export.
func read(t testing.TB, src string) *Config {
	t.Helper()
	c, err := Read([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shown is what an export of c has after its header.
func shown(c *Config) string {
	_, out, _ := strings.Cut("\n"+c.Export(), "\n/")
	return "/" + out
}

func TestWaysToWriteTheSame(t *testing.T) {
	const want = "/ip firewall filter\nadd action=drop chain=input comment=\"a \\\"b\\\" \\\\ \\$c \\? \xc2\xab\xd0\x94\xd0\xb0\xc2\xbb\" src-address=!10.0.0.0/8\n"
	const rest = ` add chain=input action=drop src-address=!10.0.0.0/8 comment="a \"b\" \\ \$c \? ` + "\u00ab\u0414\u0430\u00bb\"\n"
	tests := map[string]string{
		"a path with slashes":                "/ip/firewall/filter" + rest,
		"a path with spaces":                 "/ip firewall filter" + rest,
		"a path of both kinds":               "/ip firewall/filter/" + strings.TrimSpace(rest),
		"the menu first":                     "/ip firewall filter\n" + rest,
		"step by step":                       "/ip\nfirewall\nfilter\n" + rest,
		"up and down":                        "/ip address\n.. firewall filter\n" + rest,
		"Windows lines":                      strings.ReplaceAll("/ip firewall filter\n"+rest, "\n", "\r\n"),
		"in braces":                          "/ip firewall filter { " + rest + " }\n",
		"several on a line":                  "/ip firewall; filter;" + rest,
		"a console's prompt":                 "[admin@MikroTik] > /ip firewall filter" + rest,
		"a prompt in a menu":                 "[admin@hAP ac2] /ip firewall filter>" + rest,
		"a prompt in safe mode":              "[admin@hAP] /ip/firewall/filter <SAFE> >" + rest,
		"hexadecimal digits":                 "/ip firewall filter" + strings.ReplaceAll(rest, "\u0414", `\D0\94`),
		"hexadecimal digits of Windows-1251": "/ip firewall filter" + strings.Replace(rest, "\u00ab\u0414\u0430\u00bb", `\AB\C4\E0\BB`, 1),
		"a line that goes on": "/ip firewall filter\nadd chain=\\\n    input action=drop \\\n    src-address=!10.0.0.0/8 comment=\"a \\\"b\\\"\\\n    \\_\\\\ \\$\\\n    c \\? " +
			"\u00ab\u0414\u0430\u00bb\"\n",
		"a variable":     ":local net \"10.0.0.0/8\"\n/ip firewall filter" + strings.Replace(rest, "!10.0.0.0/8", `"!$net"`, 1),
		"set afterwards": "/ip firewall filter" + strings.Replace(rest, "=drop", "=accept", 1) + "/ip firewall filter set [find chain=input] action=drop\n",
		"a loop":         ":foreach a in={\"drop\"} do={\n  /ip firewall filter" + strings.Replace(rest, "=drop", "=$a", 1) + "}\n",
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			c := read(t, src)
			if diff := cmp.Diff(want, shown(c)); diff != "" || len(c.Faults) > 0 {
				t.Errorf("%v (-want +got)\n%s", c.Faults, diff)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	const src = "/ip firewall filter add chain=input comment=\"\u041f\u0440\u0430\u0432\u0438\u043b\u043e\"\n"
	cp1251 := strings.Replace(src, "\u041f\u0440\u0430\u0432\u0438\u043b\u043e", "\xcf\xf0\xe0\xe2\xe8\xeb\xee", 1)
	var le, be []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + src)) {
		le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
	}
	for name, b := range map[string][]byte{"UTF-8": []byte(src), "with a mark": []byte("\ufeff" + src), "Windows-1251": []byte(cp1251), "UTF-16": le, "UTF-16, the other way round": be} {
		c, err := Read(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.Menu("/ip/firewall/filter").Items[0].Props[1].Value; got != "\u041f\u0440\u0430\u0432\u0438\u043b\u043e" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatIsNoExport(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"a backup":               {"\x88\xac\xa1\xb1\x00\x00", ErrBackup},
		"an encrypted backup":    {"\xef\xa8\x91\x72\x00\x00", ErrBackup},
		"a support file":         {"--BEGIN ROUTEROS SUPOUT SECTION\nabc", ErrSupout},
		"a program":              {"\x7fELF\x00\x01", ErrBinary},
		"nothing":                {"", ErrNoExport},
		"a letter":               {"Dear colleague,\nthe phones do not ring.\n", ErrNoExport},
		"configuration of Cisco": {"interface GigabitEthernet0/0\n ip nat outside\n", ErrNoExport},
	} {
		if _, err := Read([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheHeaderTellsTheRouter(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Header
	}{
		{"# nov/14/2022 17:12:03 by RouterOS 6.49.7\n# software id = ABCD-EFGH\n#\n# model = hEX\n# serial number = 1\n",
			Header{Version: parseVersion("6.49.7"), Model: "hEX", Serial: "1", SoftwareID: "ABCD-EFGH", Exported: "nov/14/2022 17:12:03"}},
		{"# RouterOS 6.48.3\n# model = CRS125\n", Header{Version: parseVersion("6.48.3"), Model: "CRS125"}},
		{"[admin@a] > /export\n# 2025-05-04 21:46:19 by RouterOS 7.19rc1\n", Header{Version: parseVersion("7.19rc1"), Exported: "2025-05-04 21:46:19"}},
		{"# my script\n", Header{}},
	} {
		got := read(t, tt.text+"/ip address add address=192.0.2.1/24 interface=a\n").Header
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(Version{})); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.text, diff)
		}
	}
}

// An export leaves out what is as it is shipped; a helper that no line mentions is
// on.
func TestDefaultsThatAnExportLeavesOut(t *testing.T) {
	for _, tt := range []struct {
		version, line, menu, item, name string
		want                            string
		origin                          Origin
	}{
		{"6.49.7", "", "/ip/firewall/service-port", "sip", "disabled", "no", Default},
		{"7.17", "", "/ip/firewall/service-port", "sip", "ports", "5060,5061", Default},
		{"7.17", "/ip firewall service-port set sip disabled=yes", "/ip/firewall/service-port", "sip", "disabled", "yes", Set},
		{"7.17", "/ip firewall service-port set sip disabled=yes", "/ip/firewall/service-port", "sip", "sip-timeout", "1h", Default},
		{"6.49.7", "", "/ip/firewall/connection/tracking", "", "udp-timeout", "10s", Default},
		{"7.17.2", "", "/ip/firewall/connection/tracking", "", "udp-timeout", "30s", Default},
		{"7.12", "", "/ip/firewall/connection/tracking", "", "udp-timeout", "", Unknown}, // changed somewhere between
		{"", "", "/ip/firewall/connection/tracking", "", "udp-timeout", "", Unknown},
		{"", "", "/ip/firewall/connection/tracking", "", "udp-stream-timeout", "3m", Default},
		{"7.23", "/ip firewall connection tracking set udp-timeout=10s", "/ip/firewall/connection/tracking", "", "udp-timeout", "10s", Set},
		{"6.49.7", "", "/interface/list", "static", "include", "", Default},
	} {
		header := ""
		if tt.version != "" {
			header = "# by RouterOS " + tt.version + "\n"
		}
		c := read(t, header+"/ip address add address=192.0.2.1/24 interface=a\n"+tt.line+"\n")
		row := c.Settings(tt.menu)
		if tt.item != "" {
			row, _ = c.Named(tt.menu, tt.item)
		}
		v := row.Get(tt.name)
		if v.Text != tt.want || v.Origin != tt.origin || (v.Origin == Default) != (v.Source != "") || (v.Origin == Set) != (v.Line > 0) {
			t.Errorf("%s %s %s of %q: %+v", tt.item, tt.name, tt.line, tt.version, v)
		}
	}
}

// An export of one menu says nothing of the others, and a script nothing of what it
// does not touch.
func TestWhatAFileIsAnExportOf(t *testing.T) {
	const header, rule, address = "# by RouterOS 7.17\n", "/ip firewall filter add chain=input\n", "/ip address add address=192.0.2.1/24 interface=a\n"
	for _, tt := range []struct {
		name, text string
		covered    []string
		not        []string
	}{
		{"all", header + "/interface bridge add name=b\n" + rule, []string{"/ip/firewall/service-port", "/system/identity"}, nil},
		{"the firewall", header + rule + "/ip firewall nat add chain=srcnat\n", []string{"/ip/firewall/service-port", "/ip/firewall/nat"}, []string{"/ip/service", "/ip/firewallx"}},
		{"the filter", header + rule, []string{"/ip/firewall/filter"}, []string{"/ip/firewall/service-port", "/interface/list"}},
		{"ip", header + rule + address, []string{"/ip/firewall/service-port"}, []string{"/interface/list"}},
		{"a script", rule + address + "/system identity set name=x\n", nil, []string{"/ip/firewall/filter"}},
		{"one with a hole", header + "/interface bridge add name=b\n" + rule + "#error exporting \"/ip/ssh\" (timeout)\n", nil, []string{"/ip/firewall/filter"}},
	} {
		c := read(t, tt.text)
		for _, path := range tt.covered {
			if !c.Covers(path) {
				t.Errorf("%s does not cover %s", tt.name, path)
			}
		}
		for _, path := range tt.not {
			if c.Covers(path) {
				t.Errorf("%s covers %s", tt.name, path)
			}
		}
	}
}

// What /export verbose and /export terse write, with hidden secrets.
func TestFormsOfExports(t *testing.T) {
	c := read(t, `# 2025-03-01 10:00:00 by RouterOS 7.17.2
/interface ethernet
set [ find default-name=ether1 ] advertise="10M-baseT-half,10M-baseT-full,100M\
    -baseT-half" disabled=no name=wan
/ppp profile
set *0 address-list="" !bridge change-tcp-mss=yes name=default
/interface bridge port-extender
# disabled
set control-ports="" switch=none
/ip firewall filter
add action=drop chain=input !connection-bytes disabled=no !dst-port \
    in-interface=wan log=no log-prefix="" !ttl
/ip firewall nat add action=masquerade chain=srcnat comment="terse; of 7" out-interface=wan
/queue type
set 0 kind=pfifo name=default
add kind=pcq name=voice
`)
	const want = `/interface ethernet
set [ find default-name=ether1 ] advertise=10M-baseT-half,10M-baseT-full,100M-baseT-half name=wan
/ppp profile
set *0 address-list="" change-tcp-mss=yes name=default
/interface bridge port-extender
set control-ports="" switch=none
/ip firewall filter
add action=drop chain=input in-interface=wan
/ip firewall nat
add action=masquerade chain=srcnat comment="terse; of 7" out-interface=wan
/queue type
set 0 kind=pfifo name=default
add kind=pcq name=voice
`
	if diff := cmp.Diff(want, shown(c)); diff != "" || len(c.Faults) > 0 {
		t.Errorf("%v (-want +got)\n%s", c.Faults, diff)
	}
}

func TestQuotedValuesComeBack(t *testing.T) {
	for _, s := range []string{"", "a b", `"\$?;[]{}()`, "a\nb\tc\r", "\x01\x7f", "\u0414\u0430 \u2713", "!x", "=", "#", "*1", "-5", "yes", "0x10", "$(a)", "\\41", "a=b", "where"} {
		c := read(t, "/ip pool add name=p comment="+Quote(s)+"\n")
		if got, _ := c.Menu("/ip/pool").Items[0].prop("comment"); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
}

func TestLinesAreKeptForEvidence(t *testing.T) {
	c := load(t, "factory6.rsc")
	rules := c.Menu("/ip/firewall/filter").Items
	if got := rules[len(rules)-1]; got.Line != 60 || got.Last != 62 {
		t.Errorf("lines %d to %d", got.Line, got.Last)
	}
}

func TestWhatScriptsDo(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"counting", ":for i from=1 to=3 do={ /ip pool add name=(\"p\" . $i) ranges=192.0.2.$i }",
			"/ip pool\nadd name=p1 ranges=192.0.2.1\nadd name=p2 ranges=192.0.2.2\nadd name=p3 ranges=192.0.2.3\n"},
		{"a list with names", `:foreach k,v in={a="192.0.2.1";b=192.0.2.2} do={ /ip pool add name=$k ranges=$v }`,
			"/ip pool\nadd name=a ranges=192.0.2.1\nadd name=b ranges=192.0.2.2\n"},
		{"a list of lists, with comments", ":local l {\n  \"a\"={ 192.0.2.1; 192.0.2.2 };\n# \"b\"={ 192.0.2.3 };\n  \"c d\"={ 192.0.2.4 } }\n:foreach k,v in=$l do={ :foreach a in=$v do={ /ip pool add name=$k ranges=$a } }",
			"/ip pool\nadd name=a ranges=192.0.2.1\nadd name=a ranges=192.0.2.2\nadd name=\"c d\" ranges=192.0.2.4\n"},
		{"if and else", ":local n 5\n:if ($n > 3 && !($n = 4)) do={ /ip pool add name=big } else={ /ip pool add name=small }", "/ip pool\nadd name=big\n"},
		{"one that is there", "/ip pool add name=x\n:if ([:len [/ip pool find name=x]] = 0) do={ /ip pool add name=y }", "/ip pool\nadd name=x\n"},
		{"a pattern", "/ip pool add name=voip-1\n/ip pool add name=data\n/ip pool set [find where name~\"^voip\"] comment=phones", "/ip pool\nadd comment=phones name=voip-1\nadd name=data\n"},
		{"or", "/ip pool add name=a\n/ip pool add name=b\n/ip pool add name=c\n/ip pool remove [find name=a or name=c]", "/ip pool\nadd name=b\n"},
		{"not", "/ip pool add name=a\n/ip pool add name=b comment=x\n/ip pool remove [find !comment]", "/ip pool\nadd comment=x name=b\n"},
		{"numbers compared", "/ip route add distance=9 gateway=192.0.2.1\n/ip route add distance=10 gateway=192.0.2.2\n/ip route remove [find distance<10]", "/ip route\nadd distance=10 gateway=192.0.2.2\n"},
		{"a while", ":local i 0\n:while ($i < 2) do={ /ip pool add name=\"w$i\"; :set i ($i + 1) }", "/ip pool\nadd name=w0\nadd name=w1\n"},
		{"an error caught", ":do { :error \"no\" } on-error={ /ip pool add name=caught }", "/ip pool\nadd name=caught\n"},
		{"an error caught by name", ":onerror e { /ip pool add name=a; :error \"no\" } do={ /ip pool add name=$e }", "/ip pool\nadd name=a\nadd name=no\n"},
		{"an error that ends all", "/ip pool add name=a\n:error stop\n/ip pool add name=b", "/ip pool\nadd name=a\n"},
		{"a piece of a text", `:local s "192.0.2.1/24"; /ip pool add name=p ranges=[:pick $s 0 [:find $s "/"]]`, "/ip pool\nadd name=p ranges=192.0.2.1\n"},
		{"placed before", "/ip firewall raw add chain=a\n/ip firewall raw add chain=b\n/ip firewall raw add chain=c place-before=[find chain=b]", "/ip firewall raw\nadd chain=a\nadd chain=c\nadd chain=b\n"},
		{"disabled later", "/ip firewall raw add chain=a\n/ip firewall raw disable [find chain=a]", "/ip firewall raw\nadd chain=a disabled=yes\n"},
		{"taken away", "/ip firewall raw add chain=a src-address=192.0.2.1\n/ip firewall raw set 0 !src-address", "/ip firewall raw\nadd chain=a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := read(t, tt.script+"\n")
			if diff := cmp.Diff(tt.want, shown(c)); diff != "" {
				t.Errorf("%v (-want +got)\n%s", c.Faults, diff)
			}
		})
	}
}

// What a script asks of the router, a file does not tell.
func TestWhatAScriptAsksOfTheRouterIsUnknown(t *testing.T) {
	c := read(t, `:if ([:len [/interface find name=ether7]] > 0) do={ /ip pool add name=x }
/ip pool add name=y
`)
	if diff := cmp.Diff([]Fault{{1, "this depends on what the router has, and the file does not tell"}}, c.Faults); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("/ip pool\nadd name=y\n", shown(c)); diff != "" {
		t.Error(diff)
	}
}

func TestScriptsThatNeverEnd(t *testing.T) {
	for _, script := range []string{
		":while (true) do={ :put 1 }",
		":local s \"aaaaaaaaaaaaaaaa\"; :while (true) do={ :set s ($s . $s) }",
		":local s {1;2}; :while (true) do={ :set s ($s , $s) }",
		":for i from=1 to=9223372036854775807 do={ /ip pool add name=x }",
		":do { :put 1 } while=(true)",
		strings.Repeat("!", 100_000), strings.Repeat("[", 100_000), ":put " + strings.Repeat("(", 100_000), ":put (1" + strings.Repeat("+1", 100_000) + ")",
		"/ip pool remove [find " + strings.Repeat("!", 100_000) + "a]", strings.Repeat("\"", 100_001), strings.Repeat(":put \"a\n", 20_001),
		":put {" + strings.Repeat("a=", 100_000),
	} {
		start := time.Now()
		c := read(t, "/ip pool add name=first\n"+script+"\n")
		if took := time.Since(start); took > 20*time.Second || len(c.Faults) == 0 {
			t.Errorf("%.40q took %v: %v", script, took, c.Faults)
		}
	}
}

func TestAnExportReadAgainIsTheSame(t *testing.T) {
	for _, name := range []string{"factory6.rsc", "factory7.rsc", "bare7.rsc"} {
		c := load(t, name)
		again := read(t, c.Export())
		if diff := cmp.Diff(c.Export(), again.Export()); diff != "" || len(again.Faults) > 0 {
			t.Errorf("%s: %v (-want +got)\n%s", name, again.Faults, diff)
		}
	}
}

func BenchmarkReadAddressList(b *testing.B) {
	var s strings.Builder
	s.WriteString("# by RouterOS 7.17\n/ip firewall address-list\n")
	for i := range 50_000 {
		s.WriteString("add address=10." + string(rune('0'+i%10)) + ".0.0/16 comment=\"a comment\" list=blocked\n")
	}
	text := []byte(s.String())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c, err := Read(text)
		if err != nil || len(c.Menu("/ip/firewall/address-list").Items) != 50_000 {
			b.Fatal(err)
		}
	}
}

// A route of version 7 refuses by a word without a value, and an export keeps it.
func TestAFlagHasNoValue(t *testing.T) {
	for _, line := range []string{"add blackhole dst-address=198.51.100.0/24", "add dst-address=198.51.100.0/24 blackhole", "add blackhole=yes dst-address=198.51.100.0/24"} {
		c, err := Read([]byte("# by RouterOS 7.17\n/ip route\n" + line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		for r := range c.Rows("/ip/route") {
			if !r.Yes("blackhole") || r.Text() != "add blackhole dst-address=198.51.100.0/24" {
				t.Errorf("%s is read as %s", line, r.Text())
			}
		}
	}
	c, _ := Read([]byte("# by RouterOS 7.17\n/ip route\nadd dst-address=198.51.100.0/24 gateway=blackhole\n"))
	for r := range c.Rows("/ip/route") {
		if r.Yes("blackhole") {
			t.Error("a gateway of that name")
		}
	}
}
