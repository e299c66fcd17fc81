package asteriskstate

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is what a server printed, and what its files say beside it.
type Observed struct {
	// Asked is who said it: "server", "text" (saved, or pasted), "silent" (a server
	// that is installed and did not answer), "nobody" (there is no Asterisk), or
	// empty.
	Asked      string         `json:"asked"`
	Sources    []Source       `json:"sources,omitempty"` // of a text
	Shown      asterisk.Shown `json:"shown"`
	Configured Configured     `json:"configured,omitzero"`
	// Neighbours are addresses of phones and trunks that share a network; see network.
	Neighbours [][]netip.Addr `json:"neighbours,omitempty"`
	// Routed are the addresses that the server has a route of their own to.
	// RoutesKnown says that its routes were read.
	Routed      []netip.Addr   `json:"routed,omitempty"`
	RoutesKnown bool           `json:"routes_known,omitempty"`
	Overlaps    []Overlap      `json:"overlaps,omitempty"`
	Notes       []words.Reason `json:"notes,omitempty"`
}

// Overlap is a network whose requests two endpoints claim.
type Overlap struct {
	Network  netip.Prefix `json:"network"`
	First    string       `json:"first"`
	Other    string       `json:"other"`
	FirstRow asterisk.Row `json:"first_row"`
	OtherRow asterisk.Row `json:"other_row"`
}

// Source is a file that was read.
type Source struct {
	Name      string      `json:"name"`
	FirstLine int         `json:"first_line"` // its first line among all that were read
	Error     words.Cause `json:"error,omitempty"`
}

// Configured counts what the server's files define.
type Configured struct {
	Peers         int        `json:"peers,omitempty"`     // of sip.conf
	Endpoints     int        `json:"endpoints,omitempty"` // of pjsip.conf, as the following
	Registrations int        `json:"registrations,omitempty"`
	Identifies    int        `json:"identifies,omitempty"`
	Unloaded      []Unloaded `json:"unloaded,omitempty"`
}

// Unloaded is an object of pjsip.conf that the running server does not have.
type Unloaded struct {
	Kind     string         `json:"kind"` // endpoint, registration, transport
	Name     string         `json:"name"`
	At       string         `json:"at"` // FILE:LINE
	Protocol string         `json:"protocol,omitempty"`
	Bind     netip.AddrPort `json:"bind,omitzero"`
}

// Facts are the stable summary.
type Facts struct {
	Version       string         `json:"version"`
	UptimeS       int            `json:"uptime_s"`  // 0: not said
	Peers         map[string]int `json:"peers"`     // of chan_sip, by state, "unregistered" without an address
	Endpoints     map[string]int `json:"endpoints"` // by state
	Contacts      map[string]int `json:"contacts"`
	Registrations []Registration `json:"registrations"`
	Channels      Channels       `json:"channels"`
}

// Registration is one of this server elsewhere.
type Registration struct {
	Driver string `json:"driver"`
	Name   string `json:"name"`
	Server string `json:"server"`
	Status string `json:"status"` // as Asterisk calls it
}

// Channels count the legs of calls.
type Channels struct {
	Total   int            `json:"total"`
	States  map[string]int `json:"states"`
	OldestS int            `json:"oldest_s"` // -1: not said
}
