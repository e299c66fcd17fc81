package checktest

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// swap is the translation of one endpoint in the text.
type swap func(netip.AddrPort) (netip.AddrPort, bool)

// tuple translates exactly the flow's own endpoint.
func (t transit) tuple() swap {
	from, to, port := t.inside, t.outside, t.viaPort()
	if !t.outward {
		from, to = to, from
		if port != 0 {
			to = netip.AddrPortFrom(to.Addr(), port)
		}
	}
	return func(a netip.AddrPort) (netip.AddrPort, bool) {
		if t.outward && port != 0 && a == t.remote {
			return netip.AddrPortFrom(a.Addr(), port), true
		}
		return to, a == from && from != to
	}
}

// noteViaPort remembers the port at which a phone says it listens, when that
// is not the one it sends from (process_sip_request: "Many Cisco IP phones").
func (t transit) noteViaPort(m *sipText) {
	f := t.flow()
	if f == nil || t.inside == t.outside || m.find("via") < 0 {
		return
	}
	top, _, _ := strings.Cut(m.headers[m.find("via")], ",")
	head := viaHead(top, t.proto)
	if head == 0 {
		return
	}
	at, ok := readHost(top[head : head+hostEnd(top[head:])])
	if ok && at.Addr() == t.inside.Addr() && at.Port() != t.inside.Port() {
		f.viaPort = at.Port()
	}
}

func (t transit) flow() *flow {
	if t.mapping == nil {
		return nil
	}
	return t.mapping.flows[t.remote]
}

// viaPort is what noteViaPort noted; 0 is nothing.
func (t transit) viaPort() uint16 {
	if f := t.flow(); f != nil {
		return f.viaPort
	}
	return 0
}

func (a *ALG) rewriteHeaders(m *sipText, t transit) {
	s := t.tuple()
	if a.Rewrite&RequestURI != 0 && strings.HasSuffix(m.start, " SIP/2.0") {
		m.start = swapURI(m.start, s)
	}
	if a.Rewrite&TopVia != 0 {
		a.rewriteVia(m, t, s)
	}
	for i, h := range m.headers {
		switch name := longName(h); {
		case name == "contact" && a.Rewrite&Contact != 0,
			(name == "from" || name == "to") && a.Rewrite&FromTo != 0:
			m.headers[i] = swapURI(h, s)
		case name == "call-id" && a.Rewrite&CallIDHost != 0:
			m.headers[i] = swapCallID(h, t)
		}
	}
}

// swapURI translates the host of the first SIP URI in the line; the kernel does
// not look at a second one either.
func swapURI(line string, s swap) string {
	const scheme = "sip:"
	i := 0
	// Not by way of ToLower, which turns one byte that is not UTF-8 into three.
	for ; !strings.EqualFold(line[i:min(i+len(scheme), len(line))], scheme); i++ {
		if i == len(line) {
			return line
		}
	}
	i += len(scheme)
	uri := line[i:]
	if end := strings.IndexAny(uri, ">, \t"); end >= 0 {
		uri = uri[:end]
	}
	i += strings.LastIndex(uri, "@") + 1
	end := i + hostEnd(line[i:])
	return line[:i] + swapHost(line[i:end], s) + line[end:]
}

// swapHost translates "address[:port]". The result always has its port, as
// the kernel writes it.
func swapHost(text string, s swap) string {
	at, ok := readHost(text)
	if !ok {
		return text
	}
	if to, ok := s(at); ok {
		return to.String()
	}
	return text
}

var viaProtocol = regexp.MustCompile(`(?i)^[^:]+:[ \t]*SIP/2\.0/([a-z]+)[ \t]+`)

// viaHead is where the sender stands in a Via line; 0 when it is none of the
// transport.
func viaHead(line, transport string) int {
	found := viaProtocol.FindStringSubmatch(line)
	if found == nil || !strings.EqualFold(found[1], transport) {
		return 0
	}
	return len(found[0])
}

// rewriteVia treats the topmost Via: in a request that of the sender, in a
// response that of the receiver, with received= and rport= put back.
func (a *ALG) rewriteVia(m *sipText, t transit, s swap) {
	i := m.find("via")
	if i < 0 || t.outward != (m.code() == 0) {
		return // somebody else's Via
	}
	top, rest := m.headers[i], ""
	if comma := strings.IndexByte(top, ','); comma >= 0 {
		top, rest = top[:comma], top[comma:]
	}
	host := viaHead(top, t.proto)
	if host == 0 {
		return
	}
	end := host + hostEnd(top[host:])
	sentBy := swapHost(top[host:end], s)
	if sentBy == top[host:end] && a.Way != InwardResponses {
		return // not this flow's
	}
	m.headers[i] = top[:host] + sentBy + swapParams(top[end:], t) + rest
}

// swapParams translates maddr= outwards, and received= and rport= inwards, the
// first of each name.
func swapParams(params string, t transit) string {
	list := strings.Split(params, ";")
	seen := map[string]bool{}
	for i, p := range list {
		name, value, _ := strings.Cut(p, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case name == "maddr" && t.outward && value == t.inside.Addr().String():
			list[i] = strings.Replace(p, value, t.outside.Addr().String(), 1)
		case name == "received" && !t.outward && value == t.outside.Addr().String():
			list[i] = strings.Replace(p, value, t.inside.Addr().String(), 1)
		case name == "rport" && !t.outward && value[:digits(value)] == strconv.Itoa(int(t.outside.Port())):
			list[i] = strings.Replace(p, value[:digits(value)], strconv.Itoa(int(t.inside.Port())), 1)
		}
	}
	return strings.Join(list, ";")
}

// swapCallID hides the host part of a Call-ID.
func swapCallID(line string, t transit) string {
	from, to := t.inside.Addr().String(), t.outside.Addr().String()
	if !t.outward {
		from, to = to, from
	}
	if local, found := strings.CutSuffix(strings.TrimRight(line, " \t"), "@"+from); found {
		return local + "@" + to
	}
	return line
}

var privateText = regexp.MustCompile(`\b(?:10\.\d{1,3}|172\.(?:1[6-9]|2\d|3[01])|192\.168)\.\d{1,3}\.\d{1,3}\b(?::\d+)?`)

// everywhere is the blind search and replace: private addresses become the
// outside one, and on the way back the outside one becomes the inside one. A
// port is only replaced where it is the flow's own.
func (m *sipText) everywhere(t transit) {
	from, to, pattern := t.inside, t.outside, privateText
	if !t.outward {
		from, to = to, from
		pattern = regexp.MustCompile(`\b` + regexp.QuoteMeta(from.Addr().String()) + `\b(?::\d+)?`)
	}
	if from == to {
		return
	}
	replace := func(s string) string {
		return pattern.ReplaceAllStringFunc(s, func(hit string) string {
			_, port, found := strings.Cut(hit, ":")
			switch {
			case !found:
				return to.Addr().String()
			case port == strconv.Itoa(int(from.Port())):
				return to.String()
			default:
				return to.Addr().String() + ":" + port
			}
		})
	}
	m.start = replace(m.start)
	for i, h := range m.headers {
		m.headers[i] = replace(h)
	}
	if body := replace(m.body); body != m.body {
		m.body = body
		m.fixLength()
	}
}
