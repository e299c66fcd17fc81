package pbxlog

import "bytes"

// What Asterisk says of its own registrations at a provider. The causes of Trunk:
// no-answer, refused (Code says with what; 0: not told), password, gave-up (Asterisk
// tries no more), no-name, uri (configured wrongly).

// trunk reads "user@host" up to a mark.
func (e *Event) trunk(cause string, b []byte, upTo string) bool {
	e.Kind, e.Cause = Trunk, cause
	if i := bytes.Index(b, []byte(upTo)); i >= 0 && upTo != "" {
		b = b[:i]
	}
	e.Account = b
	if i := bytes.LastIndexByte(b, '@'); i >= 0 {
		e.Peer = b[i+1:]
	}
	return len(e.Account) > 0
}

func trunkTimeout(msg []byte, e *Event) bool {
	name, _, ok := bytes.Cut(msg[len("Registration for '"):], []byte("' timed out"))
	return ok && e.trunk("no-answer", name, "")
}

func trunkGaveUp(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "trying to register '")
	return ok && e.trunk("gave-up", name, "")
}

func trunkNoName(msg []byte, e *Event) bool {
	return e.trunk("no-name", msg[len("Probably a DNS error for registration to "):], ", ")
}

func trunkNoAuth(msg []byte, e *Event) bool {
	return e.trunk("password", msg[len("No authorization available for authentication of registration to "):], " (")
}

func trunkPassword(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "REGISTER to '")
	return ok && e.trunk("password", name, "")
}

// trunkForbidden reads "Forbidden - wrong password on authentication for REGISTER for
// 'USER' to 'HOST'".
func trunkForbidden(msg []byte, e *Event) bool {
	name, ok := quotedAfter(msg, "REGISTER for '")
	e.Kind, e.Cause, e.Code, e.Account = Trunk, "password", 403, name
	e.Peer, _ = quotedAfter(msg, "' to '")
	e.Account = append(append(bytes.Clone(name), '@'), e.Peer...) // as the other lines have it
	return ok
}

func trunkNotFound(msg []byte, e *Event) bool {
	e.Code = 404
	return e.trunk("refused", msg[len("Got 404 Not found on SIP register to service "):], ",")
}

// trunkError reads "Got error 503 on register to USER@HOST, giving up (check config)".
func trunkError(msg []byte, e *Event) bool {
	name, ok := after(msg, " on register to ")
	e.Code = numberIn(msg[len("Got error "):])
	return ok && e.trunk("refused", name, ",")
}

func trunkRegistered(msg []byte, e *Event) bool {
	host, _, ok := bytes.Cut(msg[len("Outbound Registration: Expiry for "):], []byte(" is "))
	e.Kind, e.Peer = TrunkOK, host
	return ok
}

// outbound reads "… 'SERVER' on registration attempt to 'CLIENT'…".
func (e *Event) outbound(cause string, msg []byte, server string) bool {
	var ok bool
	e.Kind, e.Cause = Trunk, cause
	e.Peer, _ = quotedAfter(msg, server)
	e.Account, ok = quotedAfter(msg, "on registration attempt to '")
	return ok
}

func outboundSilence(msg []byte, e *Event) bool {
	return e.outbound("no-answer", msg, "received from '")
}

// outboundAnswer reads "Temporal response '503' received from 'S' on registration
// attempt to 'C', retrying in '60'" and "Fatal response '404' …, stopping outbound registration".
func outboundAnswer(msg []byte, e *Event) bool {
	code, _ := after(msg, "response '")
	e.Code = numberIn(code)
	if !e.outbound("refused", msg, "received from '") {
		return false
	}
	if bytes.Contains(msg, []byte("stopping outbound registration")) {
		e.Cause = "gave-up"
	}
	return true
}

func outboundForbidden(msg []byte, e *Event) bool {
	e.Code = 403
	return e.outbound("refused", msg, "received from '")
}

// quotedFirst reads messages that begin with a quoted word: "'404' fatal response
// received from 'S' on registration attempt to 'C', retrying in '60' seconds", and
// "'UDP' is not a valid transport for '101'. we only use 'TLS'! ending call."
func quotedFirst(msg []byte, e *Event) bool {
	switch {
	case bytes.Contains(msg, []byte("' fatal response received from '")):
		e.Code = numberIn(msg[1:])
		return e.outbound("refused", msg, "received from '")
	case bytes.Contains(msg, []byte("' is not a valid transport for '")):
		e.Kind, e.Form, e.Cause = Refused, Notice, WrongTransport
		e.Account, _ = quotedAfter(msg, "transport for '")
		e.Peer, _ = quotedAfter(msg, "only use '")
		return true
	}
	return false
}

func outboundGaveUp(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Trunk, "gave-up"
	e.Peer, _ = quotedAfter(msg, "registration to '")
	e.Account, _ = quotedAfter(msg, "with client '")
	return len(e.Account) > 0
}

func outboundFatal(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Trunk, "gave-up"
	e.Account, _ = quotedAfter(msg, "attempt to '")
	return len(e.Account) > 0
}

// outboundURI reads "Invalid server URI 'U' specified on outbound registration 'R'".
func outboundURI(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Trunk, "uri"
	e.Peer, _ = quotedAfter(msg, "URI '")
	e.Account, _ = quotedAfter(msg, "outbound registration '")
	return len(e.Account) > 0
}

func outboundBadURI(msg []byte, e *Event) bool {
	e.Kind, e.Cause = Trunk, "uri"
	e.Account, _ = quotedAfter(msg, "uri: '")
	return len(e.Account) > 0
}
