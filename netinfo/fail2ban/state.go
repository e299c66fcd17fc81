// Package fail2ban reads what fail2ban knows of an address, and how its jails
// are set: from its server, its database, its configuration and the logs it
// watches. It asks and reads only; nothing is ever banned, freed or written.
package fail2ban

import (
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Where what is known of bans came from, from the best to the worst. "config"
// means that no ban is known: neither the server nor its database could be
// read. fail2ban lifts its bans when it stops and sets those of its database
// again when it starts: with FromDatabase and no server running they are not in
// force, but will be.
const (
	FromSocket   = "socket"
	FromClient   = "client"
	FromDatabase = "database"
	FromConfig   = "config"
)

// State is what Read found. It goes into a report, so it is bounded: bans are
// kept of the asked addresses only.
type State struct {
	Installed bool      `json:"installed"`          // a configuration, a database or a server was found
	Running   bool      `json:"running"`            // the server answered
	Hung      bool      `json:"hung,omitempty"`     // the server runs and does not answer: whom it bans is not known from it
	Dead      bool      `json:"dead,omitempty"`     // there is no server: asked, it was not there
	Source    string    `json:"source,omitempty"`   // of bans: FromSocket …; "" where fail2ban is not installed
	Version   string    `json:"version,omitempty"`  // of the server
	Database  string    `json:"database,omitempty"` // its file; "" if it keeps none
	Read      time.Time `json:"read"`               // the machine's time
	Jails     []Jail    `json:"jails,omitempty"`    // running ones, and those the configuration enables
	Addresses []Address `json:"addresses,omitempty"`
	// Refusal is why fail2ban, which does not run, will not start either, in its
	// own words; "" if its test of the configuration passes, or was not made.
	Refusal string `json:"refusal,omitempty"`
	// Tested: fail2ban-client tested the configuration.
	Tested bool `json:"tested,omitempty"`
	// Started is when the running server began to count; nil if unknown.
	Started *time.Time `json:"started,omitempty"`
	// Journal reports that fail2ban has what it needs to read the journal.
	Journal bool `json:"journal,omitempty"`
	// Notes name what could not be read, and why: the rest stands.
	Notes []Note `json:"notes,omitempty"`
}

// Note is something that could not be read. Privilege: root could.
type Note struct {
	What      words.Reason `json:"what"`
	Why       words.Reason `json:"why"`
	Privilege bool         `json:"privilege,omitempty"`
}

// Jail is one jail: its settings as the server has them where it was asked,
// otherwise as its configuration says.
type Jail struct {
	Name     string   `json:"name"`
	Running  bool     `json:"running"`
	Enabled  bool     `json:"enabled"` // by the configuration
	Filter   string   `json:"filter,omitempty"`
	Backend  string   `json:"backend,omitempty"`
	Port     string   `json:"port,omitempty"`     // as configured: "5060,5061", "0:65535"
	Protocol string   `json:"protocol,omitempty"` // "tcp", "udp", "tcp,udp", "all"
	Actions  []Action `json:"actions,omitempty"`
	Logs     []Log    `json:"logs,omitempty"`
	Journal  string   `json:"journal,omitempty"` // journal match, of a jail that reads the journal

	MaxRetry int      `json:"max_retry,omitempty"` // 0: unknown
	FindTime int64    `json:"find_time_s,omitempty"`
	BanTime  int64    `json:"ban_time_s,omitempty"` // -1: permanent
	IgnoreIP []string `json:"ignore_ip,omitempty"`

	// What the server counts: addresses that failed within FindTime but are not
	// banned, failures since its start, bans now and since its start.
	Failed      int `json:"failed,omitempty"`
	TotalFailed int `json:"total_failed,omitempty"`
	Banned      int `json:"banned,omitempty"`
	TotalBanned int `json:"total_banned,omitempty"`
	// BansKnown: the server listed its bans; without it Banned says nothing.
	BansKnown bool `json:"bans_known,omitempty"`
	// Bans are some of those that are in force, the first and the last of the
	// server's list, at most maxSampled.
	Bans []netip.Prefix `json:"bans,omitempty"`

	// Unseen are failures in its log that it did not count; nil: none.
	Unseen *Unseen `json:"unseen,omitempty"`

	// SIP: it watches Asterisk, by its filter, log or name.
	SIP bool `json:"sip,omitempty"`
	// Set says which file and line sets an option, so that a fix can name it.
	Set map[string]Origin `json:"set,omitempty"`
	// Faults are what is wrong with the jail.
	Faults []Fault `json:"faults,omitempty"`
}

// Origin is a line of a configuration file, counted from 1.
type Origin struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// Action is one action of a jail: what a ban of it covers.
type Action struct {
	Name     string `json:"name"`             // as the server calls it: "iptables-multiport-udp"
	File     string `json:"file,omitempty"`   // of action.d, without .conf: "iptables-multiport"
	Object   string `json:"object,omitempty"` // the name in the packet filter: chain f2b-Object, set addr-set-Object
	Port     string `json:"port,omitempty"`   // "" or AllPorts where it does not look at ports
	Protocol string `json:"protocol,omitempty"`
	AllPorts bool   `json:"all_ports,omitempty"`
	// Blocks is false for an action that only reports (mail, abuseipdb).
	Blocks bool `json:"blocks"`
}

// Log is a file that a jail watches.
type Log struct {
	Path    string     `json:"path"`
	Size    int64      `json:"size"`
	Written *time.Time `json:"written,omitempty"` // last change; nil if unknown
}

// Fault codes.
const (
	LogMissing    = "log-missing"     // the log does not exist
	LogEmpty      = "log-empty"       // it is there, and nothing was ever written
	LogNotWritten = "log-not-written" // Asterisk's logger.conf does not write it
	LogNoFailures = "log-no-failures" // it is written without notice and security, so failures never reach it
	NoAction      = "no-action"       // nothing happens on a ban
	PortsOpen     = "ports-open"      // a ban leaves SIP ports open
	NotIgnored    = "not-ignored"     // an address that ought to be ignored is not
	NotRunning    = "not-running"     // enabled, but the server does not have it
	NoLogs        = "no-logs"         // none of its logs exists: fail2ban does not start, or start again
	NotSeen       = "not-seen"        // its log has failures of which the jail counted none, or few
	IgnoresAll    = "ignores-all"     // its ignoreip has a network of a large part of all addresses
	EmptyJournal  = "empty-journal"   // it reads the journal, where its match finds nothing
)

// Unseen are failures that a log has since fail2ban started, of which its jail
// counted none or few.
type Unseen struct {
	Count   int    `json:"count"`   // in the log
	Counted int    `json:"counted"` // of them by the jail
	Line    string `json:"line"`    // the last one
}

// Fault is something wrong with a jail. Detail is the log, the ports
// ("udp/5060") or the address.
type Fault struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	Where  Origin `json:"where,omitzero"` // the line to change, where it is known
}

// Address is what is known of one asked address or network.
type Address struct {
	Asked netip.Prefix `json:"asked"`
	// Holds are the bans that touch it, at most maxHolds; HoldsTotal counts
	// them all.
	Holds      []Hold `json:"holds,omitempty"`
	HoldsTotal int    `json:"holds_total,omitempty"`
	// Recidive: a jail that punishes repeaters holds it, so that freeing it in
	// the jail that saw the failures is not enough.
	Recidive bool `json:"recidive,omitempty"`
	// Failures are the ones the logs show, by jail: of jails that hold it (it
	// goes on failing) and of those that do not (yet).
	Failures []Failures `json:"failures,omitempty"`
	// IgnoredBy are the jails that never ban it.
	IgnoredBy []string `json:"ignored_by,omitempty"`
}

// How a banned address relates to the one that was asked about.
const (
	Exact    = nets.Exact
	Covering = nets.Covering // the ban is wider
	Covered  = nets.Covered  // the ban is a part of what was asked for
)

// Hold is one ban.
type Hold struct {
	Jail      string       `json:"jail"`
	Banned    netip.Prefix `json:"banned"`
	Relation  string       `json:"relation"`
	Since     *time.Time   `json:"since,omitempty"` // nil: unknown
	Until     *time.Time   `json:"until,omitempty"` // nil: unknown, or Permanent
	Permanent bool         `json:"permanent,omitempty"`
	Count     int          `json:"count,omitempty"`    // how many times it was banned by this jail; 0: unknown
	Failures  int          `json:"failures,omitempty"` // that led to it; 0: unknown
	Matches   []string     `json:"matches,omitempty"`  // the log lines that led to it, at most ten
	Accounts  []Account    `json:"accounts,omitempty"` // who failed, and why, by Matches
	Recidive  bool         `json:"recidive,omitempty"`
	Dead      bool         `json:"dead,omitempty"` // there is no server: asked, it was not there
	Source    string       `json:"source"`         // FromSocket, FromClient or FromDatabase
}

// Failures are the failed attempts of an address that a jail's log shows, as
// sipdoctor reads Asterisk's lines. fail2ban's own counter is not to be had, and
// a jail with other patterns may count otherwise.
type Failures struct {
	Jail     string `json:"jail"`
	Log      string `json:"log"`
	InWindow int    `json:"in_window"` // within FindTime before State.Read
	MaxRetry int    `json:"max_retry,omitempty"`
	FindTime int64  `json:"find_time_s,omitempty"`
	// SinceBan counts those after the ban began; 0 where there is none.
	SinceBan int `json:"since_ban,omitempty"`
	// First and Last of all that were seen, Total of them, Since when the log
	// was read. Cut: there is more log in that time than was read.
	Total   int        `json:"total"`
	First   *time.Time `json:"first,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
	Since   time.Time  `json:"since"`
	Cut     bool       `json:"cut,omitempty"`
	PerHour float64    `json:"per_hour,omitempty"` // at the rate of those seen
	// Rearms: it goes on at a rate that reaches MaxRetry within FindTime, so
	// that a freed address will be banned again.
	Rearms   bool      `json:"rearms,omitempty"`
	Accounts []Account `json:"accounts,omitempty"` // the most frequent first, at most maxAccounts
	Lines    []string  `json:"lines,omitempty"`    // the last ones, at most maxLines
}

// Account is who failed, and why.
type Account struct {
	Account string    `json:"account"` // extension, user or called number; "" where the line names none
	Reason  string    `json:"reason"`  // see the Reason constants
	Count   int       `json:"count"`
	Last    time.Time `json:"last"`
}

// Bounds of what is kept for a report.
const (
	maxHolds    = 20
	maxMatches  = 10
	maxAccounts = 10
	maxLines    = 5
	maxText     = 400 // bytes of a log line
	maxNotes    = 20
	maxSampled  = 40 // bans of one jail
)

// Port is a port of a protocol: "udp", 5060.
type Port struct {
	Protocol string
	Port     uint16
}

// Options say what to read. The zero value reads the jails alone.
type Options struct {
	// Addresses are looked for in every jail, the database and the logs.
	Addresses []netip.Prefix
	// ConfigDir is fail2ban's directory; "" looks in the usual places.
	ConfigDir string
	// SIP are the ports that a ban ought to close; nil means UDP and TCP 5060
	// and TCP 5061.
	SIP []Port
	// Ignored ought to be in the ignoreip of every jail that watches SIP: the
	// provider's networks, the administrator's own address.
	Ignored []netip.Prefix
	// Own are the machine's addresses, whose failures a jail does not count.
	Own []netip.Addr
	// LogTime bounds the time spent on logs; 0 means 300 ms, which reads some
	// 100 MB that the kernel has in memory.
	LogTime time.Duration
}
