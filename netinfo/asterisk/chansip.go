package asterisk

import (
	"cmp"
	"slices"
	"strings"
)

// readChanSIP takes sip.conf apart: the general section, register lines, peers.
//
// Source: channels/chan_sip.c of Asterisk 16 (the driver is gone since 21).
func readChanSIP(c *Config, s *State, lists *accessLists, named map[string]ACLList) {
	for _, sec := range c.Sections {
		switch {
		case sec.Template:
		case strings.EqualFold(sec.Name, "general"):
			chanSIPGeneral(sec, s)
			contact := slices.DeleteFunc(slices.Clone(sec.Options), func(o Option) bool { return !strings.HasPrefix(strings.ToLower(o.Name), "contact") })
			lists.section("chan_sip", "", &Section{Options: contact}, named, true)
		case strings.EqualFold(sec.Name, "authentication"):
		default:
			chanSIPPeer(sec, s)
			lists.section("peer", sec.Name, sec, named, true)
		}
	}
}

func chanSIPGeneral(sec *Section, s *State) {
	port := cmp.Or(uint16(number(sec.Last("bindport"))), 5060)
	udp := cmp.Or(sec.Last("udpbindaddr"), sec.Last("bindaddr"))
	base := Transport{Driver: chanSIP, At: sec.at(), LocalNets: localNets(sec.All("localnet")), ExternalSignaling: cmp.Or(sec.Last("externaddr"), sec.Last("externip"), sec.Last("externhost")), ExternalMedia: sec.Last("media_address")}
	add := func(protocol, bind string, port uint16) {
		t := base
		t.Protocol, t.Bind = protocol, bindAddr(bind, port)
		s.Transports = append(s.Transports, t)
	}
	add("udp", udp, port)
	if yes(sec.Last("tcpenable")) {
		add("tcp", cmp.Or(sec.Last("tcpbindaddr"), sec.Last("bindaddr")), port)
	}
	if yes(sec.Last("tlsenable")) {
		add("tls", cmp.Or(sec.Last("tlsbindaddr"), sec.Last("bindaddr")), 5061)
	}
	for _, o := range sec.Options {
		if strings.EqualFold(o.Name, "register") {
			if r, ok := parseRegister(o); ok {
				s.Registrations = append(s.Registrations, r)
			}
		}
	}
}

// parseRegister reads "[peer?][transport://]user[@domain][:secret[:auth]]@host
// [:port][/extension][~expiry]".
func parseRegister(o Option) (Registration, bool) {
	r := Registration{Driver: chanSIP, At: o.At()}
	value := o.Value
	if peer, rest, ok := strings.Cut(value, "?"); ok && !strings.ContainsAny(peer, "@:/") {
		r.Name, value = peer, rest
	}
	if transport, rest, ok := strings.Cut(value, "://"); ok {
		r.Transport, value = strings.ToLower(transport), rest
	}
	value, expiry, _ := strings.Cut(value, "~")
	r.Expiration = number(expiry)
	i := strings.LastIndexByte(value, '@')
	if i < 0 {
		return r, false
	}
	user, _, _ := strings.Cut(value[:i], ":")
	host, _, _ := strings.Cut(value[i+1:], "/")
	r.Server, r.Port, _ = splitURI(host)
	r.Name = cmp.Or(r.Name, user)
	return r, r.Server != ""
}

func chanSIPPeer(sec *Section, s *State) {
	e := Endpoint{Driver: chanSIP, Name: sec.Name, Transport: sec.Last("transport"), At: sec.at()}
	if host := sec.Last("host"); host != "" && !strings.EqualFold(host, "dynamic") {
		e.Static = []string{host}
	}
	if q := sec.Last("qualify"); q != "" && !strings.EqualFold(q, "no") {
		e.Qualify = cmp.Or(number(sec.Last("qualifyfreq")), 60) // DEFAULT_FREQ_OK of chan_sip.c
	}
	s.Endpoints = append(s.Endpoints, e)
}
