package pbxlog

import (
	"bytes"
	"net/netip"
	"strconv"
)

// The lines that tell of a refused request. What a stranger chooses (names, numbers,
// Call-IDs) may look like any other part of the line: the address counts that stands
// where the program writes it, and where two places could be that one, none does.

// refusals are Asterisk's own words for a cause.
var refusals = []struct{ begins, cause string }{
	{"Wrong password", WrongPassword}, {"Username/auth name mismatch", WrongName}, {"No matching peer found", UnknownAccount},
	{"Not a local domain", UnknownDomain}, {"Peer is not supposed to register", NotDynamic}, {"Device does not match ACL", NotPermitted},
	{"Device not configured to use this transport type", WrongTransport}, {"ACL error", NotPermitted},
	{"No matching endpoint found", UnknownAccount}, {"Failed to authenticate", WrongPassword}, {"Error to authenticate", WrongPassword},
	{"Not match Endpoint ACL", NotPermitted}, {"Not match Endpoint Contact ACL", NotPermitted},
	{"RTP initialization failed", Other}, {"Unknown failure", Other},
}

// maxPlaces is in how many places an address is looked for, each of which costs a look
// at the rest of the line.
const maxPlaces = 8

func causeOf(reason []byte) string {
	for _, r := range refusals {
		if len(reason) >= len(r.begins) && string(reason[:len(r.begins)]) == r.begins {
			return r.cause
		}
	}
	return ""
}

// registrationFailed reads chan_sip's "Registration from 'NAME' failed for 'ADDRESS' - REASON".
// Behind the address nothing is a stranger's.
func registrationFailed(msg []byte, e *Event) bool {
	const mark = "' failed for '"
	i := bytes.LastIndex(msg, []byte(mark))
	if i < 0 {
		return false
	}
	addr, reason, ok := bytes.Cut(msg[i+len(mark):], []byte("' - "))
	if !ok {
		return false
	}
	e.Kind, e.Form, e.Service, e.Cause = Refused, Notice, "SIP", causeOf(reason)
	e.Account = sipUser(msg[len("Registration from '"):max(i, len("Registration from '"))])
	return e.Cause != "" && e.from(addr)
}

// requestFailed reads PJSIP's "Request 'METHOD' from 'NAME' failed for 'ADDRESS' (callid: ID) - REASON".
// Name and ID are a stranger's.
func requestFailed(msg []byte, e *Event) bool {
	const mark = "' failed for '"
	_, name, ok := bytes.Cut(msg, []byte(" from '"))
	if !ok {
		return false
	}
	var found int
	for at, tries := 0, 0; ; tries++ {
		i := bytes.Index(name[at:], []byte(mark))
		if i < 0 {
			break
		}
		if tries == maxPlaces {
			return false
		}
		i += at
		at = i + len(mark)
		addr, id, ok := bytes.Cut(name[at:], []byte("' (callid: "))
		if !ok || !e.from(addr) {
			continue
		}
		if found++; found > 1 {
			return false
		}
		j := bytes.LastIndex(id, []byte(") - "))
		if j < 0 {
			return false
		}
		e.Kind, e.Form, e.Service, e.Cause = Refused, Notice, "PJSIP", causeOf(id[j+len(") - "):])
		e.Account = sipUser(name[:i])
	}
	return found == 1 && e.Cause != ""
}

// securityEvent reads a line of the security log. A name and a session may hold
// anything; of several addresses the last counts that is followed by fields only.
func securityEvent(msg []byte, e *Event) bool {
	msg = msg[len(`SecurityEvent="`):]
	kind, rest, ok := bytes.Cut(msg, []byte(`"`))
	if !ok {
		return false
	}
	e.Form, e.Kind = Security, Refused
	switch string(kind) {
	case "InvalidPassword", "ChallengeResponseFailed":
		e.Cause = WrongPassword
	case "InvalidAccountID":
		e.Cause = UnknownAccount
	case "FailedACL":
		e.Cause = NotPermitted
	case "InvalidTransport":
		e.Cause = WrongTransport
	case "SessionLimit", "LoadAverageLimit", "MemoryLimit":
		e.Cause = Limit
	case "SuccessfulAuth":
		e.Kind = Accepted
	default:
		return false
	}
	if service, ok := quotedAfter(rest, `Service="`); ok {
		e.Service = string(service[:min(len(service), 16)])
	}
	i := bytes.Index(rest, []byte(`AccountID="`))
	if i < 0 {
		return false
	}
	rest = rest[i+len(`AccountID="`):]
	account, rest, ok := bytes.Cut(rest, []byte(`",SessionID="`))
	if e.Account = account; !ok {
		return false
	}
	if string(e.Account) == "<unknown>" {
		e.Account = nil
	}
	if !e.remote(rest) {
		return false
	}
	if i = bytes.LastIndex(rest, []byte(`,ACLName="`)); i >= 0 && e.Cause == NotPermitted {
		name, _ := quotedAfter(rest[i:], `ACLName="`)
		e.Cause = aclCause(name)
	}
	return true
}

// aclCause is what chan_sip calls an ACL though there is none
// (channels/sip/security_events.c).
func aclCause(name []byte) string {
	switch string(name) {
	case "no_extension_match":
		return NumberRefused
	case "domain_must_match":
		return UnknownDomain
	case "peer_not_dynamic":
		return NotDynamic
	}
	return NotPermitted
}

// remote finds RemoteAddress="IPV4/UDP/192.0.2.1/5060".
func (e *Event) remote(rest []byte) bool {
	const mark = `,RemoteAddress="`
	end := len(rest)
	for range maxPlaces {
		i := bytes.LastIndex(rest[:end], []byte(mark))
		if i < 0 {
			return false
		}
		end = i
		value, tail, ok := bytes.Cut(rest[i+len(mark):], []byte(`"`))
		part := bytes.Split(value, []byte("/"))
		if ok && len(part) == 4 && bytes.HasPrefix(part[0], []byte("IPV")) && onlyFields(tail) {
			return e.from(part[2])
		}
	}
	return false
}

// onlyFields reports whether b is a list of ,Name="value".
func onlyFields(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ',' {
			return false
		}
		i := bytes.Index(b, []byte(`="`))
		if i < 2 || bytes.ContainsAny(b[1:i], `",= `) {
			return false
		}
		b = b[i+2:]
		if i = bytes.IndexByte(b, '"'); i < 0 {
			return false
		}
		b = b[i+1:]
	}
	return true
}

// noExtension reads "Call from 'NAME' (UDP:ADDRESS) to extension 'NUMBER' rejected
// because extension not found in context 'CONTEXT'." and "NAME: Call (UDP:ADDRESS) …",
// which newer versions write. The number is a stranger's.
func noExtension(msg []byte, e *Event) bool {
	var name, rest []byte
	var ok bool
	if bytes.HasPrefix(msg, []byte("Call from '")) {
		name, rest, ok = bytes.Cut(msg[len("Call from '"):], []byte("' ("))
		ok = ok && bytes.IndexByte(name, '\'') < 0
	} else if name, rest, ok = bytes.Cut(msg, []byte(": Call (")); bytes.IndexByte(name, ' ') >= 0 {
		return false
	}
	addr, number, ok2 := bytes.Cut(rest, []byte(") to extension '"))
	i := bytes.LastIndex(number, []byte("' rejected because extension not found"))
	if !ok || !ok2 || i < 0 {
		return false
	}
	for _, t := range []string{"UDP:", "TCP:", "TLS:", "WSS:", "WS:"} {
		addr = bytes.TrimPrefix(addr, []byte(t))
	}
	e.Kind, e.Account, e.Peer = NoExtension, name, number[:i]
	e.Context, _ = quotedAfter(number[i:], "in context '")
	return e.from(addr)
}

// sipUser finds the user of a From value: "100" <sip:100@pbx>.
func sipUser(s []byte) []byte {
	i := max(bytes.LastIndex(s, []byte("sip:")), bytes.LastIndex(s, []byte("sips:")))
	if i < 0 {
		return s
	}
	s = s[i+bytes.IndexByte(s[i:], ':')+1:]
	return bytes.Trim(s[:max(0, bytes.LastIndexByte(s, '@'))], `"<> `)
}

// from sets the address, in any of the ways it is written: 192.0.2.1,
// 192.0.2.1:5060, 2001:db8::1, [2001:db8::1]:5060, [192.0.2.1]:5060.
func (e *Event) from(s []byte) bool {
	addr, ok := parseAddr(s)
	if ok {
		e.Addr = addr
	}
	return ok
}

func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) > 64 {
		return netip.Addr{}, false
	}
	if a, ok := v4(b); ok {
		return a, true
	}
	s := string(b)
	addr, err := netip.ParseAddr(string(bytes.Trim(b, "[]")))
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(s); err == nil {
			addr = ap.Addr()
		} else if i := bytes.Index(b, []byte("]:")); i > 0 && b[0] == '[' {
			addr, err = netip.ParseAddr(s[1:i])
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}

// v4 reads "192.0.2.1" and "192.0.2.1:5060" without a copy.
func v4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	at := 0
	for i := range a {
		n, digits := 0, 0
		for ; at < len(b) && digits < 3 && b[at] >= '0' && b[at] <= '9'; at++ {
			n, digits = 10*n+int(b[at]-'0'), digits+1
		}
		if digits == 0 || n > 255 || digits > 1 && n < 10 || digits == 3 && n < 100 {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
		if i < 3 {
			if at >= len(b) || b[at] != '.' {
				return netip.Addr{}, false
			}
			at++
		}
	}
	if at == len(b) {
		return netip.AddrFrom4(a), true
	}
	if b[at] != ':' || at+1 == len(b) || len(b)-at > 6 {
		return netip.Addr{}, false
	}
	for _, c := range b[at+1:] {
		if c < '0' || c > '9' {
			return netip.Addr{}, false
		}
	}
	return netip.AddrFrom4(a), true
}

// quotedAfter is what stands between a mark and the next quotation mark of the kind
// that the mark ends with.
func quotedAfter(b []byte, mark string) ([]byte, bool) {
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return nil, false
	}
	b = b[i+len(mark):]
	if i = bytes.IndexByte(b, mark[len(mark)-1]); i < 0 {
		return nil, false
	}
	return b[:i], true
}

// after is what follows a mark.
func after(b []byte, mark string) ([]byte, bool) {
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return nil, false
	}
	return b[i+len(mark):], true
}

// word is what b begins with, up to a space or one of ,;).
func word(b []byte) []byte {
	if i := bytes.IndexAny(b, " ,;)\t"); i >= 0 {
		return b[:i]
	}
	return b
}

// numberIn is the number that b begins with; 0: none.
func numberIn(b []byte) int {
	i := 0
	for i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(string(b[:i]))
	return n
}
