package pbxlog

import "bytes"

// FreeSWITCH: src/mod/endpoints/mod_sofia. A challenge is no failure, and is not
// read: every phone gets one each time.
var freeSWITCHForms = byFirstLetter([]form{
	{"SIP auth failure (", fsRefused},
	{"Can't find user [", fsUnknown},
	{"IP ", fsACL},
	{"Sip user '", fsState},
	{"Timeout Registering ", fsTimeout},
	{"Ping failed ", fsPing},
	{"Ping succeeded ", fsPing},
	{"No audio RTP ports available", plainly(NoPorts, "")},
	{"Cannot locate registered user ", fsNotRegistered},
	{"CODEC NEGOTIATION ERROR", plainly(Codecs, "offer")},
})

func fromFreeSWITCH(msg []byte, e *Event) bool {
	if len(msg) < 8 || msg[0] >= 128 {
		return false
	}
	for _, f := range freeSWITCHForms[msg[0]] {
		if len(msg) >= len(f.begins) && string(msg[:len(f.begins)]) == f.begins {
			return f.read(msg, e)
		}
	}
	switch {
	case bytes.Contains(msg, []byte(" Failed Registration ")):
		return fsRegistration(msg, e)
	case bytes.Contains(msg, []byte("Too many open files")):
		e.Kind = NoFiles
		return true
	case bytes.Contains(msg, []byte("[INCOMPATIBLE_DESTINATION]")):
		e.Kind, e.Cause = Codecs, "offer"
		return true
	case bytes.Contains(msg, []byte("[MEDIA_TIMEOUT]")):
		return fsMediaTimeout(msg, e)
	}
	return false
}

// fsRefused reads "SIP auth failure (REGISTER) on sofia profile 'internal' for
// [100@pbx] from ip 192.0.2.7". It does not say whether name or password is wrong.
func fsRefused(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte("] from ip "))
	user, ok := after(msg, "' for [")
	if i < 0 || !ok {
		return false
	}
	e.Kind, e.Form, e.Cause = Refused, Notice, WrongPassword
	e.Account, _, _ = bytes.Cut(user, []byte("@"))
	return e.from(bytes.TrimSpace(msg[i+len("] from ip "):]))
}

func fsUnknown(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte("] from "))
	if i < 0 {
		return false
	}
	e.Kind, e.Form, e.Cause = Refused, Security, UnknownAccount
	e.Account, _, _ = bytes.Cut(msg[len("Can't find user ["):max(i, len("Can't find user ["))], []byte("@"))
	return e.from(word(msg[i+len("] from "):]))
}

// fsACL reads `IP 192.0.2.7 Rejected by register acl "domains"`.
func fsACL(msg []byte, e *Event) bool {
	addr, rest, ok := bytes.Cut(msg[len("IP "):], []byte(" Rejected by "))
	e.Kind, e.Form, e.Cause, e.Peer = Refused, Notice, NotPermitted, rest
	return ok && e.from(addr)
}

// fsState reads "Sip user '100@pbx' is now Reachable".
func fsState(msg []byte, e *Event) bool {
	name, state, ok := bytes.Cut(msg[len("Sip user '"):], []byte("' is now "))
	e.Account, _, _ = bytes.Cut(name, []byte("@"))
	switch {
	case !ok:
	case bytes.HasPrefix(state, []byte("Unreachable")):
		e.Kind = Unreachable
	case bytes.HasPrefix(state, []byte("Reachable")):
		e.Kind = Reachable
	}
	return e.Kind != ""
}

func fsTimeout(msg []byte, e *Event) bool {
	e.Kind, e.Cause, e.Account = Trunk, "no-answer", word(msg[len("Timeout Registering "):])
	return len(e.Account) > 0
}

// fsRegistration reads "gw Failed Registration with status Forbidden [403]. failure #1"
// and "gw Failed Registration [3], setting retry to 60 seconds."
func fsRegistration(msg []byte, e *Event) bool {
	name, rest, _ := bytes.Cut(msg, []byte(" Failed Registration "))
	e.Kind, e.Cause, e.Account = Trunk, "refused", name
	if i := bytes.LastIndexByte(rest, '['); i >= 0 && bytes.HasPrefix(rest, []byte("with status ")) {
		e.Code = numberIn(rest[i+1:])
	}
	if e.Code == 408 {
		e.Cause = "no-answer"
	}
	return len(name) > 0 && bytes.IndexByte(name, ' ') < 0
}

func fsPing(msg []byte, e *Event) bool {
	rest, ok := bytes.CutPrefix(msg, []byte("Ping succeeded "))
	if e.Kind = Reachable; !ok {
		e.Kind, rest = Unreachable, msg[len("Ping failed "):]
	}
	e.Account = word(rest)
	return len(e.Account) > 0
}

func fsNotRegistered(msg []byte, e *Event) bool {
	e.Kind, e.Cause = NoChannel, "no-contacts"
	e.Account, _, _ = bytes.Cut(msg[len("Cannot locate registered user "):], []byte("@"))
	return true
}

func fsMediaTimeout(msg []byte, e *Event) bool {
	e.Kind, e.Account = NoRTP, nil
	if channel, ok := after(msg, "sofia/"); ok {
		e.Account = word(channel)
	}
	return len(e.Account) > 0
}

// fromKamailio reads what Kamailio and OpenSIPS say: "pike [pike_funcs.c:163]:
// pike_check_req(): PIKE - BLOCKing ip 192.0.2.7, node=0x7f", and the line of the
// default kamailio.cfg, "ALERT: pike blocking REGISTER from sip:100@pbx (IP:192.0.2.7:5060)".
func fromKamailio(msg []byte, e *Event) bool {
	switch {
	case bytes.Contains(msg, []byte("PIKE - BLOCKing ip ")):
		addr, _ := after(msg, "PIKE - BLOCKing ip ")
		e.Kind = Flood
		return e.from(word(addr))
	case bytes.Contains(msg, []byte("pike blocking ")):
		i := bytes.LastIndex(msg, []byte(" (IP:"))
		if i < 0 || msg[len(msg)-1] != ')' {
			return false
		}
		e.Kind = Flood
		return e.from(msg[i+len(" (IP:") : len(msg)-1])
	case bytes.Contains(msg, []byte("too many contacts for AOR <")):
		e.Kind, e.Form, e.Cause = Refused, Notice, TooMany
		aor, _ := after(msg, "for AOR <")
		e.Account, _, _ = bytes.Cut(aor, []byte(">"))
		return len(e.Account) > 0
	case bytes.Contains(msg, []byte("failed to resolve \"")):
		e.Kind = NoName
		e.Peer, _ = quotedAfter(msg, `resolve "`)
		return len(e.Peer) > 0
	case bytes.Contains(msg, []byte("could not resolve hostname:\"")):
		e.Kind = NoName
		e.Peer, _ = quotedAfter(msg, `hostname:"`)
		return len(e.Peer) > 0
	case bytes.Contains(msg, []byte("Too many open files")):
		e.Kind = NoFiles
		return true
	}
	return false
}

// fromFail2ban reads "NOTICE  [asterisk] Ban 192.0.2.7". A restored ban is none of now.
func fromFail2ban(msg []byte, e *Event) bool {
	i := bytes.LastIndex(msg, []byte("] Ban "))
	if i < 0 {
		return false
	}
	e.Kind = Banned
	e.Account = msg[bytes.LastIndexByte(msg[:i], '[')+1 : i]
	return e.from(bytes.TrimSpace(msg[i+len("] Ban "):]))
}
