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

// answer takes the colours out of what "asterisk -rx" printed. A command the
// server does not know (its module is not loaded) is not an error there, only a
// sentence: then nothing is left.
func answer(out []byte) string {
	s := string(out)
	if strings.Contains(s, "\x1b[") {
		s = withoutColours(s)
	}
	if strings.HasPrefix(strings.TrimSpace(s), "No such command") {
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

// parseVersion reads "core show version".
func parseVersion(out string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(out), "Asterisk ")
	if !ok {
		return ""
	}
	version, _, _ := strings.Cut(rest, " ")
	return version
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

// rows yields the rows of a PJSIP listing that carry a label, without the
// label; the legend, whose columns stand in angle brackets, is left out.
func rows(out, label string) (list []string) {
	for line := range strings.Lines(out) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), label+":")
		if ok && !strings.HasPrefix(strings.TrimSpace(rest), "<") {
			list = append(list, strings.TrimSpace(rest))
		}
	}
	return list
}

// parseTransports reads "pjsip show transports".
func parseTransports(out string) (list []Transport) {
	for _, row := range rows(out, "Transport") {
		f := strings.Fields(row)
		if len(f) < 5 {
			continue
		}
		protocol := strings.ToLower(f[1])
		list = append(list, Transport{Driver: pjsip, Name: f[0], Protocol: protocol, Running: true, Bind: bindAddr(f[len(f)-1], usualPort(protocol))})
	}
	return list
}

// shortContact is a row of "pjsip show contacts". AOR and URI share a column
// that is cut at its width; the hash tells which contact it is all the same.
type shortContact struct {
	Contact
	hash string // the first ten digits of the URI's MD5
}

// contactColumn is the width of AOR and URI in "pjsip show contacts"
// (res_pjsip/location.c: cli_contact_print_body).
const contactColumn = 48

func parseContacts(out string) (list []shortContact) {
	for _, row := range rows(out, "Contact") {
		f := strings.Fields(row)
		if len(f) < 3 {
			continue
		}
		aor, uri, _ := strings.Cut(f[0], "/")
		c := shortContact{Contact: Contact{Driver: pjsip, AOR: aor, URI: uri}}
		if len(f) > 3 { // the last three are hash, status, round trip
			c.hash, c.Status = f[len(f)-3], f[len(f)-2]
		} else {
			c.Status = f[len(f)-2]
		}
		if len(f[0]) < contactColumn-1 {
			c.Addr = uriAddr(uri)
		}
		list = append(list, c)
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
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		name, rest, ok := strings.Cut(line, "/")
		if !ok || strings.HasPrefix(line, "<") || !strings.Contains(strings.ToLower(rest), "sip") {
			continue
		}
		uri, rest, _ := strings.Cut(rest, " ")
		r := Registration{Driver: pjsip, Name: name, Cut: len(name)+1+len(uri) >= registrationColumn-10}
		r.Server, r.Port, r.Transport = splitURI(uri)
		f := columns(rest)
		if len(f) > 0 {
			r.Status = f[len(f)-1]
			if strings.HasPrefix(r.Status, "(") && len(f) > 1 {
				r.Status = f[len(f)-2]
			}
		}
		r.Status, _, _ = strings.Cut(r.Status, " (")
		list = append(list, r)
	}
	return list
}

// columns splits a row at runs of two spaces and more.
func columns(s string) (list []string) {
	for part := range strings.SplitSeq(s, "  ") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
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
