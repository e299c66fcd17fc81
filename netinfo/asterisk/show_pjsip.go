package asterisk

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	pjsipLabel = regexp.MustCompile(`(?:^|\s)(Endpoint|InAuth|OutAuth|Aor|Contact|Transport|Identify|Match|Header|RequestURI|Channel|Exten):\s`)
	parameter  = regexp.MustCompile(`^ ?([a-z0-9_]+) +: ?(.*)$`)
	channelsOf = regexp.MustCompile(`^(.*?)\s+(Not in use|In use|Busy|Invalid|Unavailable|Ringing|Ring\+Inuse|On Hold|Unknown)\s+(\d+) of (?:inf|\d+)$`)
	nextTry    = regexp.MustCompile(`\s(Registered|Unregistered|Rejected|Stopped|Stopping|Failed)\s*(?:\(exp\. (\d{1,9})s( ago)?\)?|0)?$`)
	objects    = regexp.MustCompile(`^Objects found: (\d+)$`)
)

// pjsipRow reads a labelled row of PJSIP's listings, and the parameters of one
// object. Several rows in one line, as a page that lost its line breaks shows
// them, are read one by one.
//
// Source: res/res_pjsip/{pjsip_configuration,location,config_transport}.c and
// res_pjsip_endpoint_identifier_ip.c, cli_print_body; Asterisk 13 to 22.
func (r *showing) pjsipRow(line string) bool {
	if !strings.Contains(line, ":") {
		return false
	}
	line = " " + strings.TrimSpace(line) + " "
	at := pjsipLabel.FindAllStringSubmatchIndex(line, -1)
	if len(at) == 0 || at[0][0] > 0 {
		return r.parameter(strings.TrimSpace(line))
	}
	for i, m := range at {
		end := len(line)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		value := strings.TrimSpace(line[m[1]:end])
		if strings.HasPrefix(value, "<") || value == "" {
			continue
		}
		r.labelled(line[m[2]:m[3]], value, rowOf(line[m[0]:end], r.line))
	}
	return true
}

func (r *showing) labelled(label, value string, row Row) {
	f := strings.Fields(value)
	switch label {
	case "Endpoint":
		r.openEndpoint(value, row)
	case "InAuth", "OutAuth":
		name, _, _ := strings.Cut(value, "/")
		if r.endpoint != nil && label == "InAuth" {
			r.endpoint.InAuth = append(r.endpoint.InAuth, name)
		} else if r.endpoint != nil {
			r.endpoint.OutAuth = append(r.endpoint.OutAuth, name)
		}
	case "Aor":
		r.openAOR(f, row)
	case "Contact":
		r.contact(f, row)
	case "Transport":
		r.transport(f, row)
	case "Identify":
		r.openIdentify(value, row)
	case "Match", "Header", "RequestURI":
		r.match(value)
	}
}

// flush closes the objects that are open.
func (r *showing) flush() {
	if e := r.endpoint; e != nil && room(r.Endpoints) {
		i, known := r.seen["endpoint "+e.Name]
		switch {
		case !known || e.Cut:
			r.seen["endpoint "+e.Name] = len(r.Endpoints)
			r.Endpoints = append(r.Endpoints, *e)
		case len(r.Endpoints[i].Wants) == 0: // it was shown in the list, and then alone
			r.Endpoints[i].Wants = e.Wants
		}
	}
	r.endpoint = nil
	r.flushAOR()
	r.flushIdentify()
}

func (r *showing) flushAOR() {
	a := r.aor
	r.aor = nil
	if a == nil || !room(r.AORs) {
		return
	}
	if i, ok := r.seen["aor "+a.Name]; ok {
		r.AORs[i].Contacts = max(a.Contacts, r.AORs[i].Contacts)
		return
	}
	r.seen["aor "+a.Name] = len(r.AORs)
	r.AORs = append(r.AORs, *a)
}

func (r *showing) flushIdentify() {
	i := r.identify
	r.identify = nil
	if i == nil || !room(r.Identifies) {
		return
	}
	if k, ok := r.seen[i.key()]; ok && i.Name != "" {
		if len(r.Identifies[k].Match) < len(i.Match) {
			r.Identifies[k].Match = i.Match
		}
		return
	}
	r.seen[i.key()] = len(r.Identifies)
	r.Identifies = append(r.Identifies, *i)
}

func (i *ShownIdentify) key() string { return "identify " + i.Name + "/" + i.Endpoint }

func (c *ShownContact) key() string {
	if c.Hash != "" {
		return "contact " + c.AOR + " " + c.Hash
	}
	return "contact " + c.AOR + "/" + c.URI
}

// endpointColumn is the width of an endpoint's name and number.
const endpointColumn = 51

func (r *showing) openEndpoint(value string, row Row) {
	m := channelsOf.FindStringSubmatch(value)
	if m == nil {
		return
	}
	r.flush()
	r.rows++
	if r.mode == "" {
		addOnce(&r.Commands, ShowEndpoints)
	}
	name, number0, numbered := strings.Cut(m[1], "/")
	r.endpoint = &ShownEndpoint{Row: row, Name: name, State: m[2], Channels: number(m[3])}
	r.endpoint.Cut = len(m[1]) >= endpointColumn && (!numbered || number0 == "")
}

func (r *showing) openAOR(f []string, row Row) {
	if len(f) < 2 || !isNumber(f[len(f)-1]) {
		return
	}
	r.flushAOR()
	name := strings.Join(f[:len(f)-1], " ")
	r.aor = &ShownAOR{Row: row, Name: name, Max: number(f[len(f)-1])}
	if r.endpoint != nil {
		r.endpoint.AORs = append(r.endpoint.AORs, name)
	} else if r.mode == ShowAORs {
		r.rows++
	} else if r.mode == "" {
		addOnce(&r.Commands, ShowAORs)
	}
}

// contact reads "aor/uri hash status rtt". Asterisk 13 had no hash, and a column
// that is cut leaves out the round trip.
func (r *showing) contact(f []string, row Row) {
	at := -1
	for i := len(f) - 1; i > 0 && at < 0; i-- {
		switch f[i] {
		case "Avail", "Unavail", "NonQual", "Unknown", "Created", "Removed":
			at = i
		}
	}
	if r.mode == ShowContacts {
		r.rows++
	}
	if at < 0 {
		if r.mode != "" {
			r.Cut++
		}
		return
	}
	aor, uri, _ := strings.Cut(f[0], "/")
	c := ShownContact{Row: row, AOR: aor, URI: uri, Status: f[at]}
	if at == 2 {
		c.Hash = f[1]
	}
	if at+1 < len(f) {
		c.MS = milliseconds(f[at+1])
	}
	host, params, _ := strings.Cut(uri, ";")
	if len(f[0]) < r.contactWidth() || contactHash(uri) == c.Hash || params != "" {
		c.Addr = uriAddr(host)
	}
	if _, inside, ok := strings.Cut(params, "x-ast-orig-host="); ok {
		c.Inside, _, _ = strings.Cut(inside, ";")
	}
	if r.aor != nil && strings.HasPrefix(aor, r.aor.Name) {
		r.aor.Contacts++
	}
	if r.mode == "" {
		addOnce(&r.Commands, ShowContacts)
	}
	i, known := r.seen[c.key()]
	switch {
	case known && len(r.Contacts[i].URI) <= len(uri): // newer, or of a listing with a wider column
		r.Contacts[i] = c
	case !known && room(r.Contacts):
		r.seen[c.key()] = len(r.Contacts)
		r.Contacts = append(r.Contacts, c)
	}
}

// contactWidth is that of the column of AOR and URI (cli_contact_print_body): it
// is narrower where contacts stand under something.
func (r *showing) contactWidth() int {
	switch r.mode {
	case ShowContacts:
		return 46
	case ShowAORs:
		return 44
	}
	return 42
}

// milliseconds reads a round trip; "nan" is none.
func milliseconds(s string) float64 {
	whole, part, _ := strings.Cut(s, ".")
	if !isNumber(whole) || part != "" && !isNumber(part) {
		return 0
	}
	ms, _ := strconv.ParseFloat(s, 64) // digits and a point
	return ms
}

func (r *showing) transport(f []string, row Row) {
	if len(f) < 5 || r.endpoint != nil || !strings.Contains(f[len(f)-1], ":") { // an endpoint names the transport that it is bound to
		return
	}
	protocol := strings.ToLower(f[len(f)-4])
	t := ShownTransport{Row: row, Driver: pjsip, Name: strings.Join(f[:len(f)-4], " "), Protocol: protocol}
	t.Bind = bindAddr(f[len(f)-1], usualPort(protocol))
	if r.mode == ShowTransports {
		r.rows++
	} else {
		addOnce(&r.Commands, ShowTransports)
	}
	if room(r.Transports) {
		r.Transports = append(r.Transports, t)
	}
}

// openIdentify reads "name/endpoint", or the network itself as Asterisk 12 and 13
// print it.
func (r *showing) openIdentify(value string, row Row) {
	if r.endpoint != nil {
		if _, ok := prefix(strings.TrimPrefix(value, "!")); ok {
			r.identify = &ShownIdentify{Row: row, Endpoint: r.endpoint.Name}
			r.match(value)
			return
		}
	}
	r.flushIdentify()
	i := strings.LastIndexByte(value, '/')
	if i <= 0 {
		return
	}
	r.identify = &ShownIdentify{Row: row, Name: value[:i], Endpoint: value[i+1:]}
	if r.mode == ShowIdentifies {
		r.rows++
	} else if r.mode == "" && r.endpoint == nil {
		addOnce(&r.Commands, ShowIdentifies)
	}
}

// maxMatches bounds the networks of one identify section: some providers list a
// hundred.
const maxMatches = 1000

func (r *showing) match(value string) {
	if r.identify == nil || len(r.identify.Match) >= maxMatches {
		return
	}
	r.identify.Match = append(r.identify.Match, value)
	if r.endpoint != nil && r.endpoint.Name == r.identify.Endpoint {
		r.endpoint.Match = append(r.endpoint.Match, value)
	}
}

// parameter reads "name : value" below an object that is shown alone.
func (r *showing) parameter(line string) bool {
	if r.endpoint == nil {
		return false
	}
	m := parameter.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	if m[1] == "aors" {
		r.endpoint.Wants = items(m[2])
	}
	return true
}

// registration reads a row of "pjsip show registrations", which has no label.
//
// Source: res_pjsip_outbound_registration.c, cli_print_body.
func (r *showing) registration(line string) bool {
	line = strings.TrimSpace(line)
	name, rest, ok := strings.Cut(line, "/")
	at := nextTry.FindStringSubmatchIndex(rest)
	if !ok || at == nil || name == "" {
		return false
	}
	g := ShownRegistration{Row: rowOf(line, r.line), Driver: pjsip, Name: name, Status: rest[at[2]:at[3]]}
	if at[4] >= 0 {
		if g.Next, g.Dated = number(rest[at[4]:at[5]]), true; at[6] >= 0 {
			g.Next = -g.Next
		}
	}
	uri, _, _ := strings.Cut(rest[:at[0]], " ")
	g.Server, g.Port, _ = splitURI(uri)
	g.Cut = len(name)+1+len(uri) >= registrationColumn-10
	if room(r.Registrations) {
		r.Registrations = append(r.Registrations, g)
	}
	return true
}
