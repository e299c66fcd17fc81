package pbxlog

import "bytes"

// retransmission reads "Retransmission timeout reached on transmission CALLID for
// seqno 102 (Critical Response)". What is critical is an INVITE or BYE, or the answer
// to one; for a response the ACK was awaited. Older versions put the words the other
// way round, and begin with "Maximum retries exceeded".
func retransmission(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte(" for seqno "))
	if i < 0 {
		return false
	}
	e.Kind = NoReply
	e.Peer = msg[len("Retransmission timeout reached on transmission "):max(i, len("Retransmission timeout reached on transmission "))]
	critical := bytes.Contains(msg[i:], []byte("(Critical"))
	switch response := bytes.Contains(msg[i:], []byte("Response)")); {
	case critical && response:
		e.Cause = "ack"
	case critical:
		e.Cause = "request"
	case response:
		return false // a final answer to OPTIONS, SUBSCRIBE and the like that nobody repeats
	default:
		e.Cause = "minor"
	}
	return true
}

func hangingUp(msg []byte, e *Event) bool {
	i := bytes.Index(msg, []byte(" - no reply to our critical packet"))
	if i < 0 {
		return false
	}
	e.Kind, e.Cause, e.Peer = NoReply, "hangup", msg[len("Hanging up call "):max(i, len("Hanging up call "))]
	return true
}

// noRTP reads "Disconnecting call 'SIP/102-00000015' for lack of RTP activity in 31
// seconds" and PJSIP's "Disconnecting channel 'PJSIP/102-00000015' for lack of audio RTP activity in 31 seconds".
func noRTP(msg []byte, e *Event) bool {
	name, rest, ok := bytes.Cut(msg, []byte("' for lack of "))
	if !ok {
		return false
	}
	_, channel, _ := bytes.Cut(name, []byte("'"))
	e.Kind, e.Account = NoRTP, peerOf(channel)
	if n, ok := after(rest, "activity in "); ok {
		e.Code = numberIn(n)
	}
	return len(e.Account) > 0
}

// peerOf is the peer of a channel: 102 of SIP/102-00000015.
func peerOf(channel []byte) []byte {
	if i := bytes.IndexByte(channel, '/'); i >= 0 {
		channel = channel[i+1:]
	}
	if i := bytes.LastIndexByte(channel, '-'); i > 0 {
		channel = channel[:i]
	}
	return channel
}

// noChannel reads "Unable to create channel of type 'SIP' (cause 20 - Subscriber absent)".
func noChannel(msg []byte, e *Event) bool {
	e.Kind = NoChannel
	e.Peer, _ = quotedAfter(msg, "type '")
	cause, ok := after(msg, "' (cause ")
	e.Code, e.Cause = numberIn(cause), "cause"
	return ok
}

func noEndpoint(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "endpoint '")
	e.Kind, e.Cause, e.Peer = NoChannel, "no-endpoint", name
	return ok
}

func noDriver(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "'")
	e.Kind, e.Cause, e.Peer = NoChannel, "no-driver", name
	return ok
}

// noJoint reads "No joint capabilities for 'audio' media stream between our
// configuration((ulaw)) and incoming SDP((g729))".
func noJoint(msg []byte, e *Event) bool {
	ours, theirs, ok := bytes.Cut(msg, []byte(") and incoming SDP("))
	e.Kind, e.Cause, e.Peer = Codecs, "joint", bytes.TrimSuffix(theirs, []byte(")"))
	_, e.Account, _ = bytes.Cut(ours, []byte("configuration("))
	return ok
}

func noTranslation(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Codecs, "translation"
	if _, e.Peer, _ = bytes.Cut(msg, []byte(": ")); e.Peer == nil {
		e.Peer = bytes.TrimPrefix(msg, []byte("No path to translate from "))
	}
	return true
}

// Names, transports, configuration.

func noAddrInfo(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, `getaddrinfo("`)
	e.Kind, e.Peer = NoName, name
	return ok && len(name) > 0
}

func noSuchHost(msg []byte, e *Event) bool {
	_, name, ok := bytes.Cut(msg, []byte(": "))
	e.Kind, e.Peer = NoName, word(name)
	return ok
}

func noLookup(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "'")
	e.Kind, e.Peer = NoName, name
	return ok
}

// noTransport reads "Transport 'transport-udp' could not be started: Address already in use".
func noTransport(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "'")
	if !ok || !bytes.Contains(msg, []byte("' could not be started")) {
		return false
	}
	e.Kind, e.Cause, e.Account = Transport, "not-started", name
	_, e.Peer, _ = bytes.Cut(msg, []byte("could not be started: "))
	return true
}

func noBind(msg []byte, e *Event) bool {
	addr, why, ok := bytes.Cut(msg[len("Failed to bind to "):], []byte(": "))
	e.Kind, e.Cause, e.Account, e.Peer = Transport, "not-started", addr, why
	return ok
}

// unknownOption reads "Could not find option suitable for category '102' named
// 'setvar' at line 390 of /etc/asterisk/pjsip.conf".
func unknownOption(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Config, "option"
	e.Account, _ = quotedAfter(msg, "category '")
	e.Peer, _ = quotedAfter(msg, "' named '")
	if line, ok := after(msg, "' at line "); ok {
		e.Code = numberIn(line)
		e.Context, _ = after(line, " of ")
	}
	return len(e.Account) > 0
}

// noObject reads "Could not create an object of type 'endpoint' with id '102' from
// configuration file 'pjsip.conf'".
func noObject(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Config, "object"
	e.Account, _ = quotedAfter(msg, "with id '")
	e.Peer, _ = quotedAfter(msg, "of type '")
	e.Context, _ = quotedAfter(msg, "file '")
	return len(e.Account) > 0
}

// badValue reads "Error parsing bind=:: at line 8 of /etc/asterisk/pjsip.conf".
func badValue(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte(" at line "))
	if i < len("Error parsing ") || bytes.IndexByte(msg[:i], '=') < 0 {
		return false
	}
	e.Kind, e.Cause, e.Peer, e.Code = Config, "value", msg[len("Error parsing "):i], numberIn(msg[i+len(" at line "):])
	e.Context, _ = after(msg[i:], " of ")
	return true
}

// noHint reads "Extension 123 does not exist or has no associated hint".
func noHint(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte(" does not exist or has no associated hint"))
	if i < len("Extension ") {
		return false
	}
	e.Kind, e.Peer = NoHint, msg[len("Extension "):i]
	return true
}

// taskQueue reads "The 'stasis/m:…' task processor queue reached 500 scheduled tasks".
func taskQueue(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "'")
	if !ok || !bytes.Contains(msg, []byte("task processor queue reached ")) {
		return false
	}
	e.Kind, e.Cause, e.Peer = Overload, "queue", name
	return true
}

// gotResponse reads "Got SIP response 486 "Busy here" back from 192.0.2.1:5060".
func gotResponse(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte("\" back from "))
	code, ok := after(msg, "SIP response ")
	phrase, _ := quotedAfter(msg, `"`)
	if i < 0 || !ok {
		return false
	}
	e.Kind, e.Code, e.Peer = Answered, numberIn(code), phrase
	return e.from(word(msg[i+len("\" back from "):]))
}

func unidentified(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "username '")
	e.Kind, e.Cause, e.Account = Anonymous, "name", name
	return ok
}

func unidentifiedSource(msg []byte, e *Event) bool {
	addr, identify, ok := bytes.Cut(msg[len("Source address "):], []byte(" does not match identify '"))
	e.Kind, e.Cause, e.Account = Anonymous, "address", bytes.TrimSuffix(identify, []byte("'"))
	return ok && e.from(addr)
}

// strictRTP reads "… Received packet from 192.0.2.1:4000, dropping due to strict RTP
// protection." What is said while the source is still being learnt is not meant.
func strictRTP(msg []byte, e *Event) bool {
	addr, rest, ok := bytes.Cut(msg, []byte(", dropping due to strict RTP protection."))
	if !ok || len(bytes.TrimSpace(rest)) > 0 {
		return false
	}
	e.Kind = StrictRTP
	return e.from(addr[bytes.LastIndexByte(addr, ' ')+1:])
}
