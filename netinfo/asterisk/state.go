package asterisk

import (
	"net/netip"
	"slices"
	"time"
)

// State is what an Asterisk server is set to do, and of a running one what it
// does. Passwords are in none of its fields.
type State struct {
	Version string `json:"version,omitempty"` // "16.28.0~dfsg-0+deb11u4"; empty when it did not answer
	Running bool   `json:"running"`           // its command line answered
	FreePBX bool   `json:"freepbx"`
	// ConfDir and LogDir are where it keeps its configuration and logs.
	ConfDir string `json:"conf_dir"`
	LogDir  string `json:"log_dir"`

	RTP           RTP            `json:"rtp"`
	Transports    []Transport    `json:"transports,omitempty"`
	Endpoints     []Endpoint     `json:"endpoints,omitempty"`
	Identifies    []Identify     `json:"identifies,omitempty"`
	Registrations []Registration `json:"registrations,omitempty"`
	Contacts      []Contact      `json:"contacts,omitempty"`
	Lists         []AccessList   `json:"lists,omitempty"` // the access lists in force, each once
	Logs          []LogChannel   `json:"logs,omitempty"`
	Calls         int            `json:"calls"`                 // up now; -1: it did not say
	DateFormat    string         `json:"date_format,omitempty"` // of the logs, as of strftime; empty: Asterisk's own
	// Printed is what the server answered to the commands that Read asks, as it is.
	Printed map[string]string `json:"-"`
	Trusted []Trusted         `json:"trusted,omitempty"` // what the FreePBX firewall trusts; Read leaves it empty, see ReadTrusted
}

// RTP is the media range, in ports, and what else rtp.conf says.
type RTP struct {
	First int `json:"first"`
	Last  int `json:"last"`
	// From is where the range comes from: "rtp show settings", the file, or
	// "default" when neither says anything.
	From string `json:"from"`
	// Configured is the range of rtp.conf where it differs from the running
	// one: it counts after the next reload.
	Configured string `json:"configured,omitempty"`
	Strict     string `json:"strict,omitempty"` // "yes", "no", "seqno"; empty: Asterisk's own, yes
	ICE        string `json:"ice,omitempty"`
	STUN       string `json:"stun,omitempty"`
}

// Transport is a socket Asterisk takes SIP on.
type Transport struct {
	Driver   string `json:"driver"` // pjsip or chan_sip
	Name     string `json:"name,omitempty"`
	Protocol string `json:"protocol"` // udp tcp tls ws wss
	// Bind is the address and port; an unspecified address means all.
	Bind              netip.AddrPort `json:"bind"`
	ExternalSignaling string         `json:"external_signaling,omitempty"` // address or host name
	ExternalMedia     string         `json:"external_media,omitempty"`
	LocalNets         []netip.Prefix `json:"local_nets,omitempty"`
	At                string         `json:"at,omitempty"`      // FILE:LINE
	Running           bool           `json:"running,omitempty"` // the server listed it
}

// Endpoint is a phone or trunk that the server knows: an endpoint of PJSIP, or
// a peer, friend or user of chan_sip.
type Endpoint struct {
	Driver    string   `json:"driver"`
	Name      string   `json:"name"`
	Transport string   `json:"transport,omitempty"`
	Static    []string `json:"static,omitempty"` // hosts or SIP URIs that it is reached at without registering
	// Expirations of the AOR in seconds, 0 when not set: Asterisk then takes
	// 60 at least, 7200 at most and 3600 where a phone asks for nothing.
	MinExpiration     int    `json:"min_expiration_s,omitempty"`
	MaxExpiration     int    `json:"max_expiration_s,omitempty"`
	DefaultExpiration int    `json:"default_expiration_s,omitempty"`
	Qualify           int    `json:"qualify_s,omitempty"` // seconds between the server's OPTIONS; 0: none
	At                string `json:"at"`                  // FILE:LINE
}

// Identify matches requests to an endpoint by their source.
type Identify struct {
	Endpoint string   `json:"endpoint"`
	Match    []string `json:"match"` // addresses, networks, host names
	At       string   `json:"at,omitempty"`
}

// Registration is the server registering with a provider.
type Registration struct {
	Driver     string `json:"driver"`
	Name       string `json:"name,omitempty"`
	Server     string `json:"server"` // host or address
	Port       int    `json:"port,omitempty"`
	Transport  string `json:"transport,omitempty"`
	Expiration int    `json:"expiration_s,omitempty"` // asked for; 0: Asterisk's own
	Status     string `json:"status,omitempty"`       // as the server words it: "Registered", "Rejected"
	Cut        bool   `json:"cut,omitempty"`          // Server may miss its end: only the cut listing had it
	At         string `json:"at,omitempty"`
}

// Contact is a place where a registered phone is reached.
type Contact struct {
	Driver string `json:"driver"`
	AOR    string `json:"aor"` // or peer
	URI    string `json:"uri,omitempty"`
	// Addr is the address in the URI; the port may be 0. Invalid when the URI
	// has a name, or the listing cut it.
	Addr    netip.AddrPort `json:"addr,omitzero"`
	Status  string         `json:"status,omitempty"` // "Avail", "NonQual", "OK (40 ms)"
	Expires time.Time      `json:"expires,omitzero"`
	Agent   string         `json:"agent,omitempty"`  // User-Agent of the phone
	Static  bool           `json:"static,omitempty"` // from the configuration, not registered
}

// AccessList is an ACL and whom it guards. Endpoints that share one, usually by
// a template, are one entry.
type AccessList struct {
	// Scope is "pjsip" (every request), "endpoint", "chan_sip" (every
	// registration) or "peer".
	Scope   string `json:"scope"`
	Contact bool   `json:"contact,omitempty"` // it is asked about the Contact address of a REGISTER
	ACL     ACL    `json:"acl"`
	// Names are the endpoints it guards, at most maxNames of Count.
	Names []string `json:"names,omitempty"`
	Count int      `json:"count,omitempty"`
}

// maxNames bounds how many endpoints an access list names: a person reads no
// more, and the count is there.
const maxNames = 20

// LogChannel is a log that Asterisk writes.
type LogChannel struct {
	File   string   `json:"file"`   // path; "console" and "syslog:…" are not files
	Levels []string `json:"levels"` // in lower case; "*" means all
	At     string   `json:"at,omitempty"`
	// Format is the formatter, such as "json"; empty for Asterisk's own.
	Format string `json:"format,omitempty"`
	// Running: the server listed it as open; false when only the file says so.
	Running bool `json:"running,omitempty"`
}

// Trusted is a network the FreePBX firewall lets through.
type Trusted struct {
	Prefix netip.Prefix `json:"prefix"`
	Zone   string       `json:"zone"`
}

// Sharing returns the contacts whose address is in p: who is cut off when p
// is banned.
func (s *State) Sharing(p netip.Prefix) (list []Contact) {
	for _, c := range s.Contacts {
		if c.Addr.IsValid() && p.Contains(c.Addr.Addr()) {
			list = append(list, c)
		}
	}
	return list
}

// Trunk is a server of a provider that this one must reach and be reached by.
type Trunk struct {
	Name string `json:"name"`
	Host string `json:"host"` // an address, a network or a name that is to be resolved
	Why  string `json:"why"`  // "registration", "identify", "static contact", "peer host"
	Cut  bool   `json:"cut,omitempty"`
	At   string `json:"at,omitempty"`
}

// Trunks lists the hosts of providers, each once a name.
func (s *State) Trunks() (list []Trunk) {
	add := func(t Trunk) {
		known := func(o Trunk) bool { return o.Name == t.Name && o.Host == t.Host }
		if t.Host != "" && !slices.ContainsFunc(list, known) {
			list = append(list, t)
		}
	}
	for _, r := range s.Registrations {
		add(Trunk{Name: r.Name, Host: r.Server, Why: "registration", Cut: r.Cut, At: r.At})
	}
	for _, i := range s.Identifies {
		for _, m := range i.Match {
			add(Trunk{Name: i.Endpoint, Host: m, Why: "identify", At: i.At})
		}
	}
	for _, e := range s.Endpoints {
		for _, uri := range e.Static {
			why := "static contact"
			if e.Driver == chanSIP {
				why = "peer host"
			}
			host, _, _ := splitURI(uri)
			add(Trunk{Name: e.Name, Host: host, Why: why, At: e.At})
		}
	}
	return list
}

// WritesTo lists the files that get messages of a level ("notice",
// "security"). Where the server listed its channels only those count.
func (s *State) WritesTo(level string) (list []string) {
	for _, c := range s.Logs {
		if s.Running && !c.Running || !isFile(c.File) {
			continue
		}
		if slices.Contains(c.Levels, level) || slices.Contains(c.Levels, "*") {
			list = append(list, c.File)
		}
	}
	return list
}
