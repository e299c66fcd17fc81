package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// printed is what a recorded server answered.
func printed(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, c := range append(Listings(), "pjsip show endpoint 101", "pjsip show aor heman", "core show channels", "core show channels verbose") {
		b, err := os.ReadFile(filepath.Join("testdata", dir, "commands", "asterisk_-rx_"+strings.ReplaceAll(c, " ", "_")))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		out[c] = string(b)
	}
	return out
}

// What Asterisk 16.28 and 22.10 really print.
func TestWhatServersShow(t *testing.T) {
	var s16, s22 Shown
	s16.AddPrinted(printed(t, "shown16"))
	s22.AddPrinted(printed(t, "shown22"))
	var peers, regs, endpoints, contacts []string
	for _, p := range s16.Peers {
		peers = append(peers, fmt.Sprint(p.Name, " ", p.Host, " ", p.Port, " ", p.Dynamic, " ", p.NAT, " ", p.Status, " ", p.MS))
	}
	diff(t, "peers", peers, []string{
		"201 invalid IP 0 true auto-no UNKNOWN 0", "202 198.51.100.99 5060 false auto-no UNREACHABLE 0", "203 198.51.100.20 5060 false auto-no OK 1000",
		"204 invalid IP 0 true auto-no Unmonitored 0", "205 invalid IP 0 true yes Unmonitored 0", "trunkuser 198.51.100.20 5060 true auto-no OK 1",
	})
	for _, g := range s16.Registrations {
		regs = append(regs, fmt.Sprint(g.Driver, " ", g.Name, " ", g.Server, ":", g.Port, " ", g.Status, " ", g.Since, " ", g.Next, " ", g.Dated))
	}
	diff(t, "registrations", regs, []string{
		"chan_sip 101 198.51.100.20:5060 Registered Sun, 29 Nov 2026 09:39:27 0 false", "chan_sip 102 198.51.100.99:5060 Request Sent  0 false",
		"chan_sip nobody 198.51.100.20:5998 Request Sent  0 false", "chan_sip 101 198.51.100.20:5060 Auth. Sent  0 false",
		"pjsip r-bad 198.51.100.20:5070 Rejected  -38 true", "pjsip r-bad-for-good 198.51.100.20:5070 Rejected  -43 true", "pjsip r-ok 198.51.100.20:5070 Registered  74 true",
		"pjsip r-refused 198.51.100.20:5999 Rejected  1 true", "pjsip r-silent 198.51.100.99:5060 Rejected  3 true",
	})
	for _, e := range s22.Endpoints {
		endpoints = append(endpoints, fmt.Sprint(e.Name, " ", e.Cut, " ", e.State, " in", e.InAuth, " out", e.OutAuth, " aors", e.AORs, " match", e.Match))
	}
	diff(t, "endpoints", endpoints, []string{
		"101 false Unavailable in[101] out[] aors[101] match[]", "102 false Unavailable in[101] out[] aors[102] match[]", "103 false Unavailable in[101] out[] aors[103] match[]",
		"104 false Not in use in[] out[] aors[104] match[]", "105 false Unavailable in[101] out[] aors[] match[]", "106 false Unavailable in[101] out[] aors[106] match[]",
		"107 false Unavailable in[101] out[] aors[] match[]",
		"a-very-long-endpoint-name-for-the-conference-room-u true Unavailable in[101] out[] aors[a-very-long-endpoint-name-for-the-confe] match[]",
		"carol false Unavailable in[101] out[] aors[101] match[10.0.0.0/8]", "david false Unavailable in[] out[itsp-auth] aors[itsp] match[10.24.16.36/32 198.51.100.0/28]",
	})
	for _, c := range s16.Contacts {
		contacts = append(contacts, fmt.Sprint(c.AOR, " ", c.Addr, " ", c.Status, " ", c.MS))
	}
	diff(t, "contacts", contacts, []string{
		"101 198.51.100.20:5070 Avail 0.316", "102 198.51.100.99:5060 Unavail 0", "104 203.0.113.9:5060 NonQual 0", "itsp 198.51.100.20:5070 Avail 0.49",
	})
	for name, s := range map[string]*Shown{"16": &s16, "22": &s22} {
		for _, c := range []string{"pjsip show endpoints", "pjsip show contacts", "pjsip show registrations", "pjsip show transports", "pjsip show identifies", "module show", "core show channels concise"} {
			if !s.HasWhole(c) {
				t.Errorf("Asterisk %s: %s is not whole: %q", name, c, s.Whole)
			}
		}
		if len(s.Channels) != 2 || s.Channels[0].AgeS != 30 || s.Channels[0].State != "Up" || s.UptimeS != 44 || s.RTP == nil || s.RTP.Strict != "no" || s.RTP.STUN != "" {
			t.Errorf("Asterisk %s: channels %+v, up %d s, RTP %+v", name, s.Channels, s.UptimeS, s.RTP)
		}
		if i := slices.IndexFunc(s.Modules, func(m ShownModule) bool { return m.Name == "res_pjsip_registrar.so" }); i < 0 || !s.Modules[i].Running {
			t.Errorf("Asterisk %s: the registrar is not among %d modules", name, len(s.Modules))
		}
		if i := slices.IndexFunc(s.Modules, func(m ShownModule) bool { return m.Name == "chan_iax2.so" }); i < 0 || s.Modules[i].Running {
			t.Errorf("Asterisk %s: chan_iax2 runs", name)
		}
	}
	if !s22.Lacks("sip show peers") || s16.Lacks("sip show peers") || len(s16.Transports) != 3 {
		t.Errorf("22 lacks %q; transports %+v", s22.Unknown, s16.Transports)
	}
}

// A text may hold several outputs, with prompts and words around them, quoted in a
// mail, coloured, and with columns squeezed together.
func TestShowReadsWhatPeoplePaste(t *testing.T) {
	out := printed(t, "shown16")
	var pasted strings.Builder
	pasted.WriteString("Hello, phones are gone since noon:\n\n")
	for _, c := range []string{"sip show peers", "sip show registry", "pjsip show endpoints", "pjsip show endpoint 101", "core show channels verbose", "core show channels", "pjsip show aor heman", "rtp show settings"} {
		pasted.WriteString("pbx*CLI> " + c + "\n" + out[c])
	}
	pasted.WriteString("\nThanks\n")
	plain := Show(pasted.String())
	want := fmt.Sprintf("%d peers, %d registrations, %d endpoints, %d contacts, %d channels, missing %v", 6, 4, 10, 4, 2, "aor heman")
	changed := map[string]string{
		"as it is": pasted.String(),
		"quoted":   "> " + strings.ReplaceAll(pasted.String(), "\n", "\n> "),
		"twice":    "> > " + strings.ReplaceAll(pasted.String(), "\n", "\r\n>> "),
		"squeezed": squeeze(pasted.String()),
		"coloured": strings.ReplaceAll(pasted.String(), "Unavail ", "\x1b[1;31mUnavail\x1b[0m "),
	}
	for name, text := range changed {
		s := Show(text)
		missing := ""
		if len(s.Missing) == 1 {
			missing = s.Missing[0].Kind + " " + s.Missing[0].Name
		}
		got := fmt.Sprintf("%d peers, %d registrations, %d endpoints, %d contacts, %d channels, missing %v", len(s.Peers), len(s.Registrations), len(s.Endpoints), len(s.Contacts), len(s.Channels), missing)
		if got != want || s.RTP == nil || s.RTP.First != 10000 || s.Cut != 0 {
			t.Errorf("%s: %s, want %s; cut %d, RTP %+v", name, got, want, s.Cut, s.RTP)
		}
	}
	if !plain.HasWhole("sip show peers") || plain.HasWhole("pjsip show endpoint") || !plain.HasWhole("pjsip show endpoints") {
		t.Errorf("whole: %q", plain.Whole)
	}
	if p := plain.Peers[0]; p.Line != 5 || !strings.HasPrefix(p.Text, "201 (Unspecified) D Auto (No) No A 0 UNKNOWN") {
		t.Errorf("line %d: %q", p.Line, p.Text)
	}
	if i := slices.IndexFunc(plain.Endpoints, func(e ShownEndpoint) bool { return len(e.Wants) > 0 }); i < 0 || plain.Endpoints[i].Wants[0] != "101" {
		t.Error("the parameters of the endpoint that is shown alone were not read")
	}
}

func squeeze(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// Rows that a mailer broke, that a window cut, or that lost their line breaks.
func TestShowReadsDamagedRows(t *testing.T) {
	broken := Show("Name/username Host Dyn Forcerport Comedia ACL Port Status Description\n" +
		"101/101 192.0.2.34 D Auto (Yes) No\n5060 OK (40 ms)\n102 (Unspecified) D Yes Yes 0 UNREACHABLE\n" +
		"2 sip peers [Monitored: 1 online, 1 offline Unmonitored: 0 online, 0 offline]\n")
	if len(broken.Peers) != 2 || broken.Peers[0].MS != 40 || broken.Peers[0].NAT != "auto-yes" || !broken.HasWhole("sip show peers") || broken.Cut != 0 {
		t.Errorf("broken: %+v", broken)
	}
	cut := Show("Name/username             Host                                    Dyn Forcerpo\n" +
		"101                       192.0.2.34                               D  Auto (Ye\n" +
		"102                       (Unspecified)                            D  Yes     \n")
	if cut.Cut != 2 || len(cut.Peers) != 2 || cut.Peers[0].Status != "" || cut.Peers[0].NAT != "" {
		t.Errorf("cut: %+v", cut)
	}
	// Asterisk 13, as a web page shows it that has lost the line breaks.
	page := Show("Endpoint: carol/6000 Unavailable 0 of inf InAuth: carol-auth/carol Aor: carol 10 Transport: main-transport udp 0 0 0.0.0.0:5060 Identify: 10.0.0.0/8 " +
		"Endpoint: david/6001 Not in use 0 of inf InAuth: david-auth/david Aor: david 10 Contact: david/sip:david@192.0.2.9:5060;ob Unknown nan Identify: 10.24.16.36/32\n")
	if len(page.Endpoints) != 2 || page.Endpoints[0].Match[0] != "10.0.0.0/8" || page.Endpoints[1].Match[0] != "10.24.16.36/32" || len(page.Contacts) != 1 ||
		page.Contacts[0].Status != "Unknown" || page.Contacts[0].Addr.String() != "192.0.2.9:5060" || len(page.AORs) != 2 || len(page.Transports) != 0 {
		t.Errorf("page: %+v", page)
	}
	old := Show("Host                                    dnsmgr Username       Refresh State                Reg.Time\n" +
		"198.51.100.45:5060 N 74951234567@ 105 Auth. sent Thu, 07 May 2015 19:01:41\n1 SIP registrations.\n")
	if len(old.Registrations) != 1 || old.Registrations[0].Status != "Auth. sent" || old.Registrations[0].Name != "74951234567@" || old.Registrations[0].Since != "Thu, 07 May 2015 19:01:41" {
		t.Errorf("old: %+v", old.Registrations)
	}
}

// What is no output of Asterisk is not taken for one.
func TestShowKnowsWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "hello", "SIP/2.0 401 Unauthorized\r\nContact: \"101\" <sip:101@192.0.2.9>\r\nTransport: udp\r\n",
		"[2026-11-29 09:00:00] NOTICE[1] chan_sip.c: Peer '101' is now UNREACHABLE!  Last qualify: 41\n", "[transport-udp]\ntype=transport\nbind=0.0.0.0:5060\n",
		"/ip firewall filter\nadd action=accept chain=input\n", `{"schema": "sipdoctor.report/1"}`,
	} {
		if s := Show(text); s.Says() || len(s.Contacts)+len(s.Transports)+len(s.Peers) > 0 || s.Cut > 0 {
			t.Errorf("%.40q: %+v", text, s)
		}
	}
}

// A module that is not there is seen by its name alone.
func TestAModuleThatIsNotLoaded(t *testing.T) {
	s := Show("pbx*CLI> module show like res_pjsip_registrar.so\nModule                         Description                              Use Count  Status      Support Level\n0 modules loaded\n")
	if len(s.Missing) != 1 || s.Missing[0].Kind != "module" || s.Missing[0].Name != "res_pjsip_registrar.so" || s.HasWhole("module show") {
		t.Errorf("%+v", s)
	}
}

// Nothing that stands in a text makes the reader fall over or grow without bound.
func FuzzShow(f *testing.F) {
	names, err := filepath.Glob("testdata/shown*/commands/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b[:min(len(b), 4000)]))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := Show(text)
		for _, p := range s.Peers {
			if len(p.Text) > maxRow+10 || p.Line < 1 {
				t.Fatalf("%+v", p)
			}
		}
		s.AddPrinted(map[string]string{"sip show peers": text, "pjsip show endpoints": text, "core show channels concise": text})
		if n := len(s.Channels) + len(s.Endpoints) + len(s.Contacts); n > 3*len(text)+3 {
			t.Fatalf("%d rows of %d bytes", n, len(text))
		}
	})
}

// The listing of a large server: 10,000 phones.
func BenchmarkShowTenThousandEndpoints(b *testing.B) {
	var text strings.Builder
	text.WriteString(" Endpoint:  <Endpoint/CID.....>  <State.....>  <Channels.>\n====\n\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, " Endpoint:  %[1]d/%[1]d      Not in use    0 of inf\n     InAuth:  %[1]d/%[1]d\n        Aor:  %[1]d       1\n      Contact:  %[1]d/sip:%[1]d@192.0.2.34:%[2]d   752cb2726b Avail  23.500\n\n", 10000+i, 1024+i)
	}
	text.WriteString("\nObjects found: 10000\n\n")
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if s := Show(text.String()); len(s.Endpoints) != 10_000 || len(s.Contacts) != 10_000 || !s.HasWhole(ShowEndpoints) {
			b.Fatalf("%d endpoints, %d contacts", len(s.Endpoints), len(s.Contacts))
		}
	}
}
