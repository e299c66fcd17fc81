package asterisk

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

const noSuch = "No such command '"

// answer takes the colours out of what "asterisk -rx" printed. A command the
// server does not know (its module is not loaded) is not an error there, only a
// sentence: then nothing is left.
func answer(out []byte) string {
	s := string(out)
	if strings.Contains(s, "\x1b[") {
		s = withoutColours(s)
	}
	if strings.HasPrefix(strings.TrimSpace(s), noSuch) || strings.Contains(s, "\n"+noSuch) {
		return ""
	}
	return s
}

func withoutColours(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if i := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' }); i >= 0 {
			s = rest[i+1:]
		} else {
			return b.String()
		}
	}
}

// parseVersion reads "core show version". On a machine without an Ethernet
// interface, as some containers are, the client first says that it found none.
func parseVersion(out string) string {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "Asterisk "); ok {
			version, _, _ := strings.Cut(rest, " ")
			return version
		}
	}
	return ""
}

// labelled reads the lines "Label: value" of "rtp show settings", "core show
// settings" and "sip show settings". The first of several labels counts.
func labelled(out string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, seen := m[name]; ok && !seen {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m
}

// parseTransports reads "pjsip show transports".
func parseTransports(out string) (list []Transport) { return transportsOf(Show(out).Transports) }

// transportsOf are the sockets that a server listed.
func transportsOf(shown []ShownTransport) (list []Transport) {
	for _, t := range shown {
		list = append(list, Transport{Driver: t.Driver, Name: t.Name, Protocol: t.Protocol, Running: true, Bind: t.Bind})
	}
	return list
}

// shortContact is a row of "pjsip show contacts". AOR and URI share a column
// that is cut at its width; the hash tells which contact it is all the same.
type shortContact struct {
	Contact
	hash string // the first ten digits of the URI's MD5
}

// parseContacts reads "pjsip show contacts".
func parseContacts(out string) (list []shortContact) {
	for _, c := range Show(out).Contacts {
		list = append(list, shortContact{hash: c.Hash, Contact: Contact{Driver: pjsip, AOR: c.AOR, URI: c.URI, Addr: c.Addr, Status: c.Status}})
	}
	return list
}

// parseRegistrar reads "database show registrar": every registered contact
// whole, with its hash.
func parseRegistrar(out string) (list []shortContact) {
	for line := range strings.Lines(out) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "/registrar/contact/")
		if !ok {
			continue
		}
		i := strings.Index(rest, ": {")
		if i < 0 {
			continue
		}
		var row struct {
			URI        string `json:"uri"`
			Agent      string `json:"user_agent"`
			Expiration int64  `json:"expiration_time,string"`
		}
		if json.Unmarshal([]byte(rest[i+2:]), &row) != nil {
			continue
		}
		aor, hash, _ := strings.Cut(strings.TrimSpace(rest[:i]), ";@")
		row.URI = strings.NewReplacer("^3B", ";", "^3b", ";").Replace(row.URI)
		c := shortContact{hash: hash, Contact: Contact{Driver: pjsip, AOR: aor, URI: row.URI, Agent: row.Agent, Addr: uriAddr(row.URI)}}
		if row.Expiration > 0 {
			c.Expires = platform.UnixTime(row.Expiration)
		}
		list = append(list, c)
	}
	return list
}

// uriAddr is the address in a SIP URI; invalid where it has a name.
func uriAddr(uri string) netip.AddrPort {
	host, port, _ := splitURI(uri)
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port))
}

// contactHash is what "pjsip show contacts" prints of a contact's URI.
func contactHash(uri string) string {
	sum := md5.Sum([]byte(uri))
	return hex.EncodeToString(sum[:])[:10]
}

// mergeContacts puts what the listing, the registrar and the configuration say
// of each contact together.
func mergeContacts(listed, registrar []shortContact, endpoints []Endpoint) (list []Contact) {
	static := map[string]string{} // by hash
	for _, e := range endpoints {
		for _, uri := range e.Static {
			static[contactHash(uri)] = uri
		}
	}
	taken := make([]bool, len(registrar))
	byHash := map[string][]int{}
	for i, r := range registrar {
		byHash[r.hash[:min(10, len(r.hash))]] = append(byHash[r.hash[:min(10, len(r.hash))]], i)
	}
	for _, c := range listed {
		for _, i := range byHash[c.hash] {
			if strings.HasPrefix(registrar[i].AOR, c.AOR) && !taken[i] {
				taken[i] = true
				status := c.Status
				c.Contact = registrar[i].Contact
				c.Status = status
				break
			}
		}
		if uri, ok := static[c.hash]; ok && c.Expires.IsZero() {
			c.Static, c.URI, c.Addr = true, uri, uriAddr(uri)
		}
		list = append(list, c.Contact)
	}
	for i, r := range registrar {
		if !taken[i] {
			list = append(list, r.Contact)
		}
	}
	return list
}

// registrationColumn is the width of name and server URI in "pjsip show registrations"
// (res_pjsip_outbound_registration.c: cli_print_body).
const registrationColumn = 56

// parseRegistrations reads "pjsip show registrations".
func parseRegistrations(out string) (list []Registration) {
	for _, g := range Show(out).Registrations {
		list = append(list, Registration{Driver: g.Driver, Name: g.Name, Server: g.Server, Port: g.Port, Cut: g.Cut, Status: g.Status})
	}
	return list
}

// merge lays what the server listed over what its files say: take changes the first
// row that is the same thing. What only the server knows is added.
func merge[T any](list, running []T, same func(have, now *T) bool, take func(have, now *T)) []T {
	for _, r := range running {
		i := slices.IndexFunc(list, func(x T) bool { return same(&x, &r) })
		if i < 0 {
			list = append(list, r)
			continue
		}
		take(&list[i], &r)
	}
	return list
}

// parseCalls reads "core show channels count": "2 active calls" of Asterisk 11
// to 22, which also says how many channels there are and how many calls there
// were. -1 where it does not say.
func parseCalls(out string) int {
	for line := range strings.Lines(out) {
		n, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if calls, err := strconv.Atoi(n); err == nil && strings.HasPrefix(what, "active call") {
			return calls
		}
	}
	return -1
}
