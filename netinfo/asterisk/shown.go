package asterisk

import (
	"net/netip"
	"strings"
)

// Shown is what a running server printed about itself, row by row, in the order
// of the listings: what its command line answered, or what somebody copied from
// there. Passwords are in none of its fields.
type Shown struct {
	// Commands are the listings that it holds, each once, as Asterisk calls their
	// commands; those of one object without its name ("pjsip show endpoint").
	Commands []string `json:"commands"`
	Unknown  []string `json:"unknown,omitempty"` // commands that the server does not have
	Version  string   `json:"version,omitempty"`
	UptimeS  int      `json:"uptime_s,omitempty"` // 0: it did not say

	Peers         []ShownPeer         `json:"peers,omitempty"`
	Registrations []ShownRegistration `json:"registrations,omitempty"`
	Endpoints     []ShownEndpoint     `json:"endpoints,omitempty"`
	AORs          []ShownAOR          `json:"aors,omitempty"`
	Contacts      []ShownContact      `json:"contacts,omitempty"` // each once, whatever listing names it
	Identifies    []ShownIdentify     `json:"identifies,omitempty"`
	Transports    []ShownTransport    `json:"transports,omitempty"` // of both drivers
	Channels      []ShownChannel      `json:"channels,omitempty"`
	Modules       []ShownModule       `json:"modules,omitempty"`
	Missing       []ShownMissing      `json:"missing,omitempty"`
	RTP           *ShownRTP           `json:"rtp,omitempty"`

	// Whole are the commands whose listing is known to be complete: as many rows
	// as its last line counts, or an answer of the command line itself.
	Whole []string `json:"whole,omitempty"`
	// Cut is how many rows were cut before the state, as a narrow window does.
	Cut int `json:"cut,omitempty"`
}

// Row is where something stands.
type Row struct {
	Text string `json:"text"`           // as printed, one space between words, at most maxRow bytes
	Line int    `json:"line,omitempty"` // of the text that was read, from 1
}

// maxRow bounds a row that is kept: the longest of Asterisk's listings are some
// 300 bytes.
const maxRow = 320

// maxShown bounds the rows of a kind that are kept. The largest servers have
// 10,000 extensions.
const maxShown = 20_000

func rowOf(text string, line int) Row {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "\uFFFD")
	if len(text) > maxRow {
		text = strings.ToValidUTF8(text[:maxRow], "") + "…"
	}
	return Row{text, line}
}

// ShownPeer is a row of "sip show peers".
type ShownPeer struct {
	Row
	Name    string     `json:"name"`          // as far as its column is wide
	Host    netip.Addr `json:"host,omitzero"` // not valid: not registered
	Port    int        `json:"port,omitempty"`
	Dynamic bool       `json:"dynamic,omitempty"` // it registers
	// NAT says what chan_sip found or was told: "yes", "no", "auto-yes" (it found
	// the phone to be behind NAT), "auto-no".
	NAT    string `json:"nat,omitempty"`
	Status string `json:"status"` // OK LAGGED UNREACHABLE UNKNOWN Unmonitored; empty: cut
	MS     int    `json:"ms,omitempty"`
}

// ShownRegistration is this server's own registration elsewhere.
type ShownRegistration struct {
	Row
	Driver string `json:"driver"`
	Name   string `json:"name"` // of PJSIP's object, or the user of chan_sip's line
	Server string `json:"server"`
	Port   int    `json:"port,omitempty"`
	Cut    bool   `json:"cut,omitempty"` // the server's name may go on
	Status string `json:"status"`        // empty: cut
	// Since is when it was last accepted, as chan_sip prints it; empty: never, or
	// not said.
	Since string `json:"since,omitempty"`
	// Next is in how many seconds PJSIP tries again; negative: so long ago it was
	// to, and did not. Dated says that it is known.
	Next  int  `json:"next_s,omitempty"`
	Dated bool `json:"dated,omitempty"`
}

// ShownEndpoint is an endpoint of PJSIP with the rows under it.
type ShownEndpoint struct {
	Row
	Name     string   `json:"name"`
	Cut      bool     `json:"cut,omitempty"` // the name may go on
	State    string   `json:"state"`
	Channels int      `json:"channels,omitempty"`
	InAuth   []string `json:"in_auth,omitempty"`
	OutAuth  []string `json:"out_auth,omitempty"`
	AORs     []string `json:"aors,omitempty"`
	Match    []string `json:"match,omitempty"` // by which requests are told to be its own
	// Wants are the AORs of its option aors, where the parameters are shown.
	Wants []string `json:"wants,omitempty"`
}

// ShownAOR is where the contacts of a name are kept.
type ShownAOR struct {
	Row
	Name     string `json:"name"`
	Max      int    `json:"max"` // contacts that it takes; 0: nothing can register there
	Contacts int    `json:"contacts,omitempty"`
}

// ShownContact is an address that a name is reached at.
type ShownContact struct {
	Row
	AOR    string         `json:"aor"`
	URI    string         `json:"uri"`           // as far as its column is wide
	Addr   netip.AddrPort `json:"addr,omitzero"` // not valid: cut, or a name
	Hash   string         `json:"hash,omitempty"`
	Status string         `json:"status"` // Avail Unavail NonQual Unknown Created Removed
	MS     float64        `json:"ms,omitempty"`
	// Inside is the private address that the phone itself gave, where Asterisk
	// replaced it (x-ast-orig-host).
	Inside string `json:"inside,omitempty"`
}

// ShownIdentify tells an endpoint by the address that a request comes from.
type ShownIdentify struct {
	Row
	Name     string   `json:"name"`
	Endpoint string   `json:"endpoint"`
	Match    []string `json:"match,omitempty"`
}

// ShownTransport is a socket.
type ShownTransport struct {
	Row
	Driver   string         `json:"driver"`
	Name     string         `json:"name,omitempty"`
	Protocol string         `json:"protocol"`
	Bind     netip.AddrPort `json:"bind"`
}

// ShownChannel is one leg of a call. Numbers and names of callers are not kept.
type ShownChannel struct {
	Row
	Name  string `json:"name"`
	State string `json:"state"`
	App   string `json:"app,omitempty"`
	// AgeS is how old it is in seconds; -1: not said.
	AgeS    int  `json:"age_s"`
	Cut     bool `json:"cut,omitempty"`     // the name may go on
	Bridged bool `json:"bridged,omitempty"` // it is connected with another
}

// ShownModule is a module that is loaded.
type ShownModule struct {
	Row
	Name    string `json:"name"`    // with .so
	Running bool   `json:"running"` // also true where the version does not say
}

// ShownMissing is an object that was asked for and is not there.
type ShownMissing struct {
	Row
	Kind string `json:"kind,omitempty"` // endpoint, aor, module, …; empty: not known what was asked
	Name string `json:"name"`
}

// ShownRTP is what "rtp show settings" says.
type ShownRTP struct {
	Row
	First  int    `json:"first"`
	Last   int    `json:"last"`
	Strict string `json:"strict,omitempty"` // "yes", "no"
	ICE    string `json:"ice,omitempty"`
	STUN   string `json:"stun,omitempty"` // empty: none
}

// Has reports whether the listing of a command is in s.
func (s *Shown) Has(command string) bool { return contains(s.Commands, command) }

// HasWhole reports whether it is there, and complete.
func (s *Shown) HasWhole(command string) bool { return contains(s.Whole, command) }

// Lacks reports whether the server said that it does not have a command.
func (s *Shown) Lacks(command string) bool { return contains(s.Unknown, command) }

// Says reports whether anything was recognised.
func (s *Shown) Says() bool {
	return len(s.Commands) > 0 || len(s.Unknown) > 0 || len(s.Missing) > 0 || s.Version != ""
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func addOnce(list *[]string, s string) {
	if s != "" && !contains(*list, s) {
		*list = append(*list, s)
	}
}
