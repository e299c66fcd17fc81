package blocked

import (
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is what was read of this machine that tells what it does with packets
// of the addresses asked for, and who said so.
type Observed struct {
	// Kept says in which form the rest is here: keptRead and so on; empty when
	// there was nothing to ask.
	Kept string `json:"kept,omitempty"`
	// Read is what the judge evaluates; Subjects is what came of it where that was
	// done before.
	Read     checks.Packed[Read] `json:"read"`
	Subjects []Subject           `json:"subjects,omitempty"`

	// Notes name what could not be read; Unread are the layers that are
	// missing because of it: layerFilter, or one that holds bans of its own.
	Notes  []words.Reason `json:"notes,omitempty"`
	Unread []string       `json:"unread,omitempty"`
	// FilterNote is the first reason why the packet filter is not whole.
	FilterNote words.Reason `json:"filter_note,omitempty"`
	// Partial reports that a bundle does not hold the listings of all programs.
	// Nothing hints at rules in those that are missing.
	Partial bool `json:"partial,omitempty"`
	// Root reports whether the reader might see everything.
	Root    bool      `json:"root"`
	When    time.Time `json:"when"`
	Machine Machine   `json:"machine"`
}

// What an observation keeps.
const (
	keptRead = "read"     // what was read
	keptLong = "too-long" // Subjects: what was read is longer than maxRead
	keptOut  = "left-out" // Subjects: what was read does not go into a redacted report
	// Subjects: a comment of the rules looks like a password.
	keptSecret = "secret"
)

// maxRead bounds the JSON of what is kept for the judge: room for the listings
// of some 10,000 rules (packetfilter.MaxListings), which compressed are 100 KB
// of report. Those of more are evaluated while they are in memory.
const maxRead = 4 << 20

// layerFilter is the packet filter as an unread layer.
const layerFilter = "packet filter"

// Machine is what judging needs to know of the PBX.
type Machine struct {
	FreePBX   bool       `json:"freepbx,omitempty"`
	FirewallD bool       `json:"firewalld,omitempty"`
	UFW       bool       `json:"ufw,omitempty"`
	CSF       bool       `json:"csf,omitempty"`
	CrowdSec  bool       `json:"crowdsec,omitempty"`
	Docker    bool       `json:"docker,omitempty"` // its chain for the administrator's rules is there
	Fail2ban  bool       `json:"fail2ban,omitempty"`
	Admin     netip.Addr `json:"admin,omitzero"` // who is logged in over SSH and asks
	Bundle    string     `json:"bundle,omitempty"`
}

// Read is what programs and files of the machine told. Asterisk's configuration
// holds passwords: of it only what is asked for here is taken.
type Read struct {
	Asked  []Asked         `json:"asked"`
	Ports  []pbx.Ports     `json:"ports"`           // to ask about
	Bound  []netip.Addr    `json:"bound,omitempty"` // that Asterisk takes SIP on; none: all
	Routes *pbx.Routes     `json:"routes"`
	Jails  *fail2ban.State `json:"jails"`
	// Listings are the packet filter's; Texts how nft words some of its rules
	// (see packetfilter.SavedWording).
	Listings []packetfilter.Listing `json:"listings,omitempty"`
	Texts    map[string]string      `json:"texts,omitempty"`
	// Missing4 and Missing6 are the first part of the packet filter that was not
	// read and may stop packets of the family.
	Missing4 words.Reason `json:"missing4,omitempty"`
	Missing6 words.Reason `json:"missing6,omitempty"`
	// FlowsUnread is why connections are not known.
	FlowsUnread words.Reason `json:"flows_unread,omitempty"`
}

// Asked is one address, or network, and what was read about it alone.
type Asked struct {
	Address netip.Prefix `json:"address"`
	Roles   []string     `json:"roles,omitempty"` // as in Subject
	Use     string       `json:"use,omitempty"`
	Phones  []string     `json:"phones,omitempty"` // extensions registered from it
	// Bans are what the layers besides fail2ban and the packet filter hold of it,
	// Refused the access lists of Asterisk that do not let it in.
	Bans    []bans.Ban         `json:"bans,omitempty"`
	Refused []asterisk.Refusal `json:"refused,omitempty"`
	Flows   []netinfo.Flow     `json:"flows,omitempty"` // answered connections from it
}
