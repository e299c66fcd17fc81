package fail2ban

import (
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
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

// reasonOf is what fail2ban's filter for Asterisk counts (filter.d/asterisk.conf of
// fail2ban 1.0), and a ban in fail2ban's own log; empty: it does not count it.
func reasonOf(e *pbxlog.Event) string {
	switch e.Kind {
	case pbxlog.NoExtension:
		return NoExtension
	case pbxlog.Banned:
		return Banned
	case pbxlog.Refused:
	default:
		return ""
	}
	switch e.Cause {
	case pbxlog.WrongPassword, pbxlog.WrongName:
		return WrongPassword
	case pbxlog.UnknownAccount:
		return UnknownAccount
	case pbxlog.NotPermitted, pbxlog.NumberRefused:
		return NotPermitted
	case pbxlog.UnknownSource:
		return UnknownSource
	case pbxlog.UnknownDomain, pbxlog.NotDynamic, pbxlog.Attack:
		return OtherFailure
	}
	return ""
}

// readAttempt reads a line of Asterisk's, or of fail2ban's own log, that has a time.
func readAttempt(p *pbxlog.Parser, line []byte) (attempt, bool) {
	a, ok := readFailure(p, line)
	return a, ok && !a.at.IsZero()
}

// readFailure reads one that may have no time. The account is the number that was
// called, or the jail, where it is about one.
func readFailure(p *pbxlog.Parser, line []byte) (attempt, bool) {
	var e pbxlog.Event
	if told, _ := p.Parse(line, &e); !told {
		return attempt{}, false
	}
	account := e.Account
	if e.Kind == pbxlog.NoExtension {
		account = e.Peer
	}
	a := attempt{at: e.At, addr: e.Addr, reason: reasonOf(&e), account: clipAccount(string(account)), line: clip(string(line))}
	return a, a.reason != "" && a.addr.IsValid()
}

func parserOf(zone *time.Location, now time.Time) *pbxlog.Parser {
	return &pbxlog.Parser{Clock: pbxlog.Clock{Zone: zone, Now: func() time.Time { return now }}}
}

func clipAccount(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
