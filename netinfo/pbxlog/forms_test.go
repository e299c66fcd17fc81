package pbxlog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func atTestNow() time.Time { return testNow }

// said is an event in one line.
func said(e *Event) string {
	parts := []string{string(e.Kind)}
	for _, s := range []string{e.Cause, string(e.Account), string(e.Peer), string(e.Context)} {
		if s == "" {
			s = "-"
		}
		parts = append(parts, s)
	}
	if e.Addr.IsValid() {
		parts = append(parts, e.Addr.String())
	}
	if e.Code != 0 {
		parts = append(parts, fmt.Sprint(e.Code))
	}
	if e.RTT != 0 || e.Limit != 0 {
		parts = append(parts, e.RTT.String()+" / "+e.Limit.String())
	}
	return strings.Join(parts, " ")
}

func parse(line string) (string, *Event) {
	p := Parser{Clock: Clock{Zone: time.UTC, Now: atTestNow}}
	var e Event
	if told, _ := p.Parse([]byte(line), &e); !told {
		return "", &e
	}
	return said(&e), &e
}

// What each message of a PBX tells. The messages are those of the sources of
// Asterisk 1.8 to 22, FreeSWITCH 1.10, Kamailio 5.6 and fail2ban 1.0.
func TestWhatALineTells(t *testing.T) {
	for _, tc := range []struct{ msg, want string }{
		{`NOTICE[1] chan_sip.c: Registration from '"110" <sip:110@pbx.example.net>' failed for '192.0.2.7:5060' - Wrong password`, "refused wrong-password 110 - - 192.0.2.7"},
		{`NOTICE[1] chan_sip.c: Registration from '<sip:110@pbx>' failed for '192.0.2.7' - Username/auth name mismatch`, "refused name-mismatch 110 - - 192.0.2.7"},
		{`NOTICE[1] chan_sip.c: Registration from '<sip:110@pbx>' failed for '192.0.2.7' - Device not configured to use this transport type`, "refused transport 110 - - 192.0.2.7"},
		{`NOTICE[1] chan_sip.c: Registration from '<sip:110@pbx>' failed for '192.0.2.7' - Not a local domain`, "refused unknown-domain 110 - - 192.0.2.7"},
		{`NOTICE[1] chan_sip.c: Failed to authenticate device "110" <sip:110@pbx>;tag=a for INVITE, code = -1`, "refused wrong-password 110 - -"},
		{`NOTICE[1]: res_pjsip/pjsip_distributor.c:673 log_failed_request: Request 'REGISTER' from '"110" <sip:110@pbx>' failed for '192.0.2.7:5060' (callid: a@b) - Not match Endpoint ACL`, "refused acl 110 - - 192.0.2.7"},
		{`WARNING[1]: res_pjsip_registrar.c:411 rx_task: Registration attempt from endpoint '200' to AOR '200' will exceed max contacts of 1`, "refused max-contacts 200 - - 1"},
		{`WARNING[1] res_pjsip_registrar.c: Registration attempt from endpoint '200' (192.0.2.7:5060) to AOR '200' will exceed max contacts of 1`, "refused max-contacts 200 - - 192.0.2.7 1"},
		{`WARNING[1]: res_pjsip_registrar.c:685 registrar_on_rx_request: AOR '200' has no configured max_contacts. Endpoint '200' unable to register`, "refused no-max-contacts 200 - -"},
		{`WARNING[1] res_pjsip_registrar.c: AOR '200' not found for endpoint '201' (2001:db8::7:5060)`, "refused no-aor 201 - - 2001:db8::7"},
		{`SECURITY[1] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="x",Severity="Informational",Service="PJSIP",EventVersion="1",AccountID="110",SessionID="a",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/5060",UsingPassword="1"`, "accepted - 110 - - 192.0.2.7"},
		{`SECURITY[1] res_security_log.c: SecurityEvent="FailedACL",EventTV="x",Severity="Error",Service="SIP",EventVersion="1",AccountID="456789",SessionID="0x7",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/192.0.2.7/6002",ACLName="no_extension_match"`, "refused number 456789 - - 192.0.2.7"},
		{`NOTICE[1] chan_sip.c: Peer '106' is now UNREACHABLE!  Last qualify: 41`, "unreachable - 106 - - 41ms / 0s"},
		{`NOTICE[1] chan_sip.c: Peer '102' is now Reachable. (70ms / 2000ms)`, "reachable - 102 - - 70ms / 2s"},
		{`NOTICE[1] chan_sip.c: Peer '102' is now Lagged. (2100ms / 2000ms)`, "lagged - 102 - - 2.1s / 2s"},
		{`VERBOSE[1] res_pjsip/pjsip_options.c:     -- Contact 102/sip:102@192.0.2.7:5062;transport=udp is now Unreachable.  RTT: 0.000 msec`, "unreachable - 102 - - 192.0.2.7"},
		{`VERBOSE[1] res_pjsip/pjsip_options.c: Contact 102/sip:102@[2001:db8::7]:5062 is now Reachable.  RTT: 12.500 msec`, "reachable - 102 - - 2001:db8::7 12.5ms / 0s"},
		{`VERBOSE[1] chan_sip.c:     -- Registered SIP '102' at 192.0.2.7:5060`, "accepted - 102 - - 192.0.2.7"},
		{`VERBOSE[16674] chan_sip.c:        > Saved useragent "Zoiper r30645" for peer 102`, "accepted - 102 - -"},
		{`VERBOSE[1] res_pjsip_registrar.c: Added contact 'sip:102@192.0.2.7:5060' to AOR '102' with expiration of 120 seconds`, "accepted - 102 - - 192.0.2.7"},
		{`VERBOSE[1] res_pjsip_registrar.c: Removed contact 'sip:102@192.0.2.7:5060' from AOR '102' due to expiration`, "gone expiration 102 - - 192.0.2.7"},
		{`NOTICE[1583]: res_pjsip_session.c:1538 new_invite: Call from '201' (UDP:192.0.2.7:5060) to extension '456789' rejected because extension not found in context 'default'.`, "no-extension - 201 456789 default 192.0.2.7"},
		{`NOTICE[1] res_pjsip_session.c:  201: Call (UDP:192.0.2.7:65049) to extension '00' rejected because extension not found in context 'office'.`, "no-extension - 201 00 office 192.0.2.7"},
		{`NOTICE[1] chan_sip.c:    -- Registration for '74950000000@sip.example.net' timed out, trying again (Attempt #5)`, "trunk no-answer 74950000000@sip.example.net sip.example.net -"},
		{`NOTICE[1] chan_sip.c:    -- Last Registration Attempt #10 failed, Giving up forever trying to register 'u@sip.example.net'`, "trunk gave-up u@sip.example.net sip.example.net -"},
		{`NOTICE[1] chan_sip.c: Failed to authenticate on REGISTER to 'u@sip.example.net' (Tries 4)`, "trunk password u@sip.example.net sip.example.net -"},
		{`WARNING[1] chan_sip.c: Forbidden - wrong password on authentication for REGISTER for 'u' to 'sip.example.net'`, "trunk password u@sip.example.net sip.example.net - 403"},
		{`WARNING[1] chan_sip.c: Got 404 Not found on SIP register to service u@sip.example.net, giving up`, "trunk refused u@sip.example.net sip.example.net - 404"},
		{`WARNING[1] chan_sip.c: Got error 503 on register to u@sip.example.net, giving up (check config)`, "trunk refused u@sip.example.net sip.example.net - 503"},
		{`NOTICE[1] chan_sip.c: Outbound Registration: Expiry for sip.example.net is 120 sec (Scheduling reregistration in 105 s)`, "trunk-ok - - sip.example.net -"},
		{`WARNING[1] res_pjsip_outbound_registration.c: No response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'`, "trunk no-answer sip:u@sip.example.net sip:sip.example.net -"},
		{`WARNING[1] res_pjsip_outbound_registration.c: Temporal response '503' received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'`, "trunk refused sip:u@sip.example.net sip:sip.example.net - 503"},
		{`WARNING[1] res_pjsip_outbound_registration.c: Fatal response '403' received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', stopping outbound registration`, "trunk gave-up sip:u@sip.example.net sip:sip.example.net - 403"},
		{`WARNING[1] res_pjsip_outbound_registration.c: 403 Forbidden fatal response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60' seconds`, "trunk refused sip:u@sip.example.net sip:sip.example.net - 403"},
		{`WARNING[1] res_pjsip_outbound_registration.c: '404' fatal response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60' seconds`, "trunk refused sip:u@sip.example.net sip:sip.example.net - 404"},
		{`ERROR[3187]: res_pjsip_outbound_registration.c:724 sip_outbound_registration_regc_alloc: Invalid server URI 'u@sip.example.net' specified on outbound registration 'outreg'`, "trunk uri outreg u@sip.example.net -"},
		{`WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@192.0.2.1 for seqno 102 (Critical Response) -- See https://wiki.example/`, "no-reply ack - a@192.0.2.1 -"},
		{`WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a for seqno 102 (Critical Request) -- See`, "no-reply request - a -"},
		{`WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a for seqno 102 (Non-critical Response) -- See`, ""},
		{`WARNING[1] chan_sip.c: Hanging up call a - no reply to our critical packet (see https://wiki.example/).`, "no-reply hangup - a -"},
		{`NOTICE[1] chan_sip.c: Disconnecting call 'SIP/102-00000015' for lack of RTP activity in 31 seconds`, "no-rtp - 102 - - 31"},
		{`NOTICE[1] res_pjsip_sdp_rtp.c: Disconnecting channel 'PJSIP/102-00000015' for lack of audio RTP activity in 31 seconds`, "no-rtp - 102 - - 31"},
		{`WARNING[1][C-00000001]: app_dial.c:2431 dial_exec_full: Unable to create channel of type 'SIP' (cause 66 - Channel not implemented)`, "no-channel cause - SIP - 66"},
		{`ERROR[2004]: chan_pjsip.c:1767 request: Unable to create PJSIP channel - endpoint 'hammerhead' was not found`, "no-channel no-endpoint - hammerhead -"},
		{`WARNING[1]: res_pjsip/location.c:155 ast_sip_location_retrieve_contact_from_aor_list: Unable to determine contacts from empty aor list`, "no-channel no-contacts - - -"},
		{`ERROR[1] res_pjsip_session.c: Endpoint '102': No URI available. Is endpoint registered?`, "no-channel no-contacts 102 - -"},
		{`WARNING[1][C-00000000]: channel.c:5946 ast_request: No channel type registered for 'SIP'`, "no-channel no-driver - SIP -"},
		{`NOTICE[1][C-1] res_pjsip_sdp_rtp.c: No joint capabilities for 'audio' media stream between our configuration((ulaw)) and incoming SDP((g729))`, "codecs joint (ulaw) (g729) -"},
		{`WARNING[1] channel.c: No path to translate from SIP/a-1 to SIP/b-2`, "codecs translation - SIP/a-1 to SIP/b-2 -"},
		{`ERROR[1]: config_options.c:710 aco_process_var: Could not find option suitable for category 'eggo' named 'setvar' at line 390 of pjsip.conf`, "config option eggo setvar pjsip.conf 390"},
		{`ERROR[1]: res_sorcery_config.c:275 sorcery_config_internal_load: Could not create an object of type 'endpoint' with id 'eggo' from configuration file 'pjsip.conf'`, "config object eggo endpoint pjsip.conf"},
		{`ERROR[10157] config_options.c: Error parsing bind=:: at line 8 of pjsip.conf`, "config value - bind=:: pjsip.conf 8"},
		{`ERROR[1][C-0]: netsock2.c:303 ast_sockaddr_resolve: getaddrinfo("hammerhead", "(null)", ...): Name or service not known`, "no-name - - hammerhead -"},
		{`WARNING[1] chan_sip.c: No such host: hammerhead`, "no-name - - hammerhead -"},
		{`ERROR[1] res_pjsip/config_transport.c: Transport 'transport-udp' could not be started: Address already in use`, "transport not-started transport-udp Address already in use -"},
		{`WARNING[1] tcptls.c: Unable to accept new connection: Too many open files`, "no-files - - - -"},
		{`NOTICE[3963]: res_pjsip_mwi.c:566 mwi_validate_for_aor: Endpoint '200' already configured for unsolicited MWI for mailbox '200'. Denying MWI subscription to 200`, "mwi - 200 200 -"},
		{`WARNING[3780]: res_pjsip_exten_state.c:337 new_subscribe: Extension blah does not exist or has no associated hint`, "no-hint - - blah -"},
		{`NOTICE[3891] res_pjsip_exten_state.c: Endpoint '200' state subscription failed: Extension 'blah' does not exist in context 'office' or has no associated hint`, "no-hint - 200 blah office"},
		{`ERROR[3891] res_pjsip.c: Endpoint '200': Could not create dialog to invalid URI '200'.  Is endpoint registered and reachable?`, "no-channel no-contacts 200 - -"},
		{`ERROR[3624] res_pjsip_outbound_registration.c: Server URI or hostname length exceeds pjproject limit or is not a sip(s) uri: 'trunk2'`, "trunk uri trunk2 - -"},
		{`ERROR[1] config_options.c: Could not find option suitable for category '202' named 'setvar' at line 40 of `, "config option 202 setvar - 40"},
		{`DEBUG[27284]: res_pjsip_endpoint_identifier_user.c:106 username_identify: Could not identify endpoint by username 'eggowaffles'`, "unidentified name eggowaffles - -"},
		{`DEBUG[27507]: res_pjsip_endpoint_identifier_ip.c:113 ip_identify_match_check: Source address 192.0.2.7:5061 does not match identify 'david-ident'`, "unidentified address david-ident - - 192.0.2.7"},
		{`DEBUG[1] res_rtp_asterisk.c: (0x7f) RTP 0x7e -- Received packet from 192.0.2.7:4000, dropping due to strict RTP protection.`, "strict-rtp - - - - 192.0.2.7"},
		{`DEBUG[1] res_rtp_asterisk.c: (0x7f) RTP 0x7e -- Received packet from 192.0.2.7:4000, dropping due to strict RTP protection. Will switch to it in 2 packets.`, ""},
		{`VERBOSE[1] chan_sip.c:     -- Got SIP response 486 "Busy here" back from 192.0.2.7:5060`, "answer - - Busy here - 192.0.2.7 486"},
		{`VERBOSE[1][C-1] pbx.c: Executing [100@default:1] Dial("SIP/1-1", "SIP/2") in new stack`, ""},
		{`VERBOSE[1][C-1] app_verbose.c: Peer '106' is now UNREACHABLE!  Last qualify: 41`, ""}, // what the dialplan prints
		// Strangers choose names and Call-IDs; where two addresses may be meant, none is.
		{`NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:1@pbx>' failed for '192.0.2.7:5060' (callid: a' failed for '203.0.113.1:5060' (callid: b) - No matching endpoint found`, ""},
		{`NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '"x' failed for '203.0.113.1:5060' (callid: b) - No" <sip:1@pbx>' failed for '192.0.2.7:5060' (callid: a) - No matching endpoint found`, ""},
	} {
		got, e := parse("[2026-11-29 11:58:00] " + tc.msg)
		if got != tc.want || got != "" && e.At.Format(time.DateTime) != "2026-11-29 11:58:00" {
			t.Errorf("%s\n got %s\nwant %s (%v)", tc.msg, got, tc.want, e.At)
		}
	}
}

func TestOtherPrograms(t *testing.T) {
	for _, tc := range []struct {
		line, want string
		by         Program
	}{
		{`2026-11-29 11:58:00.767815 [WARNING] sofia_reg.c:1478 SIP auth failure (INVITE) on sofia profile 'internal' for [100@192.0.2.1] from ip 192.0.2.7`, "refused wrong-password 100 - - 192.0.2.7", FreeSWITCH},
		{`2026-11-29 11:58:00.767815 99.87% [WARNING] sofia_reg.c:3210 Can't find user [1001@192.0.2.1] from 192.0.2.7`, "refused unknown-account 1001 - - 192.0.2.7", FreeSWITCH},
		{`2026-11-29 11:58:00.767815 [WARNING] sofia_reg.c:1842 SIP auth challenge (REGISTER) on sofia profile 'internal' for [100@x] from ip 192.0.2.7`, "", FreeSWITCH},
		{`2026-11-29 11:58:00.767815 99.87% [ERR] sofia_reg.c:2661 gw1 Failed Registration with status Forbidden [403]. failure #1`, "trunk refused gw1 - - 403", FreeSWITCH},
		{`c7f6bd39-7d6b-4b43-9f45-2ad25f4cd3e9 2026-11-29 11:58:00.767815 98.00% [WARNING] sofia.c:6569 Sip user '100@pbx' is now Unreachable`, "unreachable - 100 - -", FreeSWITCH},
		{`2026-11-29 11:58:00.1 [WARNING] sofia_reg.c:2406 IP 192.0.2.7 Rejected by register acl "domains"`, `refused acl - register acl "domains" - 192.0.2.7`, FreeSWITCH},
		{`Nov 29 11:58:00 proxy /usr/sbin/kamailio[812]: WARNING: pike [pike_funcs.c:163]: pike_check_req(): PIKE - BLOCKing ip 192.0.2.7, node=0x7f4c`, "flood - - - - 192.0.2.7", Kamailio},
		{`Nov 29 11:58:00 proxy kamailio[812]: ALERT: <script>: ALERT: pike blocking REGISTER from sip:100@pbx (IP:192.0.2.7:5060)`, "flood - - - - 192.0.2.7", Kamailio},
		{` 5(1234) ALERT: <script>: ALERT: pike blocking REGISTER from sip:100@pbx (IP:192.0.2.7:5060)`, "flood - - - - 192.0.2.7", Kamailio},
		{`Nov 29 11:58:00 proxy opensips[812]: WARNING:pike:pike_check_req: PIKE - BLOCKing ip 192.0.2.7, node=0x7f4c`, "flood - - - - 192.0.2.7", Kamailio},
		{`2026-11-29 11:58:00,254 fail2ban.actions        [3450]: NOTICE  [asterisk] Ban 192.0.2.7`, "banned - asterisk - - 192.0.2.7", Fail2ban},
		{`2026-11-29 11:58:00,254 fail2ban.actions        [3450]: NOTICE  [asterisk] Restore Ban 192.0.2.7`, "", Fail2ban},
	} {
		got, e := parse(tc.line)
		if got != tc.want || got != "" && e.Program != tc.by {
			t.Errorf("%s\n got %s by %s\nwant %s by %s", tc.line, got, e.Program, tc.want, tc.by)
		}
	}
}

// A line says the same whoever has carried it, and its time is found.
func TestHowLinesAreWrapped(t *testing.T) {
	const msg = `NOTICE[16674]: chan_sip.c:25009 handle_response_peerpoke: Peer '102' is now Reachable. (70ms / 2000ms)`
	for _, line := range []string{
		"[2026-11-29 11:58:00] " + msg,
		"[Nov 29 11:58:00] " + msg,
		"[2026-11-29 11:58:00.123] " + msg,
		"[2026-11-29T11:58:00.123+0000] " + msg,
		"[29.11.2026 11:58:00] " + msg,
		"[11/29/26 11:58:00] " + msg,
		"[29/Nov/2026:11:58:00 +0000] " + msg,
		"[Sun Nov 29 11:58:00 2026] " + msg,
		"[1795953480] " + msg,
		"[11:58:00] " + msg,
		"[2026-11-29 11:58:00 AM] " + msg,
		"Nov 29 11:58:00 pbx asterisk[566]: " + msg,
		"2026-11-29T12:58:00+0100 pbx asterisk[566]: " + msg,
		"2026-11-29T11:58:00.123456+00:00 pbx asterisk[566]: " + msg,
		"Sun 2026-11-29 11:58:00 UTC pbx asterisk[566]: " + msg,
		"Nov 29 11:58:00 pbx asterisk[566]: [Nov 29 11:58:00] " + msg,
		"<134>Nov 29 11:58:00 pbx asterisk[566]: " + msg,
		"<134>1 2026-11-29T11:58:00Z pbx asterisk 566 - - " + msg,
		"2026-11-29T11:58:00.123456789Z [Nov 29 11:58:00] " + msg,
		"[Nov 29 11:58:00] \x1b[1;33mNOTICE\x1b[0m[16674]: \x1b[1;37mchan_sip.c\x1b[0m:\x1b[1;37m25009\x1b[0m \x1b[1;37mhandle_response_peerpoke\x1b[0m: Peer '102' is now Reachable. (70ms / 2000ms)",
		`{"log":"[Nov 29 11:58:00] NOTICE[16674]: chan_sip.c:25009 handle_response_peerpoke: Peer '102' is now Reachable. (70ms / 2000ms)\r\n","stream":"stdout","time":"2026-11-29T11:58:00.123456789Z"}`,
		`{"__REALTIME_TIMESTAMP":"1795953480123456","SYSLOG_IDENTIFIER":"asterisk","MESSAGE":"` + msg + `","_PID":"566"}`,
		`{"hostname": "pbx", "timestamp": "2026-11-29 11:58:00", "identifiers": {"lwp": 16674, "callid": ""}, "logmsg": {"location": {"filename": "chan_sip.c", "function": "f", "line": 25009}, "level": "NOTICE", "message": "Peer '102' is now Reachable. (70ms / 2000ms)"}}`,
	} {
		got, e := parse(line)
		if got != "reachable - 102 - - 70ms / 2s" || !e.At.Truncate(time.Second).Equal(time.Date(2026, 11, 29, 11, 58, 0, 0, time.UTC)) {
			t.Errorf("%s\n got %s at %v", line, got, e.At)
		}
	}
}

func TestTimesWithoutAYear(t *testing.T) {
	c := Clock{Zone: time.UTC, Now: atTestNow}
	for text, want := range map[string]string{
		"Dec 31 23:59:59 x": "2025-12-31T23:59:59Z", "Feb 29 10:00:00 x": "", "Nov 29 23:00:00 x": "2026-11-29T23:00:00Z", "Nov 31 23:00:00 x": "",
		"2026-13-01 00:00:00 x": "", "2026-11-29 25:00:00 x": "", "": "", "[": "", "hello": "", "31.12.2025 23:59:59": "2025-12-31T23:59:59Z", "13/12/2025 23:59:59": "2025-12-13T23:59:59Z",
	} {
		got := ""
		if at, _, ok := c.Read([]byte(text)); ok {
			got = at.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

// A log without years that is watched into the next one.
func TestALiveLogOverNewYear(t *testing.T) {
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	c := Clock{Zone: time.UTC, Now: func() time.Time { return now }}
	for _, year := range []int{2026, 2027} {
		if at, _, _ := c.Read([]byte(now.Format("[Jan _2 15:04:05] NOTICE[1]"))); at.Year() != year || !at.Equal(now) {
			t.Errorf("%v, want %v", at, now)
		}
		now = now.Add(72 * time.Hour)
	}
}

// What a stranger calls himself is no fault of the PBX.
func TestAStrangersNameIsNoFault(t *testing.T) {
	p := Parser{Clock: Clock{Zone: time.UTC, Now: atTestNow}}
	for line, want := range map[string]bool{
		`NOTICE[1] chan_sip.c: Sending fake auth rejection for device "Too many open files" <sip:x@pbx>;tag=1`:               false,
		`NOTICE[1] chan_sip.c: Sending fake auth rejection for device <sip:x@pbx>;tag=: Too many open files`:                 false,
		`NOTICE[1] chan_sip.c: Sending fake auth rejection for device "192.0.2.9 failed to authenticate as 'x'" <sip:x@pbx>`: false,
		`NOTICE[1] chan_sip.c: Sending fake auth rejection for device a 192.0.2.9 failed to authenticate as 'x'`:             false,
		`WARNING[1] tcptls.c: Unable to accept new connection: Too many open files`:                                          true,
		`NOTICE[1] manager.c: 192.0.2.9 failed to authenticate as 'admin'`:                                                   true,
		`NOTICE[1] chan_iax2.c: Host 192.0.2.9 failed to authenticate as 'x'`:                                                true,
	} {
		var e Event
		if told, _ := p.Parse([]byte("[2026-11-29 11:00:00] "+line), &e); told != want {
			t.Errorf("%v %+v: %s", told, e.Kind, line)
		}
	}
}
