package netinfo

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed profiles/*.yaml
var profileFiles embed.FS

// Profile is what a telephone provider, or a PBX of one's own, asks of a
// network: whom phones talk to, what must not stand in between, and how phones
// are to be set. Only what its sources say; empty means not published or
// different for every customer.
type Profile struct {
	Name   string `yaml:"name" json:"name"`               // as the user types it
	Title  string `yaml:"title" json:"title"`             // as the provider calls itself
	Kind   string `yaml:"kind" json:"kind,omitempty"`     // provider or pbx
	Domain string `yaml:"domain" json:"domain,omitempty"` // of SIP addresses, where all customers share one

	// Serves are limits by country; empty: nothing is known of any.
	Serves []Service `yaml:"serves" json:"serves,omitempty"`

	SIP     []SIPHost   `yaml:"sip" json:"sip"`
	STUN    []string    `yaml:"stun" json:"stun,omitempty"` // host:port
	Subnets []Subnet    `yaml:"subnets" json:"subnets,omitempty"`
	Ports   []PortRule  `yaml:"ports" json:"ports,omitempty"`   // all but media
	RTP     []MediaRule `yaml:"rtp" json:"rtp,omitempty"`       // UDP of media
	Codecs  []string    `yaml:"codecs" json:"codecs,omitempty"` // the preferred one first

	Client Client `yaml:"client" json:"client,omitzero"`

	// SIPALGMustBeOff is true when the provider itself says so; it is the
	// short form of client: {sip_alg: "off"}.
	SIPALGMustBeOff bool `yaml:"sip_alg_must_be_off" json:"sip_alg_must_be_off"`

	Conflicts []Conflict     `yaml:"conflicts" json:"conflicts,omitempty"`
	Notes     []words.Phrase `yaml:"notes" json:"notes,omitempty"`

	Origin `yaml:",inline"`
	// Sources are the sources of the keys that have no block to say it in:
	// stun, codecs, domain, notes.
	Sources map[string]string `yaml:"sources" json:"sources,omitempty"`
}

// The kinds of a profile.
const (
	KindProvider = "provider" // somebody else's service
	KindPBX      = "pbx"      // software that the user runs
)

// Origin says where a value stands and when somebody looked. In a loaded
// profile every block has one: what it does not say it inherits.
type Origin struct {
	Source  string `yaml:"source" json:"source,omitempty"`
	Checked string `yaml:"checked" json:"checked,omitempty"` // YYYY-MM-DD
}

func (o *Origin) inherit(from Origin) {
	o.Source, o.Checked = cmp.Or(o.Source, from.Source), cmp.Or(o.Checked, from.Checked)
}

// SIPHost is one server that phones register with or send calls to.
type SIPHost struct {
	Host      string       `yaml:"host" json:"host"`
	Port      int          `yaml:"port" json:"port"`           // 0 is the transport's usual one, see Address
	Transport string       `yaml:"transport" json:"transport"` // udp, tcp, tls, ws or wss
	Note      words.Phrase `yaml:"note" json:"note,omitempty"`
	Origin    `yaml:",inline"`
}

// Address is host:port; the usual port is 5060, for TLS 5061 (RFC 3261,
// section 19.1.2), for WebSocket 80 and 443 (RFC 7118, section 5).
func (s SIPHost) Address() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(cmp.Or(s.Port, usualPorts[s.Transport])))
}

var usualPorts = map[string]int{"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

// Service is a limit by country: what works only from addresses of these.
type Service struct {
	Countries []string     `yaml:"countries" json:"countries"` // ISO 3166: "RU"
	What      words.Phrase `yaml:"what" json:"what,omitempty"` // empty: the whole service
	Origin    `yaml:",inline"`
}

// Subnet is a network or a single address of the provider.
type Subnet struct {
	CIDR   string       `yaml:"cidr" json:"cidr"` // "193.201.230.128/26", or one address
	Use    string       `yaml:"use" json:"use"`   // signalling, media or any
	Note   words.Phrase `yaml:"note" json:"note,omitempty"`
	Origin `yaml:",inline"`
}

// What a subnet or a port is for.
const (
	UseSignalling = "signalling"
	UseMedia      = "media"
	UseAny        = "any"   // of a subnet
	UseOther      = "other" // of a port: provisioning, web pages, another protocol
)

// Prefix is the network; of a single address, the address alone. It is not
// valid in a profile that did not pass ParseProfile.
func (s Subnet) Prefix() netip.Prefix {
	if p, err := netip.ParsePrefix(s.CIDR); err == nil {
		return p
	}
	if a, err := netip.ParseAddr(s.CIDR); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.Prefix{}
}

// PortRule is a set of ports that phones reach at the provider.
type PortRule struct {
	Protocol string       `yaml:"protocol" json:"protocol"` // udp or tcp
	Ports    []PortRange  `yaml:"ports" json:"ports"`
	Use      string       `yaml:"use" json:"use"` // signalling (SIP itself) or other
	For      words.Phrase `yaml:"for" json:"for"` // in words: "SIP over TLS"
	Origin   `yaml:",inline"`
}

// MediaRule is a range of UDP ports that media comes from and goes to at the
// provider's side.
type MediaRule struct {
	Range  PortRange    `yaml:"range" json:"range"`
	Note   words.Phrase `yaml:"note" json:"note,omitempty"`
	Origin `yaml:",inline"`
}

// Client is how phones are to be set, in the provider's words. Empty and 0:
// it says nothing.
type Client struct {
	SIPALG       string `yaml:"sip_alg" json:"sip_alg,omitempty"`             // off, on: of the router
	STUN         string `yaml:"stun" json:"stun,omitempty"`                   // on, off, any
	NATTraversal string `yaml:"nat_traversal" json:"nat_traversal,omitempty"` // on, off, any: of the phone
	// OutboundProxy is off, any, or host:port of the proxy.
	OutboundProxy string `yaml:"outbound_proxy" json:"outbound_proxy,omitempty"`
	// PortForwarding says whether the office's router must forward ports.
	PortForwarding string `yaml:"port_forwarding" json:"port_forwarding,omitempty"` // needed, no
	TLS            string `yaml:"tls" json:"tls,omitempty"`                         // required, offered, no
	SRTP           string `yaml:"srtp" json:"srtp,omitempty"`                       // required, offered, no

	Registration  int `yaml:"registration_s" json:"registration_s,omitempty"`       // seconds between two REGISTER
	KeepAlive     int `yaml:"keepalive_s" json:"keepalive_s,omitempty"`             // seconds between two keep-alives
	UDPTimeoutMin int `yaml:"udp_timeout_min_s" json:"udp_timeout_min_s,omitempty"` // seconds a router must remember a UDP flow

	Origin `yaml:",inline"`
	// Sources are those of single keys of this block, where they differ.
	Sources map[string]string `yaml:"sources" json:"sources,omitempty"`
}

// SourceOf is where the demand under that key ("sip_alg") stands.
func (c Client) SourceOf(key string) string { return cmp.Or(c.Sources[key], c.Source) }

// Conflict is something on which public sources, or this provider and the
// rest, do not agree. The profile holds one side, the conflict keeps the other.
type Conflict struct {
	About  string       `yaml:"about" json:"about"` // the profile's key it is about
	Says   words.Phrase `yaml:"says" json:"says"`
	Origin `yaml:",inline"`
}

// profileLimit is far above any profile a person writes, and far below what a
// small machine can read.
const profileLimit = 1 << 20

// LoadProfile returns the built-in profile of that name, or reads the file of
// that name: whatever has a slash, a backslash or ends in .yaml or .yml is a
// file. The error names the file and the line.
func LoadProfile(nameOrFile string) (*Profile, error) {
	if strings.ContainsAny(nameOrFile, `/\`) || strings.HasSuffix(nameOrFile, ".yaml") || strings.HasSuffix(nameOrFile, ".yml") {
		b, err := readProfileFile(nameOrFile)
		if err != nil {
			return nil, err
		}
		return ParseProfile(nameOrFile, b)
	}
	all := Profiles()
	var names []string
	for _, p := range all {
		if strings.EqualFold(p.Name, nameOrFile) {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("no profile is called %q; there are %s (a file's name ends in .yaml)", nameOrFile, strings.Join(names, ", "))
}

// LintProfileFile lists everything that is wrong with the profile in a file,
// whatever its name ends in.
func LintProfileFile(file string) ([]Mistake, error) {
	b, err := readProfileFile(file)
	if err != nil {
		return nil, err
	}
	return LintProfile(file, b), nil
}

func readProfileFile(file string) ([]byte, error) {
	b, err := platform.ReadSmallFile(file, profileLimit)
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return b, nil
}

// Profiles returns the built-in profiles by name, made anew at every call. A
// built-in profile that cannot be read is left out; a test forbids it.
func Profiles() (list []*Profile) {
	names, _ := fs.Glob(profileFiles, "profiles/*.yaml")
	for _, name := range names {
		b, _ := profileFiles.ReadFile(name)
		if p, err := ParseProfile(name, b); err == nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *Profile) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// PublicSIPServers lists one SIP server over UDP of every embedded provider,
// host:port.
func PublicSIPServers() []string {
	var out []string
	for _, p := range Profiles() {
		i := slices.IndexFunc(p.SIP, func(h SIPHost) bool { return h.Transport == "udp" })
		if p.Kind == KindProvider && i >= 0 {
			out = append(out, p.SIP[i].Address())
		}
	}
	return out
}
