package asteriskstate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// What Asterisk 16.28 and 22.10 really printed, with the faults that were made on
// purpose.
func TestRecordedServers(t *testing.T) {
	for dir, want := range map[string]string{
		"shown16": "c transport-conflict; c registration.stopped; c registration.auth-sent; c registration.unanswered; c registration.rejected; " +
			"w not-loaded; w not-loaded; w phones-unreachable; w trunks-unreachable; w endpoints-no-aor; w endpoints-no-auth; w aors-closed; w identify-overlap; i strict-rtp-off; i phones-unregistered",
		"shown22": "c transport-conflict; c registration.rejected; c trunks-unreachable; " +
			"w not-loaded; w not-loaded; w phones-unreachable; w endpoints-no-aor; w endpoints-no-auth; w aors-closed; w identify-overlap; i strict-rtp-off; i phones-unregistered",
	} {
		r := server(t, dir)
		if got := ids(r); got != want {
			t.Errorf("%s: %s\nwant %s", dir, got, want)
			show(t, r)
		}
	}
	f := server(t, "shown16").Facts.(Facts)
	if f.Version != "16.28.0~dfsg-0+deb11u4" || f.UptimeS != 44 || f.Peers["OK"] != 2 || f.Peers["unregistered"] != 3 || f.Endpoints["Unavailable"] != 6 ||
		f.Contacts["Avail"] != 2 || len(f.Registrations) != 9 || f.Channels.Total != 2 || f.Channels.States["Up"] != 2 || f.Channels.OldestS != 30 {
		t.Errorf("%+v", f)
	}
}

func endpoints(rows ...string) string {
	text := "\n Endpoint:  <Endpoint/CID.....................................>  <State.....>  <Channels.>\n    I/OAuth:  <AuthId/UserName....>\n" + strings.Repeat("=", 90) + "\n\n"
	n := 0
	for _, r := range rows {
		if strings.HasPrefix(r, "Endpoint:") {
			n++
		}
		text += " " + r + "\n"
	}
	return text + fmt.Sprintf("\nObjects found: %d\n", n)
}

func TestEndpoints(t *testing.T) {
	phone := []string{"Endpoint: 101/101 Not in use 0 of inf", "InAuth: 101/101", "Aor: 101 1", "Contact: 101/sip:101@192.0.2.34:5060 752cb2726b Avail 12.1"}
	with := func(rows ...string) string { return endpoints(append(phone, rows...)...) }
	for _, tt := range []struct{ name, text, want string }{
		{"a phone", with(), ""},
		{"a trunk told by its address", with("Endpoint: itsp Not in use 0 of inf", "Aor: itsp 0", "Contact: itsp/sip:198.51.100.45 752cb2726c Avail 2.0", "Identify: itsp/itsp", "Match: 198.51.100.45/32"), ""},
		{"a trunk that logs in", with("Endpoint: itsp Not in use 0 of inf", "OutAuth: itsp/user", "Aor: itsp 0", "Contact: itsp/sip:198.51.100.45 752cb2726c Avail 2.0"), ""},
		{"a source of calls alone", with("Endpoint: in Unavailable 0 of inf", "Identify: in/in", "Match: 198.51.100.45/32"), ""},
		{"no password", with("Endpoint: 102 Not in use 0 of inf", "Aor: 102 1", "Contact: 102/sip:102@192.0.2.35:5060 752cb2726d Avail 2.0"), "w endpoints-no-auth"},
		{"no AOR", with("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102"), "w endpoints-no-aor"},
		{"an AOR that takes nobody", with("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102", "Aor: 102 0"), "w aors-closed"},
		{"an AOR that takes nobody, of who does not log in", with("Endpoint: 102 Unavailable 0 of inf", "Aor: 102 0", "Identify: in/102", "Match: 198.51.100.45/32"), ""},
		{"an AOR with a fixed contact", with("Endpoint: 102 Not in use 0 of inf", "InAuth: 102/102", "Aor: 102 0", "Contact: 102/sip:102@192.0.2.35:5060 752cb2726d Avail 2.0"), ""},
		{"not registered", with("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102", "Aor: 102 1"), "i phones-unregistered"},
		{"invalid", with("Endpoint: 102 Invalid 0 of inf", "InAuth: 102/102", "Aor: 102 1"), "c endpoints-invalid"},
		{"in a call", with("Endpoint: 102 In use 1 of inf", "InAuth: 102/102", "Aor: 102 1", "Contact: 102/sip:102@192.0.2.35:5060 752cb2726d Avail 2.0", "Channel: PJSIP/102-00000001/Dial Up 00:00:12", "Exten: 103 CLCID: \"x\" <103>"), ""},
		{"dead contacts fill an AOR", with("Endpoint: 102 Not in use 0 of inf", "InAuth: 102/102", "Aor: 102 2", "Contact: 102/sip:102@192.0.2.34:5070 752cb2726d Avail 2.0", "Contact: 102/sip:102@192.0.2.34:5071 752cb2726e Unavail nan"), "w aors-full"},
		{"an AOR with room", with("Endpoint: 102 Not in use 0 of inf", "InAuth: 102/102", "Aor: 102 3", "Contact: 102/sip:102@192.0.2.34:5070 752cb2726d Avail 2.0", "Contact: 102/sip:102@192.0.2.34:5071 752cb2726e Unavail nan"), ""},
		{"a trunk whose name does not resolve", with("Endpoint: itsp Not in use 0 of inf", "Aor: itsp 0", "Contact: itsp/sip:198.51.100.45 752cb2726c Avail 2.0", "Identify: itsp/itsp"), ""},
		{"a full AOR of living phones", with("Endpoint: 102 Not in use 0 of inf", "InAuth: 102/102", "Aor: 102 2", "Contact: 102/sip:102@192.0.2.34:5070 752cb2726d Avail 2.0", "Contact: 102/sip:102@192.0.2.34:5071 752cb2726e Avail 3.0"), ""},
		{"the only phone of an AOR is off", with("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102", "Aor: 102 1", "Contact: 102/sip:102@192.0.2.34:5071 752cb2726e Unavail nan"), "w phones-unreachable"},
		{"no phone is registered", endpoints("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102", "Aor: 102 1", "Endpoint: 103 Unavailable 0 of inf", "InAuth: 103/103", "Aor: 103 1", "Endpoint: 104 Unavailable 0 of inf", "InAuth: 104/104", "Aor: 104 1"), "c no-phones"},
		{"the same network twice for one", with("Identify: a/101", "Match: 10.0.0.0/8", "Identify: b/101", "Match: 10.1.0.0/16"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := told(t, tt.text)
			if got := ids(r); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
				show(t, r)
			}
		})
	}
}

func TestWhoClaimsAnAddress(t *testing.T) {
	identifies := func(first, other string) string {
		return "\n Identify:  <Identify/Endpoint......>\n      Match:  <criteria....>\n====\n\n Identify:  a/carol\n      Match: " + first + "\n\n Identify:  b/david\n      Match: " + other + "\n\nObjects found: 2\n"
	}
	for _, tt := range []struct{ first, other, want string }{
		{"10.0.0.0/8", "10.24.16.36/32", "w identify-overlap"}, {"10.24.16.36/32", "10.24.16.36/32", "w identify-overlap"}, {"2001:db8::/32", "2001:db8:1::/48", "w identify-overlap"},
		{"10.0.0.0/8", "11.0.0.0/8", ""}, {"10.0.0.0/8", "2001:db8::/32", ""}, {"10.0.0.0/8", "X-Trunk: david", ""}, {"10.0.0.0/8\n      Match: !10.24.16.36/32", "10.24.16.36/32", ""},
		{"10.0.0.0/8\n      Match: !10.24.16.36/32", "10.24.16.0/24", "w identify-overlap"},
	} {
		r := told(t, identifies(tt.first, tt.other))
		if got := ids(r); got != tt.want {
			t.Errorf("%s and %s: %q, want %q", tt.first, tt.other, got, tt.want)
		}
	}
}

func TestObjectsThatAreNotThere(t *testing.T) {
	r := told(t, "pbx*CLI> pjsip show aor heman\nUnable to find object heman.\n\npbx*CLI> ")
	if got := ids(r); got != "w object-missing" || r.Findings[0].Title != "Asterisk has no AOR heman" {
		t.Errorf("%q %q", got, r.Findings[0].Title)
	}
	r = told(t, "root@pbx:~# asterisk -rx 'pjsip show endpoint 107'\n Endpoint:  <Endpoint/CID.....>  <State.....>  <Channels.>\n=====\n\n Endpoint:  107   Unavailable   0 of inf\n     InAuth:  107/107\n\n\n ParameterName  : ParameterValue\n ===\n aors           : nosuch\n auth           : 107\n")
	if got := ids(r); got != "w endpoints-no-aor" || !strings.Contains(r.Findings[0].Explanation, "names nosuch") {
		t.Errorf("%q %+v", got, r.Findings)
	}
}

func channelRows(rows ...string) string { return strings.Join(rows, "\n") + "\n" }

func TestWhichCallsHang(t *testing.T) {
	row := func(name, state, app string, age int) string {
		return fmt.Sprintf("%s!office!600!2!%s!%s!data!with!marks!101!!!3!%d!!1795945180.%d", name, state, app, age, age)
	}
	var rings []string
	for i := range 10 {
		rings = append(rings, row(fmt.Sprintf("SIP/itsp-%08d", i), "Ring", "Wait", 5))
	}
	for _, tt := range []struct{ name, text, want string }{
		{"calls", channelRows(row("SIP/101-1", "Up", "Dial", 14399), row("SIP/itsp-2", "Ringing", "AppDial", 599)), ""},
		{"for four hours", channelRows(row("SIP/101-1", "Up", "Dial", 14400)), "w channels-stuck"},
		{"an agent of a call centre", channelRows(row("SIP/101-1", "Up", "AgentLogin", 28800), row("SIP/101-2", "Up", "ConfBridge", 28800)), ""},
		{"ringing for ten minutes", channelRows(row("SIP/101-1", "Ringing", "AppDial", 600)), "w channels-stuck.waiting"},
		{"waiting in a queue", channelRows(row("SIP/itsp-1", "Ring", "Queue", 900)), ""},
		{"nine callers", channelRows(rings[:9]...), ""},
		{"ten callers", channelRows(rings...), "w many-ringing"},
		{"ten callers among many calls", channelRows(append(slicesOf("SIP/a-", 11, row), rings...)...), ""},
	} {
		r := told(t, tt.text)
		if got := ids(r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		for _, f := range r.Findings {
			for _, e := range f.Evidence {
				if strings.Contains(e.Got, "data") || strings.Contains(e.Got, "600") {
					t.Errorf("%s: the evidence tells who was called: %s", tt.name, e.Got)
				}
			}
		}
	}
	const heading = "Channel              Context              Extension        Prio State   Application  Data                      CallerID        Duration Accountcode PeerAccount BridgeID\n"
	verbose := func(name, state, number, age string) string {
		return fmt.Sprintf("%-20.20s %-20.20s %-16.16s %4d %-7.7s %-12.12s %-25.25s %-15.15s %8.8s %-11.11s %-11.11s %-20.20s\n", name, "office", "600", 1, state, "Dial", "PJSIP/102", number, age, "", "", "")
	}
	for _, tt := range []struct{ name, text, want, command string }{
		{"verbose, for four hours", verbose("PJSIP/101-00000001", "Up", "101", "04:00:00"), "w channels-stuck", "asterisk -rx 'channel request hangup PJSIP/101-00000001'"},
		{"verbose, not quite", verbose("PJSIP/101-00000001", "Up", "101", "03:59:59"), "", ""},
		{"verbose, for days", verbose("PJSIP/101-00000001", "Up", "101", "123:45:06"), "w channels-stuck", "asterisk -rx 'channel request hangup PJSIP/101-00000001'"},
		{"verbose, for months", verbose("PJSIP/101-00000001", "Up", "101", "1234:45:06"), "w channels-stuck", "asterisk -rx 'channel request hangup PJSIP/101-00000001'"},
		{"verbose, a caller whose number looks like an age", verbose("PJSIP/101-00000001", "Up", "99:59:59", "00:00:05"), "", ""},
		{"verbose, a name that is cut", verbose("PJSIP/provider-00000001", "Up", "101", "04:00:00"), "w channels-stuck", ""},
		{"a handset off its hook", verbose("DAHDI/1-1", "OffHook", "", "04:00:00"), "", ""},
	} {
		r := told(t, heading+tt.text)
		command := ""
		for _, f := range r.Findings {
			for _, x := range f.Fixes {
				command += strings.Join(x.Commands, " ")
			}
		}
		if got := ids(r); got != tt.want || command != tt.command {
			t.Errorf("%s: %q with %q, want %q with %q", tt.name, got, command, tt.want, tt.command)
			show(t, r)
		}
	}
	hostile := told(t, channelRows(row("SIP/a'; touch x;'-1", "Up", "Dial", 99999), row("SIP/101-2", "Up", "Dial", 99998)))
	if lines := hostile.Findings[0].Fixes[0].Commands; len(lines) != 1 || lines[0] != "asterisk -rx 'channel request hangup SIP/101-2'" {
		t.Errorf("%q", lines)
	}
}

func slicesOf(name string, n int, row func(string, string, string, int) string) (list []string) {
	for i := range n {
		list = append(list, row(fmt.Sprint(name, i), "Up", "Dial", 60))
	}
	return list
}

func TestModules(t *testing.T) {
	var all []string
	for _, n := range needs() {
		all = append(all, n.module)
	}
	list := func(change func(name string) string) string {
		text := "pbx*CLI> module show\nModule                         Description                              Use Count  Status      Support Level\n"
		n := 0
		for _, m := range all {
			if row := change(fmt.Sprintf("%-30s %-40.40s %-10d %-11s %13s", m, "A module", 0, "Running", "core")); row != "" {
				text, n = text+row+"\n", n+1
			}
		}
		return text + fmt.Sprintf("%d modules loaded\n", n)
	}
	phone := endpoints("Endpoint: 101/101 Not in use 0 of inf", "InAuth: 101/101", "Aor: 101 1", "Contact: 101/sip:101@192.0.2.34:5060 752cb2726b Avail 12.1")
	without := func(name string) string {
		return list(func(row string) string {
			if strings.HasPrefix(row, name+" ") {
				return ""
			}
			return row
		})
	}
	stopped := func(name string) string {
		return list(func(row string) string {
			if strings.HasPrefix(row, name+" ") {
				return strings.Replace(row, "Running    ", "Not Running", 1)
			}
			return row
		})
	}
	for _, tt := range []struct{ name, text, want string }{
		{"all are there", phone + list(func(row string) string { return row }), ""},
		{"no registrar", phone + without("res_pjsip_registrar.so"), "c module"},
		{"the registrar does not run", phone + stopped("res_pjsip_registrar.so"), "c module"},
		{"no registrar, and no PJSIP", without("res_pjsip_registrar.so"), ""},
		{"no registrar, and trunks alone", endpoints("Endpoint: itsp Not in use 0 of inf", "Aor: itsp 0", "Contact: itsp/sip:198.51.100.45 752cb2726c Avail 2.0", "Identify: itsp/itsp", "Match: 198.51.100.45/32") + without("res_pjsip_registrar.so"), ""},
		{"no RTP, and nobody with SIP", without("res_rtp_asterisk.so"), ""},
		{"no codec", phone + without("codec_alaw.so"), "w module"},
		{"no busy lamps", phone + without("res_pjsip_exten_state.so"), "i module"},
		{"no module for trunks, and no trunk", phone + without("res_pjsip_outbound_registration.so"), ""},
		{"no module for trunks", phone + pjsipRegistration("Registered        (exp. 3585s)") + without("res_pjsip_outbound_registration.so"), "c module"},
		{"no identifier by address, and nothing to identify", phone + without("res_pjsip_endpoint_identifier_ip.so"), ""},
		{"a part of the list", phone + "pbx*CLI> module show like codec\nModule Description Use Count Status Support Level\ncodec_ulaw.so mu-Law 0 Running core\n1 modules loaded\n", ""},
		{"asked by name", "pbx*CLI> module show like res_pjsip_registrar\nModule Description Use Count Status Support Level\n0 modules loaded\n", "c module"},
		{"chan_pjsip is missing, and so is every state", strings.Replace(phone, "Not in use", "Invalid", 1) + without("chan_pjsip.so"), "c module"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := told(t, tt.text)
			if got := ids(r); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
				show(t, r)
			}
		})
	}
	r := told(t, phone+without("res_pjsip_registrar.so"))
	if x := r.Findings[0].Fixes[0]; x.Commands[0] != "asterisk -rx 'module load res_pjsip_registrar.so'" || x.Undo[0] != "asterisk -rx 'module unload res_pjsip_registrar.so'" {
		t.Errorf("%+v", x)
	}
}

func TestTransportsAtOnePort(t *testing.T) {
	listing := func(rows ...string) string {
		return "\nTransport:  <TransportId........>  <Type>  <cos>  <tos>  <BindAddress....................>\n=====\n\nTransport:  " + strings.Join(rows, "\nTransport:  ") + fmt.Sprintf("\n\nObjects found: %d\n", len(rows))
	}
	sip := func(bind string) string {
		return "\n\nGlobal Settings:\n----------------\n  UDP Bindaddress:        " + bind + "\n  TCP SIP Bindaddress:    Disabled\n"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"one", listing("udp udp 0 0 0.0.0.0:5060"), ""},
		{"UDP and TCP", listing("udp udp 0 0 0.0.0.0:5060", "tcp tcp 0 0 0.0.0.0:5060"), ""},
		{"both drivers at one port", listing("udp udp 0 0 0.0.0.0:5060") + sip("0.0.0.0:5060"), "c transport-conflict"},
		{"browsers need no port of their own", listing("wss wss 0 0 0.0.0.0:5060") + "\n\nGlobal Settings:\n----------------\n  UDP Bindaddress:        0.0.0.0:5060\n  TCP SIP Bindaddress:    0.0.0.0:5060\n", ""},
		{"both drivers, one address of all", listing("udp udp 0 0 192.0.2.1:5060") + sip("0.0.0.0:5060"), "c transport-conflict"},
		{"both drivers at addresses of their own", listing("udp udp 0 0 192.0.2.1:5060") + sip("192.0.2.2:5060"), ""},
		{"both drivers at two ports", listing("udp udp 0 0 0.0.0.0:5060") + sip("0.0.0.0:5160"), ""},
		{"browsers and no STUN", listing("wss wss 0 0 0.0.0.0:8089") + "General Settings:\n  Port start:      10000\n  Port end:        20000\n  Strict RTP:      Yes\n  ICE support:     Yes\n  STUN:            disabled\n   Address:        0.0.0.0:0\n", "i ice-without-stun"},
		{"browsers and STUN", listing("wss wss 0 0 0.0.0.0:8089") + "General Settings:\n  Port start:      10000\n  Port end:        20000\n  Strict RTP:      Yes\n  ICE support:     Yes\n  STUN address:    192.0.2.53:3478\n", ""},
		{"no browsers", listing("udp udp 0 0 0.0.0.0:5060") + "General Settings:\n  Port start:      10000\n  Port end:        20000\n  Strict RTP:      No\n  ICE support:     Yes\n", "i strict-rtp-off"},
	} {
		if got := ids(told(t, tt.text)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWhatIsNotKnownIsNoPass(t *testing.T) {
	look := func(p *pbxtest.PBX) checks.Result {
		return run(t, &checks.Env{System: p})
	}
	version := "Asterisk 20.5.0 built by root @ pbx on a x86_64 running Linux on 2026-01-01\n"
	for _, tt := range []struct {
		name string
		r    checks.Result
		want checks.Status
	}{
		{"no Asterisk", look(&pbxtest.PBX{}), checks.Skip},
		{"it does not run", look(&pbxtest.PBX{Files: map[string]string{"/etc/asterisk/pjsip.conf": "[101]\ntype=endpoint\n"}}), checks.Inconclusive},
		{"this user may not ask it", look(&pbxtest.PBX{Files: map[string]string{"/etc/asterisk/pjsip.conf": ""}, Denied: []string{"asterisk -rx core show version"}}), checks.Inconclusive},
		{"it only says its version", look(&pbxtest.PBX{Prints: map[string]string{"asterisk -rx core show version": version}}), checks.Inconclusive},
		{"a text of something else", told(t, "hello"), checks.Inconclusive},
		{"an empty text", told(t, ""), checks.Inconclusive},
		{"a text that is cut", told(t, "Name/username             Host                                    Dyn Forcerpo\n101                       192.0.2.34                               D  Auto (Yes\n"), checks.Inconclusive},
	} {
		if tt.r.Status != tt.want {
			t.Errorf("%s: %s, want %s: %s, %s", tt.name, tt.r.Status, tt.want, tt.r.Summary, tt.r.Reason)
		}
	}
	// sip.conf is there, chan_sip is not.
	old := &pbxtest.PBX{Files: map[string]string{"/etc/asterisk/sip.conf": "[101]\ntype=friend\nhost=dynamic\n"}, Prints: map[string]string{
		"asterisk -rx core show version": version, "asterisk -rx sip show peers": "No such command 'sip show peers' (type 'core show help sip show' for other possible commands)\n",
	}}
	if got := ids(look(old)); got != "c no-chan-sip" {
		t.Errorf("%q", got)
	}
	old.Files["/etc/asterisk/pjsip.conf"] = "[101]\ntype=endpoint\n"
	if got := ids(look(old)); got != "i no-chan-sip" {
		t.Errorf("beside PJSIP: %q", got)
	}
}

// What stands in pjsip.conf is not missed where sorcery.conf takes it from a database.
func TestObjectsOfADatabase(t *testing.T) {
	for sorcery, want := range map[string]string{"": "w not-loaded", "[res_pjsip]\nendpoint=realtime,ps_endpoints\n": "", "[res_pjsip]\naor=realtime,ps_aors\n": "w not-loaded"} {
		p := &pbxtest.PBX{Files: map[string]string{"/etc/asterisk/pjsip.conf": "[102]\ntype=endpoint\n", "/etc/asterisk/sorcery.conf": sorcery}, Prints: map[string]string{
			"asterisk -rx core show version":    "Asterisk 20.5.0 built by root @ pbx on a x86_64 running Linux on 2026-01-01\n",
			"asterisk -rx pjsip show endpoints": endpoints("Endpoint: 101/101 Not in use 0 of inf", "InAuth: 101/101", "Aor: 101 1", "Contact: 101/sip:101@192.0.2.34:5060 752cb2726b Avail 12.1"),
		}}
		if got := ids(run(t, &checks.Env{System: p})); got != want {
			t.Errorf("%q: %q, want %q", sorcery, got, want)
		}
	}
}

// A name that somebody chose is quoted, and stands in no command.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"$(touch_x)", "`x`", "a;b", "-F", "<script>", strings.Repeat("x", 500)} {
		text := peers("101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)", name+" 203.0.113.7 D Yes Yes 5060 UNREACHABLE") +
			endpoints("Endpoint: "+name+" Unavailable 0 of inf", "InAuth: x/x") + contacts(name+"/sip:x@192.0.2.9 752cb2726b Unavail nan")
		r := told(t, text)
		for _, f := range r.Findings {
			if strings.ContainsAny(f.Title+f.Explanation, "\x1b\u202e") {
				t.Errorf("%q: %q", name, f.Title)
			}
			for _, x := range f.Fixes {
				t.Errorf("%q: %q", name, x.Commands)
			}
		}
	}
}

func FuzzPaste(f *testing.F) {
	f.Add(peers("101/101 192.0.2.34 D Yes Yes 5060 UNREACHABLE") + registry("Auth. sent", ""))
	f.Add(endpoints("Endpoint: 102 Unavailable 0 of inf", "InAuth: 102/102", "Aor: 102 0", "Identify: a/b", "Match: 10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		pbxtest.Judged(t, Check(), &checks.Env{Files: []checks.File{pbxtest.Text("paste.txt", text)}}, nil)
	})
}
