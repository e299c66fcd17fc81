package asteriskstate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// peers is "sip show peers" with the given rows, squeezed as a mail shows them.
func peers(rows ...string) string {
	return "pbx*CLI> sip show peers\nName/username Host Dyn Forcerport Comedia ACL Port Status Description\n" + strings.Join(rows, "\n") +
		fmt.Sprintf("\n%d sip peers [Monitored: 1 online, 0 offline Unmonitored: 0 online, 0 offline]\n", len(rows))
}

func contacts(rows ...string) string {
	text := "\n  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>\n" + strings.Repeat("=", 90) + "\n\n"
	for _, r := range rows {
		text += "  Contact:  " + r + "\n"
	}
	return text + fmt.Sprintf("\nObjects found: %d\n", len(rows))
}

func TestWhichPhonesAreReachable(t *testing.T) {
	const ok101, ok102 = "101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)", "102/102 192.0.2.34 D Yes Yes 5062 OK (38 ms)"
	for _, tt := range []struct {
		name, text, want string
		status           checks.Status
	}{
		{"all answer", peers(ok101, ok102, "itsp 198.51.100.45 No No 5060 OK (2 ms)"), "", checks.Pass},
		{"one of an office is off", peers(ok101, ok102, "103/103 192.0.2.34 D Yes Yes 5064 UNREACHABLE"), "w phones-unreachable", checks.Warn},
		{"one at another place is off", peers(ok101, "103/103 203.0.113.7 D Yes Yes 5064 UNREACHABLE"), "w phones-unreachable", checks.Warn},
		{"an office is gone", peers(ok101, "103/103 203.0.113.7 D Yes Yes 5064 UNREACHABLE", "104/104 203.0.113.7 D Yes Yes 5066 UNREACHABLE"), "c phones-unreachable.network", checks.Fail},
		{"an office of which one answers", peers(ok101, "103 203.0.113.7 D Yes Yes 5064 UNREACHABLE", "104 203.0.113.7 D Yes Yes 5066 UNREACHABLE", "105 203.0.113.7 D Yes Yes 5068 LAGGED (2100 ms)"), "w phones-unreachable; w phones-slow", checks.Warn},
		{"two of the LAN are off", peers(ok101, "103 10.0.0.3 D No No 5060 UNREACHABLE", "104 10.0.0.4 D No No 5060 UNREACHABLE", "105 10.0.0.5 D No No 5060 OK (1 ms)"), "w phones-unreachable", checks.Warn},
		{"nobody answers", peers("101 192.0.2.34 D Yes Yes 5060 UNREACHABLE", "102 203.0.113.7 D Yes Yes 5060 UNREACHABLE", "103 203.0.113.8 D Yes Yes 5060 UNREACHABLE"), "c phones-unreachable.all", checks.Fail},
		{"two do not answer, and there are no others", peers("101 192.0.2.34 D Yes Yes 5060 UNREACHABLE", "102 203.0.113.7 D Yes Yes 5060 UNREACHABLE"), "w phones-unreachable", checks.Warn},
		{"one was registered", peers(ok101, "804/804 (Unspecified) D Yes Yes 0 UNREACHABLE Cached RT"), "w phones-gone", checks.Warn},
		{"one never registered", peers(ok101, "102/102 (Unspecified) D Yes Yes 0 UNKNOWN"), "i phones-unregistered", checks.Pass},
		{"one is not monitored and not registered", peers(ok101, "102 (Unspecified) D Yes Yes 0 Unmonitored"), "i phones-unregistered", checks.Pass},
		{"none is registered", peers("101 (Unspecified) D Yes Yes 0 UNREACHABLE", "102 (Unspecified) D Yes Yes 0 UNKNOWN", "103 (Unspecified) D Yes Yes 0 UNKNOWN"), "c no-phones", checks.Fail},
		{"none is registered, just after the start", "System uptime: 299\n" + peers("101 (Unspecified) D Yes Yes 0 UNREACHABLE", "102 (Unspecified) D Yes Yes 0 UNKNOWN", "103 (Unspecified) D Yes Yes 0 UNKNOWN"), "w no-phones", checks.Warn},
		{"none is registered five minutes after the start", "System uptime: 5 minutes, 1 second\n" + peers("101 (Unspecified) D Yes Yes 0 UNREACHABLE", "102 (Unspecified) D Yes Yes 0 UNKNOWN", "103 (Unspecified) D Yes Yes 0 UNKNOWN"), "c no-phones", checks.Fail},
		{"one of two spare numbers", peers("101 (Unspecified) D Yes Yes 0 UNKNOWN", "102 (Unspecified) D Yes Yes 0 UNKNOWN"), "i phones-unregistered", checks.Pass},
		{"three rows of a list", strings.Replace(peers("101 (Unspecified) D Yes Yes 0 UNREACHABLE", "102 (Unspecified) D Yes Yes 0 UNKNOWN", "103 (Unspecified) D Yes Yes 0 UNKNOWN"), "3 sip peers", "100 sip peers", 1), "w phones-gone; i phones-unregistered", checks.Warn},
		{"three rows of a list, silent", strings.Replace(peers("101 192.0.2.34 D Yes Yes 5060 UNREACHABLE", "102 192.0.2.34 D Yes Yes 5062 UNREACHABLE", "103 203.0.113.8 D Yes Yes 5060 UNREACHABLE"), "3 sip peers", "100 sip peers", 1), "w phones-unreachable", checks.Warn},
		{"two of one office, and there are no others", peers("101 192.0.2.34 D Yes Yes 5060 UNREACHABLE", "102 192.0.2.34 D Yes Yes 5062 UNREACHABLE"), "w phones-unreachable", checks.Warn},
		{"a trunk of which no other is known to answer", strings.Replace(peers("itsp 198.51.100.45 No No 5060 UNREACHABLE"), "1 sip peers", "9 sip peers", 1), "w trunks-unreachable", checks.Warn},
		{"PJSIP, a phone that was elsewhere before", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Unavail nan", "101/sip:101@203.0.113.9:5060 752cb2726d Avail 3.1"), "", checks.Pass},
		{"PJSIP, two old contacts of one phone", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Unavail nan", "101/sip:101@192.0.2.34:5062 752cb2726c Unavail nan", "103/sip:103@203.0.113.9:5060 752cb2726d Avail 3.1"), "w phones-unreachable", checks.Warn},
		{"just registered and not asked yet", peers(ok101, "102 192.0.2.34 D Yes Yes 5062 UNKNOWN"), "", checks.Pass},
		{"late by the limit", peers(ok101, "102 192.0.2.34 D Yes Yes 5062 LAGGED (2100 ms)"), "w phones-slow", checks.Warn},
		{"late by G.114", peers(ok101, "102 192.0.2.34 D Yes Yes 5062 OK (800 ms)"), "w phones-slow", checks.Warn},
		{"not quite late", peers(ok101, "102 192.0.2.34 D Yes Yes 5062 OK (799 ms)"), "", checks.Pass},
		{"behind NAT and not asked", peers(ok101, "102 203.0.113.7 D Auto (Yes) Yes 5062 Unmonitored"), "w unmonitored-nat", checks.Warn},
		{"not behind NAT and not asked", peers(ok101, "102 203.0.113.7 D Auto (No) No 5062 Unmonitored"), "", checks.Pass},
		{"a trunk is off", peers(ok101, "itsp 198.51.100.45 No No 5060 UNREACHABLE", "other 198.51.100.46 No No 5060 OK (3 ms)"), "w trunks-unreachable", checks.Warn},
		{"every trunk is off", peers(ok101, "itsp 198.51.100.45 No No 5060 UNREACHABLE"), "c trunks-unreachable", checks.Fail},
		{"a trunk is not asked", peers(ok101, "itsp 198.51.100.45 No No 5060 Unmonitored"), "", checks.Pass},
		{"PJSIP, all answer", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Avail 23.5", "102/sip:102@192.0.2.34:5062 752cb2726c Avail 799.9"), "", checks.Pass},
		{"PJSIP, one is off and one is slow", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Unavail nan", "102/sip:102@192.0.2.34:5062 752cb2726c Avail 800.0"), "w phones-unreachable; w phones-slow", checks.Warn},
		{"PJSIP, an office is gone", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Unavail nan", "102/sip:102@192.0.2.34:5062 752cb2726c Unavail nan", "103/sip:103@203.0.113.9:5060 752cb2726d Avail 3.1"), "c phones-unreachable.network", checks.Fail},
		{"PJSIP, NAT found and not asked", contacts("101/sip:101@192.0.2.34:5060;x-ast-orig-host=10.0 752cb2726b NonQual nan", "103/sip:103@203.0.113.9:5060 752cb2726d Avail 3.1"), "w unmonitored-nat", checks.Warn},
		{"PJSIP, not asked", contacts("101/sip:101@192.0.2.34:5060 752cb2726b NonQual nan"), "", checks.Pass},
		{"PJSIP, not asked yet", contacts("101/sip:101@192.0.2.34:5060 752cb2726b Unknown nan"), "", checks.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := told(t, tt.text)
			if got := ids(r); got != tt.want || r.Status != tt.status {
				t.Errorf("%s: %q, want %s: %q", r.Status, got, tt.status, tt.want)
				show(t, r)
			}
		})
	}
}

// A private address in a contact is a fault where the phone is elsewhere, and no
// fault in the server's own network.
func TestPrivateContacts(t *testing.T) {
	const outside, inside = "103/sip:103@203.0.113.9:5060 752cb2726d Avail 3.1", "101/sip:101@192.168.1.5:5060 752cb2726b Unavail nan"
	for name, tt := range map[string]struct{ text, want string }{
		"others come over the Internet":      {contacts(outside, inside), "w private-contact"},
		"its neighbour answers":              {contacts(outside, inside, "104/sip:104@192.168.1.9:5060 752cb2726e Avail 1.0"), "w phones-unreachable"},
		"nobody comes over the Internet":     {contacts(inside, "104/sip:104@192.168.2.9:5060 752cb2726e Avail 1.0"), "w phones-unreachable"},
		"it is not asked and may be reached": {contacts(outside, "101/sip:101@192.168.1.5:5060 752cb2726b NonQual nan"), ""},
	} {
		if got := ids(told(t, tt.text)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A running server knows which networks it has a way to.
func TestPrivateContactsOfAServer(t *testing.T) {
	for name, tt := range map[string]struct{ routes, status, want string }{
		"another part of the office": {`{"dst":"default","gateway":"10.0.0.1","dev":"eth0","table":"main"},{"dst":"10.0.0.0/24","dev":"eth0","table":"main"}`, "NonQual nan", ""},
		"no way there":               {`{"dst":"192.0.2.0/24","dev":"eth0","table":"main"}`, "Unavail nan", "c private-contact"},
		"no way there, and unasked":  {`{"dst":"192.0.2.0/24","dev":"eth0","table":"main"}`, "NonQual nan", "c private-contact"},
		"no way there, it answers":   {`{"dst":"192.0.2.0/24","dev":"eth0","table":"main"}`, "Avail 3.0", ""},
		"its own network":            {`{"dst":"192.168.1.0/24","dev":"eth1","table":"main"}`, "Unavail nan", "w phones-unreachable"},
		"a VPN":                      {`{"dst":"192.168.0.0/16","gateway":"10.8.0.1","dev":"tun0","table":"main"}`, "Unavail nan", "w phones-unreachable"},
		"routes that are not known":  {``, "Unavail nan", "w phones-unreachable"},
	} {
		p := &pbxtest.PBX{Prints: map[string]string{
			"asterisk -rx core show version":   "Asterisk 20.5.0 built by root @ pbx on a x86_64 running Linux on 2026-01-01\n",
			"asterisk -rx pjsip show contacts": contacts("101/sip:101@192.168.1.5:5060 752cb2726b " + tt.status),
		}}
		if tt.routes != "" {
			own := `{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"},`
			if strings.Contains(tt.routes, "default") {
				own = ""
			}
			p.Prints["ip -j route show table all"] = `[` + own + tt.routes + `]`
		}
		r := run(t, &checks.Env{System: p})
		if got := ids(r); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
			show(t, r)
		}
	}
}

// A private network is one office, whatever addresses its phones have.
func TestAnOfficeNetworkIsNamed(t *testing.T) {
	r := told(t, peers("101 192.0.2.34 D Yes Yes 5060 OK (40 ms)", "103 10.0.0.3 D No No 5060 UNREACHABLE", "104 10.0.0.4 D No No 5060 UNREACHABLE", "105 10.0.0.5 D No No 5060 UNREACHABLE", "106 10.0.1.5 D No No 5060 OK (1 ms)"))
	// Others come over the Internet: these may as well be contacts that nobody rewrote.
	if got := ids(r); got != "w private-contact" {
		t.Errorf("%q", got)
	}
	r = told(t, peers("103 10.0.0.3 D No No 5060 UNREACHABLE", "104 10.0.0.4 D No No 5060 UNREACHABLE", "105 10.0.0.5 D No No 5060 UNREACHABLE", "106 10.0.1.5 D No No 5060 OK (1 ms)"))
	if got := ids(r); got != "c phones-unreachable.network" || r.Findings[0].Subject != "10.0.0.0/24" {
		t.Errorf("%q %q", got, r.Findings[0].Subject)
	}
}
