package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

const office, home, stranger = "203.0.113.5", "198.51.100.8", "192.0.2.66"

const (
	noAnswer  = "WARNING[1] res_pjsip_outbound_registration.c: No response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'"
	pbxGoesOn = "NOTICE[1] pbx.c: Cannot find extension context"
)

func TestStories(t *testing.T) {
	password := refusal("110", office, "Wrong password")
	scan := func(s *story, n int, addr string) *story {
		for i := range n {
			s.say(refusal(fmt.Sprint(1000+i), addr, "No matching peer found")).wait(time.Second)
		}
		return s
	}
	for _, tc := range []struct {
		name  string
		story *story
		want  string
	}{
		{"all is well", tell().say(at(office, "101", "102")...).say(back("101", "102")...), ""},

		{"a wrong password, again and again", tell().times(5, time.Minute, password), "refused.wrong-password critical " + office},
		{"a wrong password, once", tell().say(password), "refused.wrong-password warning " + office},
		{"a wrong password that was corrected", tell().times(5, time.Minute, password).say(at(office, "110")...), "refused.wrong-password info " + office},
		{"a phone that the PBX does not know, in an office with others", tell().say(at(office, "101")...).times(3, time.Minute, refusal("109", office, "No matching peer found")), "refused.unknown-account critical " + office},
		{"a phone or stranger that the PBX does not know", tell().times(3, time.Minute, refusal("109", office, "No matching peer found")), "refused.unknown-account warning " + office},
		{"an access list", tell().times(2, time.Minute, refusal("109", office, "Device does not match ACL")), "refused.acl critical " + office},
		{"the wrong transport", tell().times(2, time.Minute, refusal("109", office, "Device not configured to use this transport type")), "refused.transport critical " + office},
		{"the wrong authentication name", tell().times(2, time.Minute, refusal("109", office, "Username/auth name mismatch")), "refused.name-mismatch critical " + office},
		{"a foreign domain", tell().times(2, time.Minute, refusal("109", office, "Not a local domain")), "refused.unknown-domain critical " + office},
		{"a peer with a fixed address", tell().times(2, time.Minute, refusal("109", office, "Peer is not supposed to register")), "refused.not-dynamic critical " + office},
		{"no max_contacts", tell().times(2, time.Minute, "WARNING[2940]: res_pjsip_registrar.c:685 registrar_on_rx_request: AOR '200' has no configured max_contacts. Endpoint '200' unable to register"), "refused.no-max-contacts warning 200"},
		{"too many contacts", tell().times(2, time.Minute, "WARNING[1] res_pjsip_registrar.c: Registration attempt from endpoint '200' ("+office+":5060) to AOR '200' will exceed max contacts of 1"), "refused.max-contacts critical " + office},

		{"nine names from one address are not yet a scanner", scan(tell(), scanNames-1, stranger), "refused.unknown-account warning " + stranger},
		{"a scanner", scan(tell(), scanNames, stranger), "scanner info " + stranger},
		{"a scanner that nothing stops", scan(tell(), unstopped, stranger), "scanner warning " + stranger},
		{"an office whose phones are all unknown is not a scanner", func() *story {
			s := tell()
			for range scanRepeats + 1 {
				for i := range scanNames {
					s.say(refusal(fmt.Sprint(100+i), office, "No matching peer found"))
				}
				s.wait(time.Minute)
			}
			return s
		}(), "refused.unknown-account warning " + office},
		{"an office whose phones all have a wrong password is not a scanner", func() *story {
			s := tell()
			for range 2 {
				for i := range scanNames {
					s.say(fmt.Sprintf("NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%d@pbx>' failed for '"+office+":5060' (callid: a) - Failed to authenticate", 100+i))
				}
				s.wait(time.Minute)
			}
			return s
		}(), "refused.wrong-password critical " + office},
		{"a phone that dials many wrong numbers is not a scanner", func() *story {
			s := tell()
			for i := range sourceNames + 2 {
				s.say(fmt.Sprintf("NOTICE[1] chan_sip.c: Call from '110' ("+office+":5060) to extension '%d' rejected because extension not found in context 'phones'.", i))
			}
			return s
		}(), "no-extension.account critical 110"},
		{"an office in which one phone gets in is not a scanner", scan(tell().say(at(office, "101")...), scanNames, office), "refused.unknown-account critical " + office},
		{"a scanner among phones", scan(tell().times(5, time.Minute, password), 20, stranger), "refused.wrong-password critical " + office + "; scanner info " + stranger},

		{"one phone is lost once", tell().say(at(office, "101", "102")...).say(lost("101")...).wait(time.Hour).say(back("101")...), "flapping info 101"},
		{"one phone is lost twice", flaps(tell(), often-1), "flapping info 101"},
		{"one phone is lost again and again", flaps(tell(), often), "flapping warning 101"},
		{"one phone does not come back", tell().say(at(office, "101", "102")...).say(lost("101")...), "unreachable.gone warning 101"},
		{"one phone registers and is never reached", tell().say(at(office, "101")...).say("NOTICE[1] chan_sip.c: Peer '101' is now UNREACHABLE!  Last qualify: 0"), "unreachable.registers critical 101"},
		{"one office of two is lost", tell().say(at(office, "101", "102", "103")...).say(at(home, "201", "202")...).say(back("201", "202")...).say(lost("101", "102", "103")...).wait(5 * time.Minute).say(back("101", "102", "103")...),
			"outage.office warning " + office},
		{"and does not come back", tell().say(at(office, "101", "102", "103")...).say(at(home, "201", "202")...).say(back("201", "202")...).say(lost("101", "102", "103")...), "outage.office critical " + office},
		{"all offices are lost", tell().say(at(office, "101", "102", "103")...).say(at(home, "201", "202")...).say(lost("101", "102", "103", "201", "202")...).wait(5 * time.Minute).say(back("101", "102", "103", "201", "202")...),
			"outage.all warning"},
		{"the only office is lost", tell().say(at(office, "101", "102")...).say(lost("101", "102")...).wait(5 * time.Minute).say(back("101", "102")...), "outage.one-office warning " + office},
		{"all phones are lost, wherever they are", tell().say(back("106", "107")...).wait(time.Hour).say(lost("106")...).wait(2 * time.Second).say(lost("107")...).wait(time.Minute).say(back("106", "107")...), "outage.together warning"},
		{"two phones of many at the same moment are chance", tell().say(back("101", "102", "103", "104", "105", "106")...).say(lost("101", "102")...).wait(time.Minute).say(back("101", "102")...), "flapping info 101"},
		{"two phones that are always lost together have something in common", twins(tell(), 2), "outage.some warning"},
		{"two phones that are lost together once in a while have not", twins(flaps(tell(), 6), 2), "flapping warning 101"},
		{"three phones of many are not", tell().say(back("101", "102", "103", "104", "105", "106")...).say(lost("101", "102", "103")...).wait(time.Minute).say(back("101", "102", "103")...), "outage.some warning"},
		{"two phones more than a round apart are two", tell().say(back("106", "107")...).wait(time.Hour).say(lost("106")...).wait(round + time.Second).say(lost("107")...).wait(time.Hour).say(back("106", "107")...), "flapping info 106"},
		{"PJSIP loses a contact", tell().say(contact("Reachable", "101", "102", "103")...).wait(time.Hour).say(contact("Unreachable", "101")...).wait(time.Minute).say(contact("Reachable", "101")...), "flapping info 101"},
		{"PJSIP loses an office", tell().say(contact("Reachable", "101", "102", "103")...).say(strings.ReplaceAll(contact("Reachable", "201")[0], office, home)).wait(time.Hour).say(contact("Unreachable", "101", "102", "103")...).wait(time.Minute).say(contact("Reachable", "101", "102", "103")...),
			"outage.office warning " + office},
		{"phones that PJSIP has never reached were not lost", tell().say(contact("Unreachable", "101", "102", "103")...), "unreachable.gone warning 101"},
		{"a slow phone", tell().say("NOTICE[1] chan_sip.c: Peer '102' is now Lagged. (2100ms / 2000ms)").wait(time.Minute).say(back("102")...), "slow warning 102"},

		{"a trunk without an answer", tell().times(3, 20*time.Second, "NOTICE[1] chan_sip.c:    -- Registration for '7495@sip.example.net' timed out, trying again (Attempt #5)"), "trunk.no-answer critical 7495@sip.example.net"},
		{"that registers later", tell().times(3, 20*time.Second, "NOTICE[1] chan_sip.c:    -- Registration for '7495@sip.example.net' timed out, trying again (Attempt #5)").say("NOTICE[1] chan_sip.c: Outbound Registration: Expiry for sip.example.net is 120 sec (Scheduling reregistration in 105 s)"), "trunk.no-answer warning 7495@sip.example.net"},
		{"a trunk that gave up after silence", tell().say("WARNING[1] res_pjsip_outbound_registration.c: No response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'").wait(time.Minute).say(
			"WARNING[1] res_pjsip_outbound_registration.c: Maximum retries reached when attempting outbound registration to 'sip:sip.example.net' with client 'sip:u@sip.example.net', stopping registration attempt"), "trunk.no-answer critical u@sip.example.net"},
		{"a trunk with a wrong password", tell().say("WARNING[1] res_pjsip_outbound_registration.c: Fatal response '403' received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', stopping outbound registration"), "trunk.password critical u@sip.example.net"},
		{"a trunk without an answer, an hour before the log ends", tell().say(noAnswer).wait(quiet).say(pbxGoesOn), "trunk.no-answer warning u@sip.example.net"},
		{"a trunk without an answer, less than that before", tell().say(noAnswer).wait(quiet - time.Second).say(pbxGoesOn), "trunk.no-answer critical u@sip.example.net"},
		{"a trunk that gave up long before the log ends", tell().say(noAnswer, strings.Replace(noAnswer, "No response received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'", "Maximum retries reached when attempting outbound registration to 'sip:sip.example.net' with client 'sip:u@sip.example.net', stopping registration attempt", 1)).wait(quiet).say(pbxGoesOn), "trunk.no-answer critical u@sip.example.net"},
		{"a trunk that is told 503", tell().say("WARNING[1] res_pjsip_outbound_registration.c: Temporal response '503' received from 'sip:sip.example.net' on registration attempt to 'sip:u@sip.example.net', retrying in '60'"), "trunk.refused critical u@sip.example.net"},
		{"a trunk without sip:", tell().say("ERROR[3187]: res_pjsip_outbound_registration.c:724 sip_outbound_registration_regc_alloc: Invalid server URI 'u@sip.example.net' specified on outbound registration 'outreg'"), "trunk.uri critical outreg"},

		{"a phone in the wrong context", tell().say("NOTICE[1583]: res_pjsip_session.c:1538 new_invite: Call from '201' (UDP:" + office + ":5060) to extension '456789' rejected because extension not found in context 'default'."), "no-extension.account critical 201"},
		{"a trunk that is not recognised, or a stranger", tell().say("NOTICE[1] chan_sip.c: Call from '' (" + stranger + ":5060) to extension '74950000000' rejected because extension not found in context 'default'."), "no-extension.guest warning " + stranger},
		{"a stranger who dials many numbers", dials(scanNumbers), "scanner info " + stranger},
		{"a stranger who dials two", dials(scanNumbers - 1), "no-extension.guest warning " + stranger},
		{"the ACK is lost", tell().say("WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@b for seqno 102 (Critical Response) -- See", "WARNING[1] chan_sip.c: Hanging up call a@b - no reply to our critical packet (see https://wiki.example/)."), "no-reply.ack critical"},
		{"a scanner does not acknowledge", tell().say("WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@b for seqno 102 (Critical Response) -- See"), "no-reply.ack-refused info"},
		{"phones that are not there when Asterisk starts were not lost", tell().say("NOTICE[1] chan_sip.c: Peer '101' is now UNREACHABLE!  Last qualify: 0", "NOTICE[1] chan_sip.c: Peer '102' is now UNREACHABLE!  Last qualify: 0", "NOTICE[1] chan_sip.c: Peer '103' is now UNREACHABLE!  Last qualify: 0"), "unreachable.gone warning 101"},
		{"nobody answers an INVITE", tell().say("WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@b for seqno 102 (Critical Request) -- See"), "no-reply.request warning"},
		{"and the call is ended for it", tell().say("WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@b for seqno 102 (Critical Request) -- See", "WARNING[1] chan_sip.c: Hanging up call a@b - no reply to our critical packet (see https://wiki.example/)."), "no-reply.request critical"},
		{"the answer to OPTIONS is lost, which is nothing", tell().say("WARNING[1] chan_sip.c: Retransmission timeout reached on transmission a@b for seqno 102 (Non-critical Response) -- See"), ""},
		{"no RTP", tell().say("NOTICE[1] res_pjsip_sdp_rtp.c: Disconnecting channel 'PJSIP/102-00000015' for lack of audio RTP activity in 31 seconds"), "no-rtp critical 102"},
		{"SIP/ is dialled where only PJSIP is loaded", tell().say("WARNING[2700][C-00000000]: channel.c:5946 ast_request: No channel type registered for 'SIP'", "WARNING[2700][C-00000000]: app_dial.c:2431 dial_exec_full: Unable to create channel of type 'SIP' (cause 66 - Channel not implemented)"), "no-channel.no-driver critical SIP"},
		{"a name that no endpoint has", tell().say("ERROR[2004]: chan_pjsip.c:1767 request: Unable to create PJSIP channel - endpoint 'hammerhead' was not found"), "no-channel.no-endpoint critical hammerhead"},
		{"an empty AOR", tell().say("WARNING[2743]: res_pjsip/location.c:155 ast_sip_location_retrieve_contact_from_aor_list: Unable to determine contacts from empty aor list", "WARNING[2834][C-00000000]: app_dial.c:2431 dial_exec_full: Unable to create channel of type 'PJSIP' (cause 3 - No route to destination)"), "no-channel.no-contacts critical"},
		{"a phone that is not registered", tell().say("WARNING[1][C-1] app_dial.c: Unable to create channel of type 'SIP' (cause 20 - Subscriber absent)"), "no-channel.cause warning SIP"},
		{"a phone that is busy is nothing", tell().say("WARNING[1][C-1] app_dial.c: Unable to create channel of type 'SIP' (cause 17 - User busy)"), ""},
		{"SIP/ with a name that DNS does not know", tell().say(`ERROR[2578][C-00000000]: netsock2.c:303 ast_sockaddr_resolve: getaddrinfo("hammerhead", "(null)", ...): Name or service not known`, "WARNING[2578][C-00000000]: chan_sip.c:6116 create_addr: No such host: hammerhead"), "no-name.host critical hammerhead"},
		{"PJSIP does not know a phone, and says so twice", tell().times(2, time.Minute, "NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:999@pbx>' failed for '"+office+":5060' (callid: a) - No matching endpoint found").say(
			"NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:999@pbx>' failed for '" + office + ":5060' (callid: a) - Failed to authenticate"), "refused.unknown-account warning " + office},
		{"the PBX does not find its own name", tell().say(`ERROR[1] netsock2.c: getaddrinfo("pbx", "(null)", ...): Temporary failure in name resolution`, `ERROR[1] netsock2.c: getaddrinfo("A.ROOT-SERVERS.NET", "(null)", ...): Temporary failure in name resolution`), "no-name.own warning pbx"},
		{"a name that debug lines do not find", tell().say("DEBUG[27284]: res_pjsip_endpoint_identifier_user.c:106 username_identify: Could not identify endpoint by username 'eggowaffles'"), "unidentified warning eggowaffles"},
		{"an identify section that does not fit is no fault by itself", tell().say("DEBUG[27507]: res_pjsip_endpoint_identifier_ip.c:113 ip_identify_match_check: Source address 192.0.2.7:5061 does not match identify 'david-ident'"), ""},
		{"the right password", tell().times(3, time.Minute, password).say("VERBOSE[16674] chan_sip.c:        > Saved useragent \"Zoiper r30645\" for peer 110"), "refused.wrong-password info " + office},
		{"an option that Asterisk does not know", tell().say("ERROR[27771]: config_options.c:710 aco_process_var: Could not find option suitable for category 'eggowaffles' named 'setvar' at line 390 of pjsip.conf", "ERROR[27771]: res_sorcery_config.c:275 sorcery_config_internal_load: Could not create an object of type 'endpoint' with id 'eggowaffles' from configuration file 'pjsip.conf'"), "config.option critical eggowaffles"},
		{"a transport for IPv6", tell().say("ERROR[10157] config_options.c: Error parsing bind=:: at line 8 of pjsip.conf", "ERROR[10157] res_sorcery_config.c: Could not create an object of type 'transport' with id 'my-ipv6-transport' from configuration file 'pjsip.conf'"), "config.value critical my-ipv6-transport"},
		{"a port that is taken", tell().say("ERROR[1] res_pjsip/config_transport.c: Transport 'transport-udp' could not be started: Address already in use"), "transport.not-started critical transport-udp"},
		{"and what follows from it", tell().say("ERROR[1] res_pjsip/config_transport.c: Transport 'udp2' could not be started: Address already in use", "ERROR[1] res_sorcery_config.c: Could not create an object of type 'transport' with id 'udp2' from configuration file 'pjsip.conf'"), "transport.not-started critical udp2"},
		{"no common codec", tell().say("NOTICE[1][C-1] res_pjsip_sdp_rtp.c: No joint capabilities for 'audio' media stream between our configuration((ulaw)) and incoming SDP((g729))"), "codecs critical"},
		{"no file descriptors", tell().say("WARNING[1] tcptls.c: Unable to accept new connection: Too many open files"), "no-files critical"},
		{"a mailbox twice", tell().say("NOTICE[3963]: res_pjsip_mwi.c:566 mwi_validate_for_aor: Endpoint '200' already configured for unsolicited MWI for mailbox '200'. Denying MWI subscription to 200"), "mwi warning 200"},
		{"a lamp without a hint", tell().say("WARNING[3780]: res_pjsip_exten_state.c:337 new_subscribe: Extension blah does not exist or has no associated hint"), "no-hint warning blah"},
		{"a provider that refuses a destination", tell().say(`VERBOSE[1] chan_sip.c:     -- Got SIP response 403 "Forbidden" back from 198.51.100.20:5060`), "answers warning 198.51.100.20"},
		{"somebody is busy", tell().say(`VERBOSE[1] chan_sip.c:     -- Got SIP response 486 "Busy here" back from 198.51.100.20:5060`), ""},
		{"a few packets from elsewhere", tell().times(dropped-1, 20*time.Millisecond, "DEBUG[1] res_rtp_asterisk.c: (0x7f) RTP 0x7e -- Received packet from "+office+":4000, dropping due to strict RTP protection."), ""},
		{"sound that strict RTP drops", tell().times(dropped, 20*time.Millisecond, "DEBUG[1] res_rtp_asterisk.c: (0x7f) RTP 0x7e -- Received packet from "+office+":4000, dropping due to strict RTP protection."), "strict-rtp warning " + office},
		{"Kamailio blocks an office", tell().say("kamailio[812]: ALERT: <script>: ALERT: pike blocking REGISTER from sip:100@pbx (IP:" + office + ":5060)"), "flood warning " + office},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := found(tc.story.read(t)); got != tc.want {
				t.Errorf("\n got %s\nwant %s\nin\n%s", got, tc.want, tc.story)
			}
		})
	}
}

// contact is what PJSIP says of the contacts of an office.
func contact(state string, aors ...string) (out []string) {
	for _, a := range aors {
		out = append(out, fmt.Sprintf("VERBOSE[1] res_pjsip/pjsip_options.c: Contact %[1]s/sip:%[1]s@%[2]s:5060 is now %[3]s.  RTT: %[4]s msec", a, office, state, map[string]string{"Reachable": "12.5", "Unreachable": "0.000"}[state]))
	}
	return out
}

func twins(s *story, n int) *story {
	s.say(back("101", "102", "103", "104", "105", "106")...)
	for range n {
		s.say(lost("101", "102")...).wait(time.Minute).say(back("101", "102")...).wait(time.Hour)
	}
	return s
}

func flaps(s *story, n int) *story {
	s.say(at(office, "101", "102", "103", "104")...)
	for range n {
		s.say(lost("101")...).wait(time.Minute).say(back("101")...).wait(20 * time.Minute)
	}
	return s
}

func dials(n int) *story {
	s := tell()
	for i := range n {
		s.say(fmt.Sprintf("NOTICE[1] chan_sip.c: Call from '' (%s:5060) to extension '00%d' rejected because extension not found in context 'default'.", stranger, i)).wait(time.Second)
	}
	return s
}

// fail2ban's own log beside Asterisk's tells who was banned for it.
func TestAnOfficeThatIsBanned(t *testing.T) {
	s := tell().say(at(office, "101", "110")...).times(5, time.Minute, refusal("110", office, "Wrong password"))
	bans := fmt.Sprintf("%s,254 fail2ban.actions        [3450]: NOTICE  [asterisk] Ban %s\n", s.now.Local().Format(time.DateTime), office)
	r := read(t, checks.Inputs{}, file("messages", s.String()), file("fail2ban.log", bans))
	if got := found(r); got != "banned critical "+office+"; refused.wrong-password critical "+office {
		t.Error(got)
	}
}

// Two logs that tell the same, or the security log beside the other, count once.
func TestWhatIsToldTwiceCountsOnce(t *testing.T) {
	s := tell()
	for range 4 {
		s.say(refusal("110", office, "Wrong password"), `SECURITY[77] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="x",Severity="Error",Service="SIP",EventVersion="2",AccountID="110",SessionID="a",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/`+office+`/5060",Challenge="1"`)
		s.say(lost("110")...).wait(30 * time.Second).say(back("110")...).wait(time.Minute)
	}
	rotated := tell().wait(-24 * time.Hour).say(refusal("110", office, "Wrong password"))
	r := read(t, checks.Inputs{}, file("/var/log/asterisk/full.1", rotated.String()), file("/var/log/asterisk/full", s.String()), file("/var/log/asterisk/messages", s.String()))
	f := r.Facts.(Facts)
	if len(f.Accounts) != 1 || f.Accounts[0].Failures["wrong-password"] != 5 || f.Accounts[0].Flaps != 4 || len(f.Accounts[0].Addresses) != 1 {
		t.Errorf("%+v", f.Accounts)
	}
	if len(f.Addresses) != 1 || f.Addresses[0].Failures["wrong-password"] != 5 || f.Addresses[0].Address.String() != office {
		t.Errorf("%+v", f.Addresses)
	}
	if f.Lines != 33 || f.From == nil || f.To.Sub(*f.From) < 24*time.Hour {
		t.Errorf("%+v", f)
	}
	var kinds []string
	for _, e := range f.Events {
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 8 {
		t.Errorf("%+v", f.Events)
	}
}

func TestOnlyAPartIsAskedFor(t *testing.T) {
	s := tell().times(3, time.Minute, refusal("110", office, "Wrong password")).times(3, time.Minute, refusal("111", home, "Wrong password"))
	for _, tc := range []struct {
		in   checks.Inputs
		want string
	}{
		{checks.Inputs{LogAccount: "110"}, "refused.wrong-password critical " + office},
		{checks.Inputs{Since: tell().now.Add(3 * time.Minute)}, "refused.wrong-password critical " + home},
		{checks.Inputs{Since: tell().now.Add(3 * time.Hour)}, ""},
	} {
		r := read(t, tc.in, file("messages", s.String()))
		if got := found(r); got != tc.want || (tc.want == "") != (r.Status == checks.Inconclusive) {
			t.Errorf("%+v: %s, %s", tc.in, got, r.Status)
		}
	}
}

func TestFilesThatAreNoLog(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "a letter": "Dear customer,\nthe phone is dead.\n", "a web server": `192.0.2.1 - - [29/Nov/2026:11:58:00 +0000] "GET / HTTP/1.1" 200` + "\n"} {
		if r := read(t, checks.Inputs{}, file("x", text)); r.Status != checks.Inconclusive || r.Reason == "" {
			t.Errorf("%s is a %s: %s", name, r.Status, r.Reason)
		}
	}
	r := read(t, checks.Inputs{}, file("messages.gz", "\x1f\x8b\x08\x00"))
	if r.Status != checks.Inconclusive || len(r.Notes) != 1 {
		t.Errorf("%s %q", r.Status, r.Notes)
	}
}

// However many names and addresses strangers make up, a report stays small, and a
// phone that was there before them is not forgotten.
func TestAFloodOfNames(t *testing.T) {
	s := tell().times(5, time.Second, refusal("110", office, "Wrong password"))
	for i := range 3 * maxCounts {
		s.say(refusal(fmt.Sprintf("%d", i), fmt.Sprintf("192.0.2.%d", i%200), "No matching peer found"))
	}
	for i := range 2 * maxCounts {
		s.say(refusal(strings.Repeat("x", 200), fmt.Sprintf("198.18.%d.%d", i/250, i%250), "No matching peer found"))
	}
	for i := range 2 * maxMoves {
		s.say(lost(fmt.Sprint(i % 50))...).wait(time.Hour)
	}
	s.times(5, time.Second, refusal("110", office, "Wrong password"))
	r := s.read(t)
	notes := map[string]bool{}
	for _, n := range r.Says.Notes {
		notes[n.ID] = true
	}
	if len(r.Observed) > 12<<20 || !notes["logs.note.counts"] || !notes["logs.note.moves"] {
		t.Errorf("%d bytes, %q", len(r.Observed), r.Notes)
	}
	f := r.Facts.(Facts)
	for _, a := range f.Accounts {
		if a.Account == "110" && a.Failures["wrong-password"] == 10 {
			return
		}
	}
	t.Error("the phone is forgotten")
}

func TestStreams(t *testing.T) {
	for name, want := range map[string]string{
		"messages": "messages", "/a/messages.1": "/a/messages", "full.2.gz": "full", "full-20261129": "full", "full-20261129.gz": "full", "full-2026-11-29": "full", "pbx-2": "pbx",
		`C:\logs\full.1`: "C:/logs/full", "security.log": "security.log",
	} {
		if got := streamOf(name); got != want {
			t.Errorf("%s belongs to %s, want %s", name, got, want)
		}
	}
}

func TestWhatHoldsALog(t *testing.T) {
	for text, want := range map[string]bool{
		tell().say(lost("101")...).String(): true, "": false, "Dear customer,\nthe phone is dead.\n": false, "INVITE sip:100@pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n": false,
		tell().times(3, time.Second, "VERBOSE[1] pbx.c: Executing").String(): true, "[general]\ncontext=default\n[101](!)\ntype=endpoint\n": false,
		"Name/username  Host  Dyn Nat ACL Port Status\n101/101 203.0.113.5 D N 5060 OK (40 ms)\n": false,
	} {
		if got := Holds([]byte(text)); got != want {
			t.Errorf("%v for %q", got, text)
		}
	}
}
