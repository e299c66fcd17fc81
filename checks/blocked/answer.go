package blocked

import (
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Subject is what comes of the steps for one address, or network.
type Subject struct {
	Address netip.Prefix `json:"address"`
	// Roles are why this address matters: "phone 110", "trunk megafon", "admin"
	// (see roleAdmin). Empty for one that was asked for.
	Roles []string `json:"roles,omitempty"`
	// Use narrows what is asked about: rtp, admin, gateway; empty: all of it.
	Use string `json:"use,omitempty"`
	// Unread is the first part of the packet filter that was not read and may
	// stop packets that the rest accepts.
	Unread words.Reason `json:"unread,omitempty"`
	// At are the own addresses of this machine that packets of the subject come
	// to: those that Asterisk binds, or those of the interface. The first is the
	// most likely.
	At    []netip.Addr `json:"at,omitempty"`
	Paths []Path       `json:"paths,omitempty"`
	// Elsewhere are paths to other own addresses, where they fare differently.
	Elsewhere []Path  `json:"elsewhere,omitempty"`
	Blocks    []Block `json:"blocks,omitempty"`
	// Trusted are the lists that let the address in, jails that ignore it.
	Ignored []string `json:"ignored,omitempty"`
	Near    []Near   `json:"near,omitempty"`
	Phones  []string `json:"phones,omitempty"` // extensions registered from it
	Failing *Failing `json:"failing,omitempty"`
	// Flows are connections that go on though new packets are stopped.
	Flows []netinfo.Flow `json:"flows,omitempty"`
}

// Path is what the packet filter does with one kind of packet of the subject.
type Path struct {
	Direction string         `json:"direction"`         // in, or out for this machine's own packets
	Sources   string         `json:"sources,omitempty"` // the part of the subject, where it is not all of it
	Protocol  string         `json:"protocol"`          // udp or tcp
	Ports     string         `json:"ports"`             // of this machine
	Purpose   string         `json:"purpose,omitempty"` // sip, rtp; empty for ports that were asked for
	Verdict   string         `json:"verdict"`           // accept drop reject maybe
	Rule      string         `json:"rule"`              // that decides
	Table     string         `json:"table,omitempty"`   // tool, table and chain of it
	Trace     []string       `json:"trace"`
	Reasons   []words.Reason `json:"reasons,omitempty"` // of maybe
	Why       words.Reason   `json:"why,omitempty"`     // what decides besides the rules
	// At are the own addresses it is about, where it is not all that matter.
	At []netip.Addr `json:"at,omitempty"`
	// SentTo is where the rule Via sends the packets instead, and Onward that this
	// is another machine or a container.
	SentTo string `json:"sent_to,omitempty"`
	Via    string `json:"via,omitempty"`
	Onward bool   `json:"onward,omitempty"`
	// Dead reports that nothing listens where it sends them.
	Dead bool `json:"nobody_listens,omitempty"`
	// Everyone reports that an address nothing is known about fares the same:
	// the port is closed, nobody is banned.
	Everyone bool `json:"everyone,omitempty"`
	// Established is the verdict for a connection that exists already, where
	// it differs.
	Established string `json:"established,omitempty"`
	// Allow puts an accept right before the rule that decides. Empty where that
	// is not possible.
	Allow []packetfilter.RuleEdit `json:"allow,omitempty"`
}

// Layers are what a Block can be of.
func Layers() []string {
	return []string{
		"iptables", "nftables", "ipset", bans.LayerRecent, "fail2ban", bans.LayerCrowdSec, bans.LayerFirewalld, bans.LayerUFW, bans.LayerCSF, bans.LayerAPF,
		bans.LayerSSHGuard, bans.LayerDenyHosts, bans.LayerHostsDeny, bans.LayerRoute, bans.LayerKamailio, "asterisk-acl",
	}
}

// Block is one thing that holds the subject.
type Block struct {
	Layer     string       `json:"layer"`
	Where     string       `json:"where"`  // table, set, file, list
	Object    string       `json:"object"` // the rule, element or line itself
	Jail      string       `json:"jail"`   // of fail2ban, or the scenario of CrowdSec
	Prefix    netip.Prefix `json:"prefix,omitzero"`
	Since     time.Time    `json:"since,omitzero"`
	Until     time.Time    `json:"until,omitzero"` // zero: not known, or permanent
	Permanent bool         `json:"permanent,omitempty"`
	Reasons   []string     `json:"reasons,omitempty"` // log lines, comments; of xt_recent codes
	Count     int          `json:"count,omitempty"`   // how often it was banned
	// Effective reports whether it stops any of the packets asked about.
	Effective bool   `json:"effective"`
	Why       string `json:"why_not,omitempty"` // a code: see why.go
	// Note is what the reader of its layer says instead of Why, and Cause why the
	// ban is there, besides Reasons.
	Note  words.Reason `json:"note,omitempty"`
	Cause words.Reason `json:"cause,omitempty"`
	// Misplaced reports that Why tells what is wrong with where it stands.
	Misplaced bool `json:"misplaced,omitempty"`
	// Asleep reports that who keeps the ban does not run: what it left in the
	// packet filter is taken away there, and comes back when it starts.
	Asleep bool `json:"asleep,omitempty"`
	// Owner is the layer that put the object there and would put it back:
	// fail2ban for its chains and sets.
	Owner string `json:"owner,omitempty"`
	// Lift is what takes the block away.
	Lift packetfilter.Change `json:"lift,omitzero"`
	// Wait returns when the owner has taken the object away, where that takes
	// it a while.
	Wait []command.Command `json:"wait_for,omitempty"`
}

// Near is a limit that the subject comes close to.
type Near struct {
	Layer string `json:"layer"` // fail2ban, xt_recent
	Name  string `json:"name"`  // jail or list
	Count int    `json:"count"`
	Limit int    `json:"limit"`
	SpanS int64  `json:"span_s"`
}

// Failing is what the subject keeps doing wrong, as the logs tell.
type Failing struct {
	Count    int       `json:"count"`
	SpanS    int64     `json:"span_s"` // from the first to the last of them
	Last     time.Time `json:"last"`
	Account  string    `json:"account,omitempty"` // extension it tries most
	Reason   string    `json:"reason,omitempty"`  // wrong password, unknown extension
	Lines    []string  `json:"lines,omitempty"`   // the newest
	SinceBan int       `json:"since_ban"`         // of them after the ban began
	Rearms   bool      `json:"rearms"`            // at this rate it is banned again once freed
}
