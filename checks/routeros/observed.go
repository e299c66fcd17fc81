package routeros

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is what an export says of a router, and what its rules do with SIP and
// RTP.
type Observed struct {
	Files      int         `json:"files"`            // that were given; the first is read
	Unread     words.Cause `json:"unread,omitempty"` // why it was not
	Version    string      `json:"version"`
	Model      string      `json:"model"`
	Script     bool        `json:"script,omitempty"` // it does not say by which version it was exported: what it leaves out is not known
	Faults     int         `json:"faults"`           // lines that were not understood
	FaultLines []int       `json:"fault_lines,omitempty"`
	Need       Need        `json:"need"`
	Helper     Helper      `json:"sip_helper"`
	// Connections are of a router that was read live; nil where they are not known.
	Connections *ros.Connections `json:"connections,omitempty"`
	NAT         *bool            `json:"nat"`         // a rule translates addresses; nil: not known
	UDP         Setting          `json:"udp_timeout"` // of a flow without an answer yet
	UDPStream   Setting          `json:"udp_stream_timeout"`
	Uplinks     []string         `json:"uplinks"`
	LANs        []LAN            `json:"lans"`
	// RulesUnread reports that rules may be missing, so that none was asked.
	RulesUnread bool     `json:"rules_unread,omitempty"`
	Cut         bool     `json:"cut,omitempty"` // there were too many ways, or too little time, to ask about all
	Ways        []Way    `json:"ways,omitempty"`
	DNS         Line     `json:"dns"` // allow-remote-requests=yes; its Origin is unknown where the router does not answer DNS
	Open        []Open   `json:"open,omitempty"`
	Public      []string `json:"public,omitempty"`     // uplinks whose address the Internet reaches
	Rules       []Rule   `json:"rules,omitempty"`      // that stop SIP or RTP
	MoreRules   int      `json:"more_rules,omitempty"` // besides these

	PBX      netip.Addr `json:"pbx,omitzero"`        // behind the router, as far as it is known
	PBXNamed bool       `json:"pbx_named,omitempty"` // by who asks; otherwise SIP is forwarded to it
	Forwards []Forward  `json:"forwards,omitempty"`
	// NoHairpin is the PBX's LAN if it is not reached from there at the public address.
	NoHairpin LAN        `json:"no_hairpin,omitzero"`
	SIPOnly   []ros.Edit `json:"sip_only,omitempty"` // the fix that lets only the provider's SIP in
	Inside    []Inside   `json:"inside,omitempty"`
	Routing   Routing    `json:"routing,omitzero"`
	Split     *Split     `json:"split,omitempty"` // nil: each phone keeps its uplink
	Bans      []Ban      `json:"bans,omitempty"`
	Fillings  []Filling  `json:"fillings,omitempty"`
	Dead      []Dead     `json:"dead,omitempty"`
	Moved     []Moved    `json:"moved,omitempty"`
	QoS       QoS        `json:"qos,omitzero"`
	Six       []Six      `json:"six,omitempty"`

	Besides      Besides        `json:"besides,omitzero"`
	Untracking   Line           `json:"untracking,omitzero"` // where connection tracking is switched off, which NAT needs
	Untracked    []Untracked    `json:"untracked,omitempty"`
	Untranslated []Untranslated `json:"untranslated,omitempty"`
	Redirected   []Redirected   `json:"redirected,omitempty"`
}

// Need is what the phones need of the router, and Use a kind of packet that they send.
type (
	Need = need.Need
	Use  = need.Use
)

// Where a value comes from.
const (
	unknown  = "unknown"
	set      = "set"
	standard = "default"
)

// Line is a place in the export, or a default with its source.
type Line struct {
	Origin string `json:"origin"`           // set, default or unknown
	Line   int    `json:"line,omitempty"`   // of a value that is set
	Text   string `json:"text,omitempty"`   // of that line
	Source string `json:"source,omitempty"` // of a default
}

// Setting is a time.
type Setting struct {
	Seconds *int   `json:"seconds"` // nil: not known
	Shown   string `json:"shown,omitempty"`
	Line
}

// Helper is the SIP helper. What is not known is nil or empty.
type Helper struct {
	Enabled     *bool  `json:"enabled"`
	Ports       string `json:"ports"`
	DirectMedia *bool  `json:"direct_media"`
	Timeout     *int   `json:"timeout_s"`
	Line
}

// LAN is a network behind the router.
type LAN struct {
	Prefix    netip.Prefix `json:"prefix"`
	Interface string       `json:"interface"`
	// Closed reports that not even HTTPS gets out of it.
	Closed bool `json:"closed,omitempty"`
}

// The directions of a way.
const (
	outward = "out" // from a LAN to the provider
	answers = "in"  // from the provider to who asked him
)

// Way is what the rules do with one kind of packet from a LAN, or with the answers.
// Its addresses, interfaces and ports are those of the packet on its way out.
type Way struct {
	Direction string              `json:"direction"`
	From      netip.Prefix        `json:"from"`
	In        string              `json:"in"`
	Out       string              `json:"out,omitempty"` // empty: not known
	To        []netip.Prefix      `json:"to,omitempty"`  // empty: whatever address
	Purpose   string              `json:"purpose"`
	Protocol  string              `json:"protocol"`
	Ports     []netinfo.PortRange `json:"ports"`
	Verdict   string              `json:"verdict"` // accept drop reject maybe
	// Partly reports that some of the senders or destinations fare otherwise.
	Partly  bool           `json:"partly,omitempty"`
	Rule    string         `json:"rule,omitempty"`  // that decides, as the model has it; empty: none does
	Table   string         `json:"table,omitempty"` // menu and chain of it
	Line    int            `json:"line,omitempty"`
	Reasons []words.Reason `json:"reasons,omitempty"` // of maybe, or of what stops it besides the rules
}

// Rule is a rule that stops SIP or RTP.
type Rule struct {
	Line  int    `json:"line"`
	Table string `json:"table"`
	Text  string `json:"text"`
	// Accept are rules that let the packets pass, proven on the model; empty: there
	// are none.
	Accept []ros.Exception `json:"accept,omitempty"`
}

// Open is a service that the Internet may reach.
type Open struct {
	Service  string `json:"service"` // dns, sip
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	In       string `json:"in"`
	Verdict  string `json:"verdict"` // accept: most of the Internet reaches it
	To       string `json:"to,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Table    string `json:"table,omitempty"`
	Line     int    `json:"line,omitempty"`
}
