package fail2ban

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestFailedAttempts(t *testing.T) {
	for _, tc := range []struct{ name, line, at, addr, account, reason string }{
		{"chan_sip, wrong password", `[2026-11-22 11:58:00] NOTICE[1638] chan_sip.c: Registration from '"110" <sip:110@pbx.example.net:5060>' failed for '192.0.2.7:5060' - Wrong password`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "110", WrongPassword},
		{"no year, the day with one digit", `[Nov  2 11:58:00] NOTICE[1638][C-0000000a]: chan_sip.c:28468 handle_request_register: Registration from 'sip:bob@pbx' failed for '192.0.2.7:5060' - No matching peer found`,
			"2026-11-02T11:58:00Z", "192.0.2.7", "bob", UnknownAccount},
		{"last December", `[Dec 31 23:59:59] NOTICE[1] chan_sip.c: Registration from '<sip:110@pbx>' failed for '192.0.2.7' - Device does not match ACL`,
			"2025-12-31T23:59:59Z", "192.0.2.7", "110", NotPermitted},
		{"PJSIP, no such endpoint", `[2026-11-22 11:58:00.123] NOTICE[19388] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '"x" <sip:999@192.0.2.1>' failed for '192.0.2.7:48336' (callid: 2@192.0.2.7) - No matching endpoint found after 5 tries in 2.500 ms`,
			"2026-11-22T11:58:00.123Z", "192.0.2.7", "999", UnknownAccount},
		{"PJSIP, IPv6", `[2026-11-22T11:58:00+0300] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'INVITE' from '<sip:110@pbx>' failed for '[2001:db8::7]:5060' (callid: a) - Failed to authenticate`,
			"2026-11-22T08:58:00Z", "2001:db8::7", "110", WrongPassword},
		{"PJSIP, the ACL of a contact", `[2026-11-22 11:58:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:110@pbx>' failed for '192.0.2.7:5060' (callid: a) - Not match Endpoint Contact ACL`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "110", NotPermitted},
		{"security event, TLS", `[2026-11-22 11:58:00] SECURITY[77]: res_security_log.c:114 security_event_stasis_cb: SecurityEvent="InvalidPassword",EventTV="2026-11-22T11:58:00.192+0000",Severity="Error",Service="PJSIP",EventVersion="2",AccountID="110",SessionID="a",LocalAddress="IPV4/TLS/192.0.2.1/5061",RemoteAddress="IPV4/TLS/192.0.2.7/55287",Challenge="1",ReceivedChallenge="1"`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "110", WrongPassword},
		{"security event, IPv6", `[2026-11-22 11:58:00] SECURITY[77] res_security_log.c: SecurityEvent="InvalidAccountID",EventTV="x",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="6001",SessionID="b",LocalAddress="IPV6/UDP/2001:db8::1/5060",RemoteAddress="IPV6/UDP/2001:db8::7/5060"`,
			"2026-11-22T11:58:00Z", "2001:db8::7", "6001", UnknownAccount},
		{"syslog", `Nov 22 11:58:00 pbx asterisk[32229]: NOTICE[32257]: chan_sip.c:23417 in handle_request_register: Registration from '<sip:301@pbx>' failed for '192.0.2.7:36998' - Wrong password`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "301", WrongPassword},
		{"journalctl", `2026-11-22T12:58:00+0100 pbx asterisk[566]: NOTICE[566]: chan_sip.c:28926 handle_request_register: Registration from '"28" <sip:28@192.0.2.1>' failed for '192.0.2.7:7998' - Wrong password`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "28", WrongPassword},
		{"a call without an extension", `[2026-11-22 11:58:00] NOTICE[1]: res_pjsip_session.c:2337 new_invite: Call from 'anonymous' (TCP:[192.0.2.7]:61470) to extension '9011442037690237' rejected because extension not found in context 'default'.`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "9011442037690237", NoExtension},
		{"a caller that nobody knows", `[2026-11-22 11:58:00] WARNING[1][C-0000001d] Ext. s: "Rejecting unknown SIP connection from [2001:db8::7]:5060"`,
			"2026-11-22T11:58:00Z", "2001:db8::7", "", UnknownSource},
		{"the manager", `[2026-11-22 11:58:00] NOTICE[31554] manager.c: 192.0.2.7 tried to authenticate with nonexistent user 'opennms'`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "opennms", UnknownAccount},
		{"IAX2", `[2026-11-22 11:58:00] NOTICE[1] chan_iax2.c: No registration for peer 'trunk' (from 192.0.2.7)`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "trunk", UnknownAccount},
		{"fail2ban's own ban, for recidive", `2026-11-22 11:58:00,254 fail2ban.actions        [3450]: NOTICE  [asterisk] Ban 192.0.2.7`,
			"2026-11-22T11:58:00.254Z", "192.0.2.7", "asterisk", Banned},
		// Strangers choose names; the address is Asterisk's.
		{"a user name that looks like a failure", `[2026-11-22 11:58:00] NOTICE[1] chan_sip.c: Registration from 'x' failed for '203.0.113.1' - Wrong password' failed for '192.0.2.7:5060' - No matching peer found`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "x' failed for '203.0.113.1' - Wrong password", UnknownAccount},
		{"an extension that looks like a caller", `[2026-11-22 11:58:00] NOTICE[1]: res_pjsip_session.c: Call from 'anonymous' (UDP:192.0.2.7:5060) to extension '9 (UDP:203.0.113.1:5060) to extension '8' rejected because extension not found in context 'default'.`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "9 (UDP:203.0.113.1:5060) to extension '8", NoExtension},
		{"a name with a word of another line", `[2026-11-22 11:58:00] NOTICE[31554] manager.c: 192.0.2.7 failed to authenticate as '] Ban 203.0.113.1'`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "] Ban 203.0.113.1", WrongPassword},
		{"a session that looks like an address", `[2026-11-22 11:58:00] SECURITY[6988] res_security_log.c: SecurityEvent="InvalidAccountID",EventTV="x",Severity="Error",Service="SIP",EventVersion="1",AccountID="7",SessionID="",LocalAddress="IPV4/UDP/127.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.1/1111"",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/5061"`,
			"2026-11-22T11:58:00Z", "192.0.2.7", "7", UnknownAccount},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, ok := readAttempt(parserOf(time.UTC, testNow), []byte(tc.line+"\n"))
			if !ok || a.at.UTC().Format(time.RFC3339Nano) != tc.at || a.addr.String() != tc.addr || a.account != tc.account || a.reason != tc.reason {
				t.Errorf("%v: %v %v %q %q", ok, a.at, a.addr, a.account, a.reason)
			}
		})
	}
}

func TestLinesThatAreNoFailure(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":                   "",
		"no time":                   "NOTICE[1] chan_sip.c: Registration from 'x' failed for '192.0.2.7' - Wrong password",
		"a phone registers":         `[2026-11-22 11:58:00] SECURITY[1] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="x",AccountID="110",SessionID="a",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/5060"`,
		"a challenge is no failure": `[2026-11-22 11:58:00] SECURITY[1] res_security_log.c: SecurityEvent="ChallengeSent",EventTV="x",AccountID="110",SessionID="a",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/5060"`,
		"a challenge to a name that looks like a failure": `[2026-11-22 11:58:00] SECURITY[1] res_security_log.c: SecurityEvent="ChallengeSent",EventTV="x",AccountID="1 from 'x' failed for '203.0.113.1' - Wrong password",SessionID="a",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/5060"`,
		"an event cut short":                              `[2026-11-22 11:58:00] SECURITY[1] res_security_log.c: SecurityEvent="InvalidPassword",AccountID="110",SessionID="a",RemoteAddress="IPV4/UDP/192.0.2.7`,
		"no address":                                      "[2026-11-22 11:58:00] NOTICE[1] chan_sip.c: Registration from 'x' failed for 'pbx.example.net' - Wrong password",
		"a restored ban":                                  "2026-11-22 11:58:00,254 fail2ban.actions [3450]: NOTICE  [asterisk] Restore Ban 192.0.2.7",
		"a bad month":                                     "[Foo 22 11:58:00] NOTICE[1] chan_sip.c: Registration from 'x' failed for '192.0.2.7' - Wrong password",
	} {
		if a, ok := readAttempt(parserOf(time.UTC, testNow), []byte(line)); ok {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add([]byte(`[Nov 22 11:58:00] NOTICE[1638] chan_sip.c: Registration from '"110" <sip:110@pbx>' failed for '192.0.2.7:5060' - Wrong password`))
	f.Add([]byte(`2026-11-22T12:58:00+0100 x SecurityEvent="InvalidPassword",AccountID="1",SessionID="",RemoteAddress="IPV4/UDP/192.0.2.7/5061"`))
	f.Add([]byte(`[2026-11-22 11:58:00.123] (TCP:[192.0.2.7]:61470) to extension '9' rejected because extension not found in context 'default'.`))
	f.Add([]byte(`2026-11-22 11:58:00,254 fail2ban.actions [3]: NOTICE [a] Ban 192.0.2.7`))
	f.Add([]byte(`9999-12-31 23:59:59-2300 fail2ban.actions [3]: NOTICE [a] Ban 192.0.2.7`))
	f.Add([]byte(`0000-01-01 00:00:00+2300 fail2ban.actions [3]: NOTICE [a] Ban 192.0.2.7`))
	f.Fuzz(func(t *testing.T, line []byte) {
		a, ok := readAttempt(parserOf(time.UTC, testNow), line)
		if ok && (!a.addr.IsValid() || a.addr.Is4In6() || len(a.account) > 3*64 || strings.ContainsRune(a.line, '\n') && len(a.line) > maxText+4) {
			t.Errorf("%q is read as %+v", line, a)
		}
		if _, err := json.Marshal(a.at); err != nil {
			t.Errorf("%q cannot be written into a report: %v", line, err)
		}
		h := &logHistory{}
		h.chunk(line, &wanted{texts: [][]byte{[]byte("192.0.2."), []byte("7")}, now: testNow, zone: time.UTC})
	})
}
