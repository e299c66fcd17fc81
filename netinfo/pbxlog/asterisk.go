package pbxlog

import (
	"bytes"
	"strconv"
	"time"
)

// A form is one kind of message: what it begins with, and who reads it.
type form struct {
	begins string
	read   func(msg []byte, e *Event) bool
}

// The messages of Asterisk 1.8 to 22, by their first letter: channels/chan_sip.c,
// chan_iax2.c, main/{channel,config_options,netsock2,pbx,taskprocessor,tcptls}.c,
// res/res_pjsip*, res/res_rtp_asterisk.c.
var asteriskForms = byFirstLetter([]form{
	{"Registration from '", registrationFailed},
	{"Request '", requestFailed},
	{"Request from '", requestFailed},
	{`SecurityEvent="`, securityEvent},
	{"Call from '", noExtension},
	{"Host ", authenticationFailed},
	{"No registration for peer '", iaxUnknown},
	{"hacking attempt detected '", hacking},
	{`"Rejecting unknown SIP connection from `, unknownSource},
	{"Rejecting unknown SIP connection from ", unknownSource},
	{"Failed to authenticate device ", deviceRefused},
	{"AOR '", noContacts},
	{"Registration attempt from endpoint '", tooManyContacts},
	{"Endpoint '", endpointFault},
	{"Peer '", peerState},
	{"Contact ", contactState},
	{"Registered SIP '", registered},
	{"Unregistered SIP '", unregistered},
	{`Saved useragent "`, savedAgent},
	{"Added contact '", contactAdded},
	{"Removed contact '", contactRemoved},
	{"Registration for '", trunkTimeout},
	{"Last Registration Attempt #", trunkGaveUp},
	{"Probably a DNS error for registration to ", trunkNoName},
	{"No authorization available for authentication of registration to ", trunkNoAuth},
	{"Failed to authenticate on REGISTER to '", trunkPassword},
	{"Forbidden - wrong password on authentication for REGISTER for '", trunkForbidden},
	{"Got 404 Not found on SIP register to service ", trunkNotFound},
	{"Got error ", trunkError},
	{"Outbound Registration: Expiry for ", trunkRegistered},
	{"No response received from '", outboundSilence},
	{"Temporal response '", outboundAnswer},
	{"Fatal response '", outboundAnswer},
	{"403 Forbidden fatal response received from '", outboundForbidden},
	{"'", quotedFirst},
	{"Maximum retries reached when attempting outbound registration to '", outboundGaveUp},
	{"Fatal registration attempt to '", outboundFatal},
	{"Invalid server URI '", outboundURI},
	{"Invalid client URI '", outboundURI},
	{"Server URI or hostname length exceeds pjproject limit or is not a sip(s) uri: '", outboundBadURI},
	{"Client URI or hostname length exceeds pjproject limit or is not a sip(s) uri: '", outboundBadURI},
	{"Retransmission timeout reached on transmission ", retransmission},
	{"Hanging up call ", hangingUp},
	{"Disconnecting call '", noRTP},
	{"Disconnecting channel '", noRTP},
	{"Unable to create channel of type '", noChannel},
	{"Unable to create PJSIP channel - endpoint '", noEndpoint},
	{"Unable to determine contacts from empty aor list", plainly(NoChannel, "no-contacts")},
	{"No channel type registered for '", noDriver},
	{"No compatible codecs, not accepting this offer", plainly(Codecs, "offer")},
	{"No joint capabilities for '", noJoint},
	{"No path to translate from ", noTranslation},
	{"Unable to find a codec translation path: ", noTranslation},
	{"Could not find option suitable for category '", unknownOption},
	{"Could not create an object of type '", noObject},
	{"Error parsing ", badValue},
	{`getaddrinfo("`, noAddrInfo},
	{"No such host: ", noSuchHost},
	{"Unable to lookup '", noLookup},
	{"srvlookup failed for host: ", noSuchHost},
	{"Transport '", noTransport},
	{"Failed to bind to ", noBind},
	{"TLS Server start failed", plainly(Transport, "tls")},
	{"SIP TLS server did not load", plainly(Transport, "tls")},
	{"SIP TCP Server start failed", plainly(Transport, "tcp")},
	{"Problem setting up ssl connection", plainly(Transport, "tls")},
	{"TLS/SSL error loading", plainly(Transport, "certificate")},
	{"Extension ", noHint},
	{"Maximum call limit of ", plainly(Overload, "calls")},
	{"Maximum loadavg limit of ", plainly(Overload, "load")},
	{"The '", taskQueue},
	{"Oh dear... we couldn't allocate a port for RTP", plainly(NoPorts, "")},
	{"Got SIP response ", gotResponse},
	{"Incoming call: Got SIP response ", gotResponse},
	{"Could not identify endpoint by username '", unidentified},
	{"Source address ", unidentifiedSource},
})

// asteriskInside are messages that begin with what they are about.
var asteriskInside = []struct {
	mark string
	read func(msg []byte, e *Event) bool
}{
	{"rejected because extension not found", noExtension},
	{" failed to authenticate", authenticationFailed},
	{" failed MD5 authentication", authenticationFailed},
	{" tried to authenticate with nonexistent user", nonexistent},
	{"Too many open files", itself(NoFiles, "")},
	{"SSL_ERROR_SSL", itself(Transport, "tls")},
}

// itself is plainly for what may stand anywhere in a message, unless it is one that
// quotes what a stranger wrote.
func itself(k Kind, cause string) func([]byte, *Event) bool {
	return func(msg []byte, e *Event) bool {
		return bytes.IndexByte(msg, '<') < 0 && !bytes.Contains(msg, []byte("sip:")) && !bytes.Contains(msg, []byte(";tag=")) && plainly(k, cause)(msg, e)
	}
}

// byFirstLetter sorts forms so that a message is compared with few of them.
func byFirstLetter(list []form) (out [128][]form) {
	for _, f := range list {
		out[f.begins[0]] = append(out[f.begins[0]], f)
	}
	return out
}

// fromAsterisk reads the message of a line. Of verbose and debug lines only what
// those modules say themselves is looked for, not what stands inside.
func fromAsterisk(l level, msg []byte, e *Event) bool {
	if len(msg) < 8 || msg[0] >= 128 {
		return false
	}
	for _, f := range asteriskForms[msg[0]] {
		if len(msg) >= len(f.begins) && string(msg[:len(f.begins)]) == f.begins {
			return f.read(msg, e)
		}
	}
	if l != notice {
		return l == debug && strictRTP(msg, e)
	}
	for _, f := range asteriskInside {
		if bytes.Contains(msg, []byte(f.mark)) {
			return f.read(msg, e)
		}
	}
	return false
}

// plainly reads a message that names nobody.
func plainly(k Kind, cause string) func([]byte, *Event) bool {
	return func(_ []byte, e *Event) bool {
		e.Kind, e.Cause = k, cause
		return true
	}
}

// Refusals of other modules.

// authenticationFailed reads IAX2's and the manager's "Host ADDRESS failed to
// authenticate as 'NAME'" and "ADDRESS failed MD5 authentication for 'NAME'".
func authenticationFailed(msg []byte, e *Event) bool {
	i := bytes.Index(msg, []byte(" failed to authenticate"))
	if i < 0 {
		i = bytes.Index(msg, []byte(" failed MD5 authentication"))
	}
	return i >= 0 && other(msg, i, WrongPassword, e)
}

func nonexistent(msg []byte, e *Event) bool {
	i := bytes.Index(msg, []byte(" tried to authenticate with nonexistent user"))
	return i >= 0 && other(msg, i, UnknownAccount, e)
}

// other reads the address before i and the name behind it.
func other(msg []byte, i int, cause string, e *Event) bool {
	e.Kind, e.Form, e.Cause, e.Service = Refused, Notice, cause, "AMI"
	if bytes.HasPrefix(msg, []byte("Host ")) {
		e.Service = "IAX2"
	}
	e.Account, _ = quotedAfter(msg[i:], "'")
	return e.from(bytes.TrimPrefix(msg[:i], []byte("Host ")))
}

func iaxUnknown(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte("' (from "))
	if i < 0 || msg[len(msg)-1] != ')' {
		return false
	}
	e.Kind, e.Form, e.Cause, e.Service = Refused, Notice, UnknownAccount, "IAX2"
	e.Account = msg[len("No registration for peer '"):max(i, len("No registration for peer '"))]
	return e.from(msg[i+len("' (from ") : len(msg)-1])
}

func hacking(msg []byte, e *Event) bool {
	e.Kind, e.Form, e.Cause = Refused, Notice, Attack
	addr, ok := quotedAfter(msg, "detected '")
	return ok && e.from(addr)
}

func unknownSource(msg []byte, e *Event) bool {
	e.Kind, e.Form, e.Cause = Refused, Notice, UnknownSource
	addr, ok := after(msg, " from ")
	return ok && e.from(bytes.TrimSuffix(addr, []byte(`"`)))
}

// deviceRefused reads a call that chan_sip refused: "Failed to authenticate device
// NAME for INVITE, code = -1". It does not name the address.
func deviceRefused(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte(" for "))
	code, ok := after(msg[max(i, 0):], "code = -")
	if i < len("Failed to authenticate device ") || !ok {
		return false
	}
	// enum check_auth_result of channels/sip/include/sip.h.
	causes := map[int]string{1: WrongPassword, 2: WrongName, 3: UnknownAccount, 4: UnknownAccount, 5: UnknownDomain, 6: NotDynamic, 7: NotPermitted, 8: WrongTransport}
	e.Kind, e.Form, e.Cause = Refused, Notice, causes[numberIn(code)]
	name, _, _ := bytes.Cut(msg[len("Failed to authenticate device "):i], []byte(">;"))
	e.Account = sipUser(name)
	return e.Cause != ""
}

// Registrations with PJSIP.

// noContacts reads "AOR 'A' has no configured max_contacts. Endpoint 'E' (ADDRESS:PORT)
// unable to register" and "AOR 'A' not found for endpoint 'E' (ADDRESS:PORT)".
func noContacts(msg []byte, e *Event) bool {
	e.Kind, e.Form = Refused, Notice
	switch {
	case bytes.Contains(msg, []byte("' has no configured max_contacts")):
		e.Cause = NoContacts
	case bytes.Contains(msg, []byte("' not found for endpoint '")):
		e.Cause = NoAOR
	default:
		return false
	}
	i := max(bytes.LastIndex(msg, []byte("ndpoint '")), 0)
	e.Account, _ = quotedAfter(msg[i:], "ndpoint '")
	e.inBrackets(msg[i:])
	return true
}

// tooManyContacts reads "Registration attempt from endpoint 'E' (ADDRESS:PORT) to AOR
// 'A' will exceed max contacts of N".
func tooManyContacts(msg []byte, e *Event) bool {
	limit, ok := after(msg, "will exceed max contacts of ")
	if !ok {
		return false
	}
	e.Kind, e.Form, e.Cause, e.Code = Refused, Notice, TooMany, numberIn(limit)
	e.Account, _ = quotedAfter(msg, "endpoint '")
	e.inBrackets(msg)
	return true
}

// endpointFault reads what PJSIP says of an endpoint.
func endpointFault(msg []byte, e *Event) bool {
	e.Account, _ = quotedAfter(msg, "Endpoint '")
	switch {
	case bytes.Contains(msg, []byte("' already configured for unsolicited MWI for mailbox '")):
		e.Kind = MWI
		e.Peer, _ = quotedAfter(msg, "for mailbox '")
	case bytes.Contains(msg, []byte(": No URI available. Is endpoint registered?")), bytes.Contains(msg, []byte(": Could not create dialog to invalid URI '")):
		e.Kind, e.Cause = NoChannel, "no-contacts"
	case bytes.Contains(msg, []byte("' state subscription failed: Extension '")):
		e.Kind = NoHint
		e.Peer, _ = quotedAfter(msg, "failed: Extension '")
		e.Context, _ = quotedAfter(msg, "in context '")
	case bytes.HasSuffix(msg, []byte(" has no configured AORs")):
		e.Kind, e.Form, e.Cause = Refused, Notice, NoAOR
		e.inBrackets(msg)
	default:
		return false
	}
	return true
}

// inBrackets finds the address in "' (192.0.2.1:5060)", where there is one. IPv6 stands
// there without brackets of its own.
func (e *Event) inBrackets(msg []byte) {
	if b, ok := after(msg, "' ("); ok {
		addr, _, _ := bytes.Cut(b, []byte(")"))
		e.from(addr[:max(0, bytes.LastIndexByte(addr, ':'))])
	}
}

// Phones that answer OPTIONS, or no longer.

// peerState reads chan_sip's "Peer '102' is now Reachable. (70ms / 2000ms)", "… Lagged.
// (2100ms / 2000ms)" and "Peer '106' is now UNREACHABLE!  Last qualify: 41".
func peerState(msg []byte, e *Event) bool {
	i := bytes.Index(msg, []byte("' is now ")) // peers are named by the administrator
	if i < 0 {
		if bytes.HasSuffix(msg, []byte("is trying to register, but not configured as host=dynamic")) {
			e.Kind, e.Form, e.Cause = Refused, Notice, NotDynamic
			e.Account, _ = quotedAfter(msg, "Peer '")
			return true
		}
		return false
	}
	e.Account = msg[len("Peer '"):max(i, len("Peer '"))]
	state := msg[i+len("' is now "):]
	switch {
	case bytes.HasPrefix(state, []byte("UNREACHABLE")):
		e.Kind = Unreachable
		if last, ok := after(state, "Last qualify: "); ok {
			e.RTT = time.Duration(numberIn(bytes.TrimLeft(last, " "))) * time.Millisecond
			e.Never = e.RTT == 0
		}
		return true
	case bytes.HasPrefix(state, []byte("Reachable")), bytes.HasPrefix(state, []byte("REACHABLE")):
		e.Kind = Reachable
	case bytes.HasPrefix(state, []byte("Lagged")), bytes.HasPrefix(state, []byte("LAGGED")), bytes.HasPrefix(state, []byte("TOO LAGGED")):
		e.Kind = Lagged
	default:
		return false
	}
	if times, ok := after(state, "("); ok {
		e.RTT = time.Duration(numberIn(times)) * time.Millisecond
		if limit, ok := after(times, "/ "); ok {
			e.Limit = time.Duration(numberIn(limit)) * time.Millisecond
		}
	}
	return true
}

// contactState reads PJSIP's "Contact AOR/sip:… is now Reachable.  RTT: 12.345 msec".
func contactState(msg []byte, e *Event) bool {
	msg = msg[len("Contact "):]
	i := bytes.LastIndex(msg, []byte(" is now "))
	state := msg
	switch {
	case i >= 0:
		state = msg[i+len(" is now "):]
	case bytes.HasSuffix(msg, []byte(" has been deleted")):
		i = len(msg) - len(" has been deleted")
		e.Kind, e.Cause = Gone, "deleted"
	default:
		return false
	}
	switch {
	case e.Kind == Gone:
	case bytes.HasPrefix(state, []byte("Unreachable")):
		e.Kind = Unreachable
	case bytes.HasPrefix(state, []byte("Reachable")):
		e.Kind = Reachable
		if rtt, ok := after(state, "RTT: "); ok {
			ms, _ := strconv.ParseFloat(string(word(rtt)), 64)
			e.RTT = time.Duration(max(0, min(ms, 1e7)) * float64(time.Millisecond))
		}
	default:
		return false
	}
	aor, uri, ok := bytes.Cut(msg[:i], []byte("/"))
	e.Account = aor
	e.at(uri)
	return ok
}

// at takes the address of a SIP URI, where it has one.
func (e *Event) at(uri []byte) {
	if i := bytes.LastIndexByte(uri, '@'); i >= 0 {
		uri = uri[i+1:]
	} else if _, host, ok := bytes.Cut(uri, []byte(":")); ok {
		uri = host
	}
	if i := bytes.IndexAny(uri, ";>?"); i >= 0 {
		uri = uri[:i]
	}
	e.from(uri)
}

func registered(msg []byte, e *Event) bool {
	name, at, ok := bytes.Cut(msg[len("Registered SIP '"):], []byte("' at "))
	e.Kind, e.Account = Accepted, name
	e.from(word(at))
	return ok
}

// savedAgent reads what chan_sip says of a registration that it has accepted: "Saved
// useragent "Zoiper" for peer 102". The agent is a stranger's.
func savedAgent(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte(`" for peer `))
	if i < 0 {
		return false
	}
	e.Kind, e.Account = Accepted, msg[i+len(`" for peer `):]
	return len(e.Account) > 0
}

func unregistered(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Gone, "unregistered"
	name, ok := quotedAfter(msg, "'")
	e.Account = name
	return ok
}

// contactAdded reads "Added contact 'URI' to AOR 'A' with expiration of N seconds".
func contactAdded(msg []byte, e *Event) bool {
	e.Kind = Accepted
	return e.contact(msg)
}

// contactRemoved reads "Removed contact 'URI' from AOR 'A' due to expiration".
func contactRemoved(msg []byte, e *Event) bool {
	e.Kind = Gone
	if why, ok := after(msg, "' due to "); ok {
		e.Cause = string(word(why[:min(len(why), 24)]))
	}
	return e.contact(msg)
}

func (e *Event) contact(msg []byte) bool {
	i := bytes.LastIndex(msg, []byte(" AOR '"))
	uri, ok := quotedAfter(msg, "contact '")
	if !ok || i < 0 {
		return false
	}
	e.at(uri)
	e.Account, ok = quotedAfter(msg[i:], "AOR '")
	return ok
}
