package fail2ban

import (
	"bytes"
	"net/netip"
	"regexp"
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

// form is one kind of line. Lines hold text from strangers: what they choose
// stands in quotes, and of several addresses the one counts that stands where
// Asterisk writes it, so that a user name that looks like an address
// incriminates no one.
type form struct {
	mark   []byte         // is in every line of the kind
	line   *regexp.Regexp // with the groups addr, account and why
	reason string         // empty: what why begins with tells
}

func formOf(mark, line, reason string) form {
	return form{[]byte(mark), regexp.MustCompile(line), reason}
}

// forms are what Asterisk's filter looks for (filter.d/asterisk.conf of fail2ban
// 1.0), and a ban in fail2ban's own log, whose account is the jail. The first whose
// mark is in a line reads it, or nobody does.
var forms = []form{
	formOf(`SecurityEvent="`, `SecurityEvent="(?P<why>\w+)".*?AccountID="(?P<account>.*?)",SessionID=".*,RemoteAddress="IPV[^"/]*/[^"/]*/(?P<addr>[^"/]*)/[^"/]*"(?:,[^",= ]+="[^"]*")*$`, ""),
	formOf(`' failed for '`, ` from '(?P<account>.*)' failed for '(?P<addr>[^']*)'.*? - (?P<why>.*)`, ""),
	formOf(`rejected because extension not found`, `Call from '[^']*' \((?:(?:UDP|TCP|TLS|WS|WSS):)?(?P<addr>[^()]*)\) to extension '(?P<account>.*)' rejected because`, NoExtension),
	formOf(`Rejecting unknown SIP connection from `, ` from (?P<addr>[^ ]*?)"?$`, UnknownSource),
	formOf(`hacking attempt detected '`, ` detected '(?P<addr>[^']*)'`, OtherFailure),
	formOf(`No registration for peer '`, `peer '(?P<account>.*)' \(from (?P<addr>[^ ]*)\)$`, UnknownAccount),
	formOf(` failed to authenticate`, `(?P<addr>[^ ]+) failed to authenticate(?:[^']*'(?P<account>[^']*))?`, WrongPassword),
	formOf(` failed MD5 authentication`, `(?P<addr>[^ ]+) failed MD5 authentication(?:[^']*'(?P<account>[^']*))?`, WrongPassword),
	formOf(` tried to authenticate with nonexistent user`, `(?P<addr>[^ ]+) tried to authenticate with nonexistent user(?:[^']*'(?P<account>[^']*))?`, UnknownAccount),
	formOf(`] Ban `, `fail2ban\.actions.*\[(?P<account>[^\[]*)\] Ban (?P<addr>.*)`, Banned),
}

// reasons are what Asterisk's words stand for.
var reasons = []struct{ begin, reason string }{
	{"InvalidPassword", WrongPassword}, {"ChallengeResponseFailed", WrongPassword}, {"InvalidAccountID", UnknownAccount}, {"FailedACL", NotPermitted},
	{"Wrong password", WrongPassword}, {"Username/auth name mismatch", WrongPassword},
	{"Failed to authenticate", WrongPassword}, {"Error to authenticate", WrongPassword},
	{"No matching peer found", UnknownAccount}, {"No matching endpoint found", UnknownAccount},
	{"Device does not match ACL", NotPermitted}, {"ACL error", NotPermitted},
	{"Not match Endpoint ACL", NotPermitted}, {"Not match Endpoint Contact ACL", NotPermitted},
	{"Not a local domain", OtherFailure}, {"Peer is not supposed to register", OtherFailure},
}

// readAttempt reads a line of Asterisk's, or of fail2ban's own log.
func readAttempt(line []byte, zone *time.Location, now time.Time) (attempt, bool) {
	at, rest, ok := lineTime(line, zone, now)
	if !ok {
		return attempt{}, false
	}
	return readMessage(at, line, rest)
}

// readMessage reads what follows the time of a line.
func readMessage(at time.Time, line, rest []byte) (attempt, bool) {
	rest = bytes.TrimRight(rest, "\r\n ")
	i := slices.IndexFunc(forms, func(f form) bool { return bytes.Contains(rest, f.mark) })
	if i < 0 {
		return attempt{}, false
	}
	m := forms[i].line.FindSubmatch(rest)
	if m == nil {
		return attempt{}, false
	}
	group := func(name string) string {
		if n := forms[i].line.SubexpIndex(name); n >= 0 {
			return string(m[n])
		}
		return ""
	}
	a := attempt{at: at, reason: forms[i].reason, account: clipAccount(sipUser(group("account"))), line: clip(string(line))}
	for _, r := range reasons {
		if a.reason == "" && strings.HasPrefix(group("why"), r.begin) {
			a.reason = r.reason
		}
	}
	return a, a.from(group("addr")) && a.reason != ""
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

// sipUser finds the user of a From value: "100" <sip:100@pbx>.
func sipUser(s string) string {
	i := max(strings.LastIndex(s, "sip:"), strings.LastIndex(s, "sips:"))
	if i < 0 {
		return s
	}
	_, s, _ = strings.Cut(s[i:], ":")
	return strings.Trim(s[:max(0, strings.LastIndexByte(s, '@'))], `"<> `)
}

// marked reports whether a line may tell of an attempt: others are not looked at
// closer.
func marked(line []byte) bool {
	return slices.ContainsFunc(forms, func(f form) bool { return bytes.Contains(line, f.mark) })
}
