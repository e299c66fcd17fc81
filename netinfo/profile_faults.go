package netinfo

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	profileName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	codecName   = regexp.MustCompile(`^[A-Za-z0-9.-]{1,30}$`)
)

// fault is what is wrong with a value that has the right shape.
type fault struct {
	key  []string
	text string
}

// faults gathers them.
type faults []fault

// must notes a fault under a key ("sip 1 port") unless ok.
func (f *faults) must(ok bool, key string, format string, args ...any) {
	if !ok {
		*f = append(*f, fault{strings.Fields(key), fmt.Sprintf(format, args...)})
	}
}

// oneOf accepts nothing, too.
func (f *faults) oneOf(value, key string, allowed ...string) {
	f.must(value == "" || slices.Contains(allowed, value), key, "%q is none of %s", value, strings.Join(allowed, ", "))
}

// faults says what is wrong with the profile, under which keys.
func (p *Profile) faults(file string) faults {
	var f faults
	base := baseName(file)
	f.must(profileName.MatchString(p.Name), "name", "must be lower-kebab-case")
	f.must(p.Name == base || !profileName.MatchString(p.Name), "name", "is %q, the file's name says %q", p.Name, base)
	f.must(strings.TrimSpace(p.Title) != "", "title", "must not be empty")
	f.oneOf(p.Kind, "kind", KindProvider, KindPBX)
	f.must(len(p.SIP)+len(p.STUN)+len(p.Notes)+len(p.Subnets)+len(p.Ports)+len(p.RTP) > 0, "sip", "the profile says nothing: give sip, subnets, ports, stun or notes")
	f.must(strings.TrimSpace(p.Source) != "", "source", "must name a page or a public document")
	f.must(p.Checked != "", "checked", "must be a date like 2026-11-22")
	f.origin("", p.Origin)
	f.must(p.Domain == "" || validHost(p.Domain), "domain", "%q is not a host name or address", p.Domain)
	for i, c := range p.Codecs {
		f.must(codecName.MatchString(c), fmt.Sprint("codecs ", i), "%q is not the name of a codec", c)
	}
	for key := range p.Sources {
		f.must(slices.Contains([]string{"stun", "codecs", "domain", "notes"}, key), "sources "+key, "only stun, codecs, domain and notes have their source here")
	}
	f.addresses(p)
	f.ports(p)
	f.client(p)
	for i, s := range p.Serves {
		at := fmt.Sprint("serves ", i)
		f.must(len(s.Countries) > 0, at+" countries", "must name a country")
		for k, c := range s.Countries {
			f.must(countryCode.MatchString(c), fmt.Sprint(at, " countries ", k), "%q is not a country code of two capitals, like RU", c)
		}
		f.origin(at, s.Origin)
	}
	for i, c := range p.Conflicts {
		at := fmt.Sprint("conflicts ", i)
		f.must(fields(reflect.TypeFor[Profile]())[firstWord(c.About)] != nil, at+" about", "%q is not a key of a profile", c.About)
		f.must(c.Says.Says(), at+" says", "must not be empty")
		f.origin(at, c.Origin)
	}
	return f
}

func (f *faults) origin(at string, o Origin) {
	if o.Checked != "" {
		_, err := time.Parse(time.DateOnly, o.Checked)
		f.must(err == nil, at+" checked", "must be a date like 2026-11-22")
	}
}

// addresses looks at hosts and networks.
func (f *faults) addresses(p *Profile) {
	for i, s := range p.SIP {
		at := fmt.Sprint("sip ", i)
		f.must(validHost(s.Host), at+" host", "%q is not a host name or address", s.Host)
		f.must(s.Port >= 0 && s.Port <= 65535, at+" port", "%d is not a port number", s.Port)
		_, known := usualPorts[s.Transport]
		f.must(known, at+" transport", "%q is none of udp, tcp, tls, ws, wss", s.Transport)
		f.origin(at, s.Origin)
	}
	for i, s := range p.STUN {
		f.must(hostPort(s), fmt.Sprint("stun ", i), "%q is not host:port", s)
	}
	seen := map[netip.Prefix]bool{}
	for i, s := range p.Subnets {
		at := fmt.Sprint("subnets ", i)
		n := s.Prefix()
		switch {
		case !n.IsValid() || n.Addr().Zone() != "" || n.Addr().Is4In6():
			f.must(false, at+" cidr", "%q is neither a network like 192.0.2.0/24 nor an address", s.CIDR)
		case n.Masked() != n:
			f.must(false, at+" cidr", "%q is an address inside a network; the network is %s", s.CIDR, n.Masked())
		case n.Bits() == 0:
			f.must(false, at+" cidr", "%q is the whole Internet", s.CIDR)
		case seen[n]:
			f.must(false, at+" cidr", "%s stands twice", s.CIDR)
		}
		seen[n] = true
		f.must(s.Use != "", at+" use", "must be one of signalling, media, any")
		f.oneOf(s.Use, at+" use", UseSignalling, UseMedia, UseAny)
		f.origin(at, s.Origin)
	}
}

// ports looks at everything that is a port.
func (f *faults) ports(p *Profile) {
	for i, r := range p.Ports {
		at := fmt.Sprint("ports ", i)
		f.must(r.Protocol == "udp" || r.Protocol == "tcp", at+" protocol", "%q is none of udp, tcp", r.Protocol)
		f.must(len(r.Ports) > 0, at+" ports", "must name a port or a range")
		f.must(r.Use == UseSignalling || r.Use == UseOther, at+" use", "%q is none of signalling, other (media ports stand under rtp)", r.Use)
		f.must(r.For.Says(), at+" for", "must say what the ports are for")
		f.origin(at, r.Origin)
	}
	for i, r := range p.RTP {
		at := fmt.Sprint("rtp ", i)
		f.must(r.Range.First > 0, at+" range", "must be a range like 10000-20000")
		f.origin(at, r.Origin)
	}
}

// day is in seconds; no timer of a phone is longer.
const day = 86400

func (f *faults) client(p *Profile) {
	c := p.Client
	f.oneOf(c.SIPALG, "client sip_alg", "off", "on", "any")
	f.must(!p.SIPALGMustBeOff || c.SIPALG == "" || c.SIPALG == "off", "sip_alg_must_be_off", "client says sip_alg %q", c.SIPALG)
	f.oneOf(c.STUN, "client stun", "on", "off", "any")
	f.oneOf(c.NATTraversal, "client nat_traversal", "on", "off", "any")
	f.must(slices.Contains([]string{"", "off", "any"}, c.OutboundProxy) || hostPort(c.OutboundProxy), "client outbound_proxy", "%q is none of off, any, host:port", c.OutboundProxy)
	f.oneOf(c.PortForwarding, "client port_forwarding", "needed", "no")
	f.oneOf(c.TLS, "client tls", "required", "offered", "no")
	f.oneOf(c.SRTP, "client srtp", "required", "offered", "no")
	f.seconds(c.Registration, "client registration_s")
	f.seconds(c.KeepAlive, "client keepalive_s")
	f.seconds(c.UDPTimeoutMin, "client udp_timeout_min_s")
	known := fields(reflect.TypeFor[Client]())
	for key := range c.Sources {
		f.must(known[key] != nil, "client sources "+key, "is not a key of client")
	}
	f.origin("client", c.Origin)
}

// seconds accepts 0, too: the provider says nothing.
func (f *faults) seconds(n int, key string) {
	f.must(n >= 0 && n <= day, key, "%d is not a number of seconds from 1 to %d", n, day)
}

func validHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || IsHostName(s)
}

func hostPort(s string) bool {
	h, err := ParseHostPort(s)
	return err == nil && h.Port != 0
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}
