package asterisk

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
)

// The drivers, as they are called in State.
const (
	pjsip   = "pjsip"
	chanSIP = "chan_sip"
)

// readACLConf reads the named lists of acl.conf by their lower-case name.
func readACLConf(c *Config) map[string]ACLList {
	named := map[string]ACLList{}
	for _, s := range c.Sections {
		if s.Template {
			continue
		}
		b := aclBuilder{own: ACLList{Name: s.Name}}
		for _, o := range s.Options {
			b.add(o.Name, o)
		}
		named[strings.ToLower(s.Name)] = b.own
	}
	return named
}

// pjsipReader takes pjsip.conf apart. Objects of one name are told apart by
// their type, which Asterisk compares letter by letter: of type=Endpoint it makes
// nothing.
type pjsipReader struct {
	state *State
	lists *accessLists
	named map[string]ACLList
	aors  map[string]*Section
	cfg   *Config
}

func (r *pjsipReader) read() {
	r.aors = map[string]*Section{}
	var sections []*Section
	for _, s := range r.cfg.Sections {
		if s.Template {
			continue
		}
		if s.Last("type") == "wizard" {
			sections = append(sections, wizardParts(s)...)
		} else {
			sections = append(sections, s)
		}
	}
	for _, s := range sections {
		if s.Last("type") == "aor" {
			r.aors[strings.ToLower(s.Name)] = s
		}
	}
	for _, s := range sections {
		switch s.Last("type") {
		case "transport":
			r.transport(s)
		case "endpoint":
			r.endpoint(s)
		case "identify":
			r.identify(s)
		case "registration":
			r.registration(s)
		case "acl":
			r.lists.section("pjsip", "", s, r.named, false)
		}
	}
}

// WizardParts splits a section of pjsip_wizard.conf into the objects that it stands
// for.
func WizardParts(s *Section) []*Section { return wizardParts(s) }

// SplitURI takes host, port and transport out of a SIP URI.
func SplitURI(uri string) (host string, port int, transport string) { return splitURI(uri) }

// Prefix reads a network as Asterisk does, "10.0.0.0/255.0.0.0" too; an address
// alone is a network of one.
func Prefix(s string) (netip.Prefix, bool) { return prefix(s) }

// Items are the parts of values that are separated by commas.
func Items(values ...string) []string { return items(values...) }

// Yes is Asterisk's notion of true.
func Yes(s string) bool { return yes(s) }

// Bind reads the address and port of a transport, which has its usual port where
// it names none.
func Bind(s, protocol string) netip.AddrPort { return bindAddr(s, usualPort(protocol)) }

// wizardParts is about "endpoint/acl = office" and "remote_hosts".
func wizardParts(s *Section) (parts []*Section) {
	for _, kind := range []string{"endpoint", "aor", "identify", "registration"} {
		p := &Section{Name: s.Name, File: s.File, Line: s.Line}
		set := func(name, value string, o Option) {
			p.Options = append(p.Options, Option{Name: name, Value: value, File: cmp.Or(o.File, s.File), Line: cmp.Or(o.Line, s.Line)})
		}
		set("type", kind, Option{})
		for _, o := range s.Options {
			if rest, ok := strings.CutPrefix(o.Name, kind+"/"); ok {
				set(rest, o.Value, o)
			}
		}
		for _, host := range items(s.Last("remote_hosts")) {
			switch {
			case kind == "aor":
				set("contact", "sip:"+host, Option{})
			case kind == "identify":
				name, _, _ := splitURI(host)
				set("match", name, Option{})
			case kind == "registration" && yes(s.Last("sends_registrations")):
				q := &Section{Name: s.Name, File: s.File, Line: s.Line, Options: slices.Clone(p.Options)}
				q.Options = append(q.Options, Option{Name: "server_uri", Value: "sip:" + host, File: s.File, Line: s.Line})
				parts = append(parts, q)
			}
		}
		switch kind {
		case "endpoint":
			set("aors", s.Name, Option{})
		case "identify":
			set("endpoint", s.Name, Option{})
		}
		if kind != "registration" {
			parts = append(parts, p)
		}
	}
	return parts
}

// At is the place of the section as FILE:LINE.
func (s *Section) At() string { return Option{File: s.File, Line: s.Line}.At() }

func (s *Section) at() string { return s.At() }

func (r *pjsipReader) transport(s *Section) {
	t := Transport{
		Driver: pjsip, Name: s.Name, Protocol: strings.ToLower(cmp.Or(s.Last("protocol"), "udp")), At: s.at(),
		ExternalSignaling: s.Last("external_signaling_address"), ExternalMedia: s.Last("external_media_address"),
	}
	t.Bind = bindAddr(s.Last("bind"), usualPort(t.Protocol))
	t.LocalNets = localNets(s.All("local_net"))
	r.state.Transports = append(r.state.Transports, t)
}

func usualPort(protocol string) uint16 {
	if protocol == "tls" || protocol == "wss" {
		return 5061
	}
	return 5060
}

func localNets(values []string) (list []netip.Prefix) {
	for _, item := range items(values...) {
		if p, ok := prefix(item); ok {
			list = append(list, p)
		}
	}
	return list
}

// items are the parts of values that are separated by commas.
func items(values ...string) (list []string) {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// prefix reads a network; of a mask with gaps only the ones that it begins with.
func prefix(s string) (netip.Prefix, bool) {
	addr, mask, ok := nets.ParseMask(s)
	if !ok {
		return netip.Prefix{}, false
	}
	n, _ := nets.Ones(mask)
	return netip.PrefixFrom(masked(addr, mask), n), true
}

// bindAddr reads "0.0.0.0:5060", "[::]", "::" or a port alone.
func bindAddr(s string, port uint16) netip.AddrPort {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, port)
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(s, ":"), 10, 16); err == nil && n != 0 {
		port = uint16(n)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), port)
}

func (r *pjsipReader) endpoint(s *Section) {
	e := Endpoint{Driver: pjsip, Name: s.Name, Transport: s.Last("transport"), At: s.at()}
	for aor := range strings.SplitSeq(s.Last("aors"), ",") {
		a := r.aors[strings.ToLower(strings.TrimSpace(aor))]
		if a == nil {
			continue
		}
		e.Static = append(e.Static, items(a.All("contact")...)...)
		e.MinExpiration = cmp.Or(e.MinExpiration, number(a.Last("minimum_expiration")))
		e.MaxExpiration = cmp.Or(e.MaxExpiration, number(a.Last("maximum_expiration")))
		e.DefaultExpiration = cmp.Or(e.DefaultExpiration, number(a.Last("default_expiration")))
		e.Qualify = cmp.Or(e.Qualify, number(a.Last("qualify_frequency")))
	}
	r.state.Endpoints = append(r.state.Endpoints, e)
	r.lists.section("endpoint", s.Name, s, r.named, false)
}

func (r *pjsipReader) identify(s *Section) {
	i := Identify{Endpoint: s.Last("endpoint"), Match: items(s.All("match")...), At: s.at()}
	if len(i.Match) > 0 {
		r.state.Identifies = append(r.state.Identifies, i)
	}
}

func (r *pjsipReader) registration(s *Section) {
	host, port, transport := splitURI(s.Last("server_uri"))
	if t := s.Last("transport"); transport == "" && t != "" {
		for _, have := range r.state.Transports {
			if have.Name == t {
				transport = have.Protocol
			}
		}
	}
	r.state.Registrations = append(r.state.Registrations, Registration{
		Driver: pjsip, Name: s.Name, Server: host, Port: port, Transport: transport,
		Expiration: number(s.Last("expiration")), At: s.at(),
	})
}

// splitURI takes host, port and transport out of a SIP URI, or out of
// "host:port" without a scheme.
func splitURI(uri string) (host string, port int, transport string) {
	uri = strings.Trim(strings.TrimSpace(uri), "<>")
	lower := strings.ToLower(uri)
	switch {
	case strings.HasPrefix(lower, "sips:"):
		uri, transport = uri[5:], "tls"
	case strings.HasPrefix(lower, "sip:"):
		uri = uri[4:]
	}
	uri, _, _ = strings.Cut(uri, "?") // headers say nothing about where it is
	hostport, params, _ := strings.Cut(afterUser(uri), ";")
	for p := range strings.SplitSeq(params, ";") {
		if name, value, _ := strings.Cut(p, "="); strings.EqualFold(name, "transport") {
			transport = strings.ToLower(value)
		}
	}
	if rest, ok := strings.CutPrefix(hostport, "["); ok {
		host, hostport, _ = strings.Cut(rest, "]")
		port = number(strings.TrimPrefix(hostport, ":"))
		return host, port, transport
	}
	if _, err := netip.ParseAddr(hostport); err == nil { // an IPv6 address without brackets
		return hostport, 0, transport
	}
	host, text, _ := strings.Cut(hostport, ":")
	return strings.TrimSpace(host), number(text), transport
}

// afterUser drops "user:password@"; a user part may hold ";" and "@" escaped
// only, so the last "@" ends it.
func afterUser(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }

func number(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// yes is Asterisk's notion of true (ast_true).
func yes(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "y", "t", "1", "on":
		return true
	}
	return false
}
