package pbxlog

import (
	"net/netip"
	"time"
)

// Program is the program that wrote a line.
type Program string

// The programs whose lines are known.
const (
	Asterisk   Program = "asterisk"
	FreeSWITCH Program = "freeswitch"
	Kamailio   Program = "kamailio" // and OpenSIPS, which writes the same
	Fail2ban   Program = "fail2ban"
)

// Kind is what a line tells.
type Kind string

// The kinds of events.
const (
	Refused     Kind = "refused"     // a request of a phone or stranger was refused: Cause, Account, Addr
	Accepted    Kind = "accepted"    // a registration or password was accepted: Account, Addr
	Unreachable Kind = "unreachable" // a phone no longer answers OPTIONS
	Reachable   Kind = "reachable"   // it answers again
	Lagged      Kind = "lagged"      // it answers, later than the limit
	Gone        Kind = "gone"        // a registration ended; Cause: why
	NoExtension Kind = "no-extension"
	Banned      Kind = "banned"       // Account is the jail
	Trunk       Kind = "trunk"        // registering at a provider did not succeed: Account, Peer, Cause, Code
	TrunkOK     Kind = "trunk-ok"     // it did
	NoReply     Kind = "no-reply"     // a SIP message was sent until its time was up; Cause: what
	NoRTP       Kind = "no-rtp"       // a call was ended because no RTP came
	StrictRTP   Kind = "strict-rtp"   // RTP from an address that was not learnt was dropped
	NoChannel   Kind = "no-channel"   // a call could not be placed: Cause, Code
	Codecs      Kind = "codecs"       // no common codec
	NoFiles     Kind = "no-files"     // the process has no file descriptor left
	NoPorts     Kind = "no-ports"     // no RTP port is left
	NoName      Kind = "no-name"      // DNS did not resolve Peer
	Transport   Kind = "transport"    // a transport or connection could not be set up; Cause: which fault
	Config      Kind = "config"       // configuration was refused: Cause, Account is the section
	MWI         Kind = "mwi"          // a subscription to a mailbox was denied
	NoHint      Kind = "no-hint"      // a subscription to an extension without a hint
	Overload    Kind = "overload"     // the PBX refuses calls, or is behind with its work
	Answered    Kind = "answer"       // the far end answered a call of ours with an error: Code, Addr
	Flood       Kind = "flood"        // the proxy blocks a source for its rate
	Anonymous   Kind = "unidentified" // no endpoint fits a request; debug lines that explain Refused
)

// The causes of Refused.
const (
	WrongPassword  = "wrong-password"
	WrongName      = "name-mismatch" // the authentication name is not the account's
	UnknownAccount = "unknown-account"
	NotPermitted   = "acl"
	WrongTransport = "transport"
	UnknownDomain  = "unknown-domain"
	NotDynamic     = "not-dynamic" // the peer has a fixed address and may not register
	TooMany        = "max-contacts"
	NoContacts     = "no-max-contacts"
	NoAOR          = "no-aor"
	UnknownSource  = "unknown-source"
	Attack         = "attack" // Asterisk says so itself
	NumberRefused  = "number" // a security event about NoExtension; the account is the number
	Limit          = "limit"
	Other          = "other"
)

// The forms in which Asterisk tells of the same refusal, once in each.
const (
	Notice   = "notice"
	Security = "security"
)

// Event is what one line tells. Its byte slices are parts of the line, and valid
// only until the next line is read.
type Event struct {
	Kind    Kind
	Program Program
	At      time.Time // zero: the line has no time that can be read
	Line    int       // its number in the file, from 1
	Text    []byte    // the line

	Cause   string
	Form    string // of Refused by Asterisk: Notice or Security
	Service string // who refused: SIP (chan_sip), PJSIP, AMI, IAX2; empty: not told
	Account []byte // account, peer, endpoint, section or jail
	Peer    []byte // the other side: a server, a host, an extension
	Context []byte // of the dialplan, or the file of a section
	Addr    netip.Addr
	Code    int  // of SIP, or an Asterisk hangup cause
	Never   bool // of Unreachable: since its start Asterisk has not reached the phone
	RTT     time.Duration
	Limit   time.Duration // of RTT
}
