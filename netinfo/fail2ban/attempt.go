package fail2ban

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Reasons of a failed attempt. They are what a fix depends on.
const (
	WrongPassword  = "wrong password"
	UnknownAccount = "unknown account"
	NotPermitted   = "not permitted by the ACL"
	NoExtension    = "extension not found"
	UnknownSource  = "unknown source"
	OtherFailure   = "rejected"
	Banned         = "banned before" // for recidive: a line of fail2ban's own log
)

// attempt is one failed attempt that a log line tells of.
type attempt struct {
	at              time.Time
	addr            netip.Addr
	account, reason string
	line            string
}

// readAttempt reads a line of Asterisk's as its filter does (filter.d/asterisk.conf
// of fail2ban 1.0), or a ban in fail2ban's own log. Lines hold text from
// strangers: addresses are read from the end, where Asterisk writes, so that a
// user name that looks like an address incriminates no one.
func readAttempt(line []byte, zone *time.Location, now time.Time) (attempt, bool) {
	at, rest, ok := lineTime(line, zone, now)
	if !ok {
		return attempt{}, false
	}
	return readMessage(at, line, rest)
}

// readMessage reads what follows the time of a line.
func readMessage(at time.Time, line, rest []byte) (attempt, bool) {
	a := attempt{at: at}
	text := strings.TrimRight(string(rest), "\r\n ")
	ok := false
	if i := strings.Index(text, "SecurityEvent=\""); i >= 0 {
		ok = a.security(text[i:])
	} else {
		ok = a.notice(text)
	}
	if ok {
		a.line = clip(string(line))
	}
	return a, ok
}

// security reads an event of res_security_log.
func (a *attempt) security(text string) bool {
	event, _, _ := strings.Cut(strings.TrimPrefix(text, "SecurityEvent=\""), "\"")
	switch event {
	case "InvalidPassword", "ChallengeResponseFailed":
		a.reason = WrongPassword
	case "InvalidAccountID":
		a.reason = UnknownAccount
	case "FailedACL":
		a.reason = NotPermitted
	default:
		return false
	}
	const remote = `,RemoteAddress="IPV`
	i := strings.LastIndex(text, remote)
	if i < 0 {
		return false
	}
	value, tail, ok := strings.Cut(text[i+len(remote):], `"`)
	parts := strings.Split(value, "/") // 4/UDP/192.0.2.1/5060
	if !ok || len(parts) != 4 || !onlyFields(tail) {
		return false
	}
	a.account = field(text[:i], `AccountID="`, `",SessionID="`)
	return a.from(parts[2])
}

// onlyFields reports whether nothing but ,name="value" follows.
func onlyFields(s string) bool {
	for s != "" {
		name, rest, ok := strings.Cut(strings.TrimPrefix(s, ","), `="`)
		if !ok || s[0] != ',' || strings.ContainsAny(name, `",= `) {
			return false
		}
		if _, s, ok = strings.Cut(rest, `"`); !ok {
			return false
		}
	}
	return true
}

func field(s, begin, end string) string {
	i := strings.Index(s, begin)
	if i < 0 {
		return ""
	}
	s, _, _ = strings.Cut(s[i+len(begin):], end)
	return clipAccount(s)
}

func clipAccount(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// from sets the address, in any of the ways it is written: 192.0.2.1,
// 192.0.2.1:5060, 2001:db8::1, [2001:db8::1]:5060, [192.0.2.1]:5060.
func (a *attempt) from(s string) bool {
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(s); err == nil {
			addr = ap.Addr()
		} else if host, _, ok := strings.Cut(s, "]:"); ok { // [192.0.2.1]:5060
			addr, err = netip.ParseAddr(strings.TrimPrefix(host, "["))
		}
	}
	a.addr = addr.Unmap().WithZone("")
	return err == nil
}

// notice reads the plain messages of chan_sip, PJSIP, chan_iax2, the manager
// and the dialplan, and fail2ban's own.
func (a *attempt) notice(text string) bool {
	switch {
	case strings.Contains(text, "' failed for '"):
		return a.failedFor(text)
	case strings.Contains(text, "rejected because extension not found"):
		return a.noExtension(text)
	case strings.Contains(text, "Rejecting unknown SIP connection from "):
		a.reason = UnknownSource
		s := strings.TrimSuffix(text[strings.LastIndex(text, " from ")+6:], `"`)
		return a.from(s)
	case strings.Contains(text, "hacking attempt detected '"):
		a.reason = OtherFailure
		return a.from(field(text[strings.LastIndex(text, " detected "):], "'", "'"))
	case strings.Contains(text, "No registration for peer '"):
		a.reason, a.account = UnknownAccount, field(text, "peer '", "' (from ")
		i := strings.LastIndex(text, "' (from ")
		return i >= 0 && strings.HasSuffix(text, ")") && a.from(strings.TrimSuffix(text[i+8:], ")"))
	case strings.Contains(text, " Ban ") && strings.Contains(text, "fail2ban.actions"):
		return a.ban(text)
	}
	return a.authenticate(text)
}

// failedFor reads "Registration from 'X' failed for '192.0.2.1:5060' - Wrong
// password" and "Request 'REGISTER' from 'X' failed for '192.0.2.1:5060'
// (callid: Y) - No matching endpoint found".
func (a *attempt) failedFor(text string) bool {
	i := strings.LastIndex(text, "' failed for '")
	address, tail, ok := strings.Cut(text[i+len("' failed for '"):], "'")
	_, reason, dash := strings.Cut(tail, " - ")
	if !ok || !dash || !a.from(address) {
		return false
	}
	reasons := []struct{ begin, reason string }{
		{"Wrong password", WrongPassword}, {"Username/auth name mismatch", WrongPassword},
		{"Failed to authenticate", WrongPassword}, {"Error to authenticate", WrongPassword},
		{"No matching peer found", UnknownAccount}, {"No matching endpoint found", UnknownAccount},
		{"Device does not match ACL", NotPermitted}, {"ACL error", NotPermitted},
		{"Not match Endpoint ACL", NotPermitted}, {"Not match Endpoint Contact ACL", NotPermitted},
		{"Not a local domain", OtherFailure}, {"Peer is not supposed to register", OtherFailure},
	}
	n := slices.IndexFunc(reasons, func(r struct{ begin, reason string }) bool { return strings.HasPrefix(reason, r.begin) })
	if n < 0 {
		return false
	}
	a.reason = reasons[n].reason
	a.account = sipUser(field(text[:i]+"'", " from '", "\x00"))
	return true
}

// sipUser finds the user of a From value: "100" <sip:100@pbx>.
func sipUser(s string) string {
	s = strings.TrimSuffix(s, "'")
	for _, scheme := range []string{"sips:", "sip:"} {
		if i := strings.LastIndex(s, scheme); i >= 0 {
			s = s[i+len(scheme):]
			if j := strings.LastIndexByte(s, '@'); j >= 0 {
				s = s[:j]
			} else {
				s = ""
			}
			break
		}
	}
	return clipAccount(strings.Trim(s, `"<> `))
}

// noExtension reads "Call from '201' (UDP:192.0.2.1:5060) to extension '9011…'
// rejected because extension not found in context 'default'."
func (a *attempt) noExtension(text string) bool {
	i := strings.LastIndex(text, ") to extension '")
	if i < 0 {
		return false
	}
	open := strings.LastIndexByte(text[:i], '(')
	a.reason, a.account = NoExtension, field(text[i:], "extension '", "' rejected because")
	s := text[open+1 : i]
	for _, transport := range []string{"UDP:", "TCP:", "TLS:", "WS:", "WSS:"} {
		s = strings.TrimPrefix(s, transport)
	}
	return open >= 0 && a.from(s)
}

// authenticate reads "192.0.2.1 failed to authenticate as 'admin'" and its like.
func (a *attempt) authenticate(text string) bool {
	for _, m := range []struct{ mark, reason string }{
		{" failed to authenticate", WrongPassword}, {" failed MD5 authentication", WrongPassword},
		{" tried to authenticate with nonexistent user", UnknownAccount},
	} {
		i := strings.Index(text, m.mark)
		if i < 0 {
			continue
		}
		a.reason, a.account = m.reason, field(text[i:], "'", "'")
		return a.from(text[strings.LastIndexByte(text[:i], ' ')+1 : i])
	}
	return false
}

// ban reads "fail2ban.actions [1]: NOTICE [asterisk] Ban 192.0.2.1"; account is
// the jail.
func (a *attempt) ban(text string) bool {
	i := strings.LastIndex(text, "] Ban ")
	if i < 0 || strings.Contains(text, "Restore Ban") {
		return false
	}
	a.reason, a.account = Banned, clipAccount(text[strings.LastIndexByte(text[:i], '[')+1:i])
	return a.from(text[i+6:])
}

// marks are in every line that readAttempt reads: lines without one are not
// looked at closer.
func marks() [][]byte {
	return [][]byte{
		[]byte("' failed for '"), []byte("SecurityEvent="), []byte("extension not found"), []byte("unknown SIP connection"),
		[]byte("failed to authenticate"), []byte("failed MD5"), []byte("tried to authenticate"), []byte("No registration for peer"),
		[]byte("hacking attempt"), []byte("] Ban "),
	}
}

// marked reports whether a line may tell of an attempt.
func marked(line []byte, marks [][]byte) bool {
	return slices.ContainsFunc(marks, func(m []byte) bool { return bytes.Contains(line, m) })
}
