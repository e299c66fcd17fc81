// Package fixes is the remedy catalogue: what to type on which box against
// which problem. The knowledge is data (catalogue/*.yaml), one file a platform.
package fixes

import "github.com/sipdoctor/sipdoctor/platform/words"

// Fix is one way to cure a finding. Several fixes of a finding are
// alternatives, not steps.
type Fix struct {
	ID       string `json:"id"`
	Title    string `json:"title"` // a verb phrase
	Where    string `json:"where"` // this-host router pbx provider phone isp
	Platform string `json:"platform"`
	// At is the address of the router that is meant, where several stand in a row.
	At string `json:"at,omitempty"`

	// Form says what Commands are; see the Form constants. Only commands of
	// form shell may ever be run by a program.
	Form string `json:"form,omitempty"`

	// Commands are the steps, in order, one line each. In form shell each line
	// is complete in itself: the lines may be run by one shell or by one each.
	Commands []string `json:"commands"`

	Undo []string `json:"undo,omitempty"`
	// UndoFor says for each line of Undo which command, from 0, makes it
	// necessary: a cure that stops before needs no more of it. Nil: not known.
	UndoFor []int `json:"-"`

	Verify     []string `json:"verify,omitempty"`
	Persistent bool     `json:"persistent"`           // survives a reboot
	Unverified bool     `json:"unverified,omitempty"` // general knowledge: no vendor page, carrier's guide or public configuration stands behind it

	// UnverifiedLines are those lines of Commands, Undo and Verify that Source
	// does not stand behind, where it does behind the others. Empty if
	// Unverified, which speaks of all of them.
	UnverifiedLines []string `json:"unverified_lines,omitempty"`

	// Choice marks a change that trades safety for something, such as exempting an
	// address from all future bans: a person decides, no script by itself.
	Choice bool `json:"choice,omitempty"`

	// ReliesOn is the way around that the fix takes: transport and port, "tls
	// 5061". What a run saw of it decides whether the fix is offered.
	ReliesOn string `json:"relies_on,omitempty"`
	// IfProven: it is offered only if the run saw that this way works.
	IfProven bool `json:"-"`

	// Makers are those of routers whose menus the last Commands describe, one
	// command a maker, in a cure for a router that nobody recognised.
	Makers []string `json:"makers,omitempty"`

	Note   string `json:"note,omitempty"`
	Source string `json:"source"`

	// Built: the program built the commands for this machine; the words are
	// those of the row ID, filled with Args. See Say.
	Built bool       `json:"built,omitempty"`
	Args  words.Args `json:"args,omitempty"`
	Parts []Part     `json:"parts,omitempty"` // of one that Join made
}

// A Part is one of several fixes that are done together.
type Part struct {
	ID       string     `json:"id"`
	Platform string     `json:"platform"`
	Built    bool       `json:"built,omitempty"`
	Args     words.Args `json:"args,omitempty"`
}

// The forms of commands.
const (
	FormShell   = "shell"   // POSIX shell, as root, on the box that Where names
	FormConsole = "console" // the box's own command line
	FormMenu    = "menu"    // places in a web interface or app, and what to set there
	FormAdvice  = "advice"  // what to do or to know; changes nothing on a box
)

// The problems that the catalogue has remedies for.
const (
	SIPALG         = "sip-alg"          // something on the way reads and rewrites SIP
	SIPPortBlocked = "sip-port-blocked" // SIP signalling is filtered
	SymmetricNAT   = "symmetric-nat"    // the mapping depends on the destination (RFC 4787, section 4.1)
	DoubleNAT      = "double-nat"       // two address translations in a row
	AllowProvider  = "allow-provider"   // the office's firewall lacks rules for a provider's hosts and ports
	RTPPorts       = "rtp-ports"        // media ports are filtered
	Fragments      = "fragments"        // IP fragments are dropped
	TCPMSS         = "tcp-mss"          // packets that are too long for the path are lost in silence (RFC 2923)
	RTPForward     = "rtp-forward"      // media ports are not forwarded to a PBX behind NAT
	UDPTimeout     = "udp-timeout"      // the router forgets UDP mappings too soon (RFC 4787, REQ-5)
	ExemptAddress  = "exempt-address"   // an address that must not be banned again, on the PBX
	LetIn          = "let-in"           // the PBX's own firewall lacks a rule that accepts an address
	BanPorts       = "ban-ports"        // the bans of a jail leave SIP ports open
	BansLost       = "bans-lost"        // the packet filter lost the bans of a jail
	JailLog        = "jail-log"         // a jail reads a log that is not there, or not written
	DNSServer      = "dns-server"       // the DNS server that phones are given is dead, slow or does not tell the truth
	DNSRedirect    = "dns-redirect"     // somebody on the way answers DNS questions to other servers
	DNSRebind      = "dns-rebind"       // a DNS server removes private addresses from answers
	DNSRecords     = "dns-records"      // a name does not exist, or points nowhere
	TLSCertificate = "tls-certificate"  // a server's certificate is out of date, or for another name
	SIPService     = "sip-service"      // a gateway's own SIP service is shut down
	Clock          = "clock"            // this machine's clock is wrong, and so may be the phones'
)

// Platform is one kind of box that the catalogue knows.
type Platform struct {
	Slug string `json:"slug"` // as in Fix.Platform and netinfo.Router.Platform
	Name string `json:"name"`
	Kind string `json:"kind"` // router, pbx, computer, or any
	// SIPALG is where the SIP ALG hides on this box and what it is called
	// there; empty where there is none to speak of.
	SIPALG string `json:"sip_alg,omitempty"`
}
