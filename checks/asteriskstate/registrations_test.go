package asteriskstate

import (
	"strings"
	"testing"
)

func registry(state, since string) string {
	return "Host                                    dnsmgr Username       Refresh State                Reg.Time\n" +
		"198.51.100.45:5060                      N      74951234567        105 " + state + " " + since + "\n1 SIP registrations.\n"
}

func pjsipRegistration(status string) string {
	return "\n <Registration/ServerURI..............................>  <Auth....................>  <Status.......>\n" + strings.Repeat("=", 90) +
		"\n\n itsp-reg/sip:sip.provider.example:5060                  itsp-auth                   " + status + "\n\nObjects found: 1\n"
}

func TestWhatRegistrationsMean(t *testing.T) {
	const uptime = "System uptime: 3600\n"
	for _, tt := range []struct{ name, text, want string }{
		{"registered", registry("Registered", "Thu, 07 May 2026 19:01:41"), ""},
		{"no answer to the password", registry("Auth. sent", "Thu, 07 May 2026 19:01:41"), "c registration.auth-sent"},
		{"in capitals", registry("Auth. Sent", ""), "c registration.auth-sent"},
		{"no answer", registry("Request Sent", ""), "c registration.unanswered"},
		{"403", registry("No Authentication", ""), "c registration.forbidden"},
		{"404", registry("Rejected", ""), "c registration.refused"},
		{"given up", registry("Failed", ""), "c registration.stopped"},
		{"timeout", registry("Timeout", ""), "c registration.unanswered"},
		{"not sent", registry("Unregistered", ""), "w registration.unsent"},
		{"PJSIP registered", uptime + pjsipRegistration("Registered        (exp. 3585s)"), ""},
		{"PJSIP, renewal due", uptime + pjsipRegistration("Registered        (exp. 3s ago)"), ""},
		{"PJSIP, renewal not answered", uptime + pjsipRegistration("Registered        (exp. 4s ago)"), "w registration.renewing"},
		{"PJSIP, renewal still being tried", uptime + pjsipRegistration("Registered        (exp. 35s ago)"), "w registration.renewing"},
		{"PJSIP, renewal long due", uptime + pjsipRegistration("Registered        (exp. 36s ago)"), "c registration.expired"},
		{"PJSIP rejected", uptime + pjsipRegistration("Rejected          (exp. 56s)"), "c registration.rejected"},
		{"PJSIP trying again", uptime + pjsipRegistration("Rejected          (exp. 35s ago)"), "c registration.rejected"},
		{"PJSIP given up", uptime + pjsipRegistration("Rejected          (exp. 36s ago)"), "c registration.stopped"},
		{"PJSIP of Asterisk 13", uptime + pjsipRegistration("Rejected        "), "c registration.rejected"},
		{"PJSIP of Asterisk 13, stopped", uptime + pjsipRegistration("Stopped         "), "c registration.stopped"},
		{"PJSIP about to try", "System uptime: 60\n" + pjsipRegistration("Unregistered      (exp. 4s)"), ""},
		{"PJSIP about to try, how long it runs is not known", pjsipRegistration("Unregistered      (exp. 4s)"), ""},
		{"PJSIP taken back by hand", uptime + pjsipRegistration("Unregistered      (exp. 400s ago)"), "w registration.idle"},
		{"PJSIP idle", "System uptime: 61\n" + pjsipRegistration("Unregistered      (exp. 4s)"), "w registration.idle"},
		{"PJSIP without any answer yet", "System uptime: 20\n" + pjsipRegistration("Unregistered      (exp. 12s ago)"), "c registration.unanswered"},
		{"PJSIP tries without an answer", uptime + pjsipRegistration("Unregistered      (exp. 35s ago)"), "c registration.unanswered"},
		{"PJSIP tries no more", uptime + pjsipRegistration("Unregistered      (exp. 36s ago)"), "w registration.idle"},
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

// Two servers that do not answer are less likely at fault than the line to both.
func TestAllRegistrationsAtOnce(t *testing.T) {
	both := strings.Replace(registry("Request Sent", ""), "1 SIP", "198.51.100.99:5060                      N      user               105 Request Sent \n2 SIP", 1)
	if r := told(t, both); !strings.Contains(r.Findings[0].Explanation, "line and") {
		t.Errorf("%s", r.Findings[0].Explanation)
	}
	if r := told(t, registry("Request Sent", "")); strings.Contains(r.Findings[0].Explanation, "All registrations") {
		t.Errorf("%s", r.Findings[0].Explanation)
	}
}

// Who has given up is made to try again by a command that names it, if its name is
// one word; no other name comes near a shell.
func TestRegisterAgain(t *testing.T) {
	for name, want := range map[string]string{
		"itsp-reg": "asterisk -rx 'pjsip send register itsp-reg'", "a;touch": "", "$(touch)": "", "'x'": "", "a|b": "", "`x`": "",
	} {
		r := told(t, strings.Replace(pjsipRegistration("Rejected          (exp. 99s ago)"), "itsp-reg", name, 1))
		if got := ids(r); got != "c registration.stopped" {
			t.Fatalf("%s: %s", name, got)
		}
		var lines []string
		for _, f := range r.Findings[0].Fixes {
			lines = append(lines, f.Commands...)
		}
		if got := strings.Join(lines, " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The trunk is registered at one port and called at another, which is silent.
func TestATrunkOfTwoPorts(t *testing.T) {
	for row, want := range map[string]string{
		"itsp 198.51.100.45 No No 5080 UNREACHABLE": "w other-port", "itsp 198.51.100.45 No No 5080 OK (3 ms)": "", "itsp 198.51.100.45 No No 5060 UNREACHABLE": "",
	} {
		text := registry("Registered", "Thu, 07 May 2026 19:01:41") + peers("101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)", row, "other 198.51.100.46 No No 5060 OK (3 ms)")
		if got := ids(told(t, text)); strings.Contains(got, "other-port") != (want != "") {
			t.Errorf("%s: %q, want %q", row, got, want)
		}
	}
}
