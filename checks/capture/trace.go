package capture

import (
	"bufio"
	"context"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// A trace is text in which SIP messages stand: what a PBX, a phone or a tool
// printed, as it is or as a mailer left it.

// announcement is a line that says where the message after it came from or went.
type announcement struct {
	name    string
	pattern *regexp.Regexp // with groups src, dst, peer, dir, transport, time: those that it has
}

const (
	addrPattern = `\[?[0-9a-fA-F.:]+\]?:\d+|\[?[0-9a-fA-F.:]+\]?\.\d+`
	timePattern = `\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?`
	// stampWithin is how far into a line the time stands that a log puts before it.
	stampWithin = 48
)

// stamp is such a time: Asterisk's "[Nov 29 10:06:30]" or with dateformat=%F %T.%3q,
// Cisco's "*Jan  2 10:00:00.123:", syslog's.
var stamp = regexp.MustCompile(timePattern + `|\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:[.,]\d+)?`)

// announcements are tried in this order.
var announcements = []announcement{
	{"Asterisk, PJSIP", regexp.MustCompile(`<--- (?P<dir>Received|Transmitting) SIP (?:request|response) \(\d+ bytes\) (?:from|to) (?P<transport>\w+):(?P<peer>` + addrPattern + `)`)},
	{"Asterisk, chan_sip, read", regexp.MustCompile(`<--- SIP (?P<dir>read) from (?P<transport>\w+):(?P<peer>` + addrPattern + `)`)},
	{"Asterisk, chan_sip, sent", regexp.MustCompile(`(?P<dir>Transmitting|Retransmitting)(?: #\d+)? \((?:no )?NAT\) to (?P<peer>` + addrPattern + `)`)},
	{"FreeSWITCH", regexp.MustCompile(`(?P<dir>recv|send) \d+ bytes (?:from|to) (?P<transport>\w+)/(?P<peer>` + addrPattern + `)(?: at (?P<time>[\d:. -]+\d))?`)},
	{"Avaya IP Office", regexp.MustCompile(`SIP (?P<dir>Rx|Tx): (?P<transport>\w+) (?P<src>` + addrPattern + `) -> (?P<dst>` + addrPattern + `)`)},
	{"sngrep, Homer, ngrep", regexp.MustCompile(`(?:(?P<time>` + timePattern + `)\s+)?(?:\(\S+\) )?(?P<src>` + addrPattern + `) -{1,3}> (?P<dst>` + addrPattern + `)`)},
	{"Cisco", regexp.MustCompile(`^(?P<dir>Received|Sent): ?$`)},
}

var (
	mailQuote  = regexp.MustCompile(`^(?:>[ ]?)+`)
	endOfTrace = regexp.MustCompile(`^\s*(?:<-+>|-{3,}|={3,}|\*{3,}|\.)\s*$`)
	sdpLine    = regexp.MustCompile(`^[a-z]=`)
	headerLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*\s*:`)
)

const (
	maxLine = 64 << 10
	// brokenAt is how long a line is at least that a mailer has broken.
	brokenAt = 60
)

// tracer reads text line by line.
type tracer struct {
	r     *reading
	line  int
	found int
	frame int // of a text that Wireshark wrote: the packet whose lines follow

	told    pcap.Datagram // what the latest announcement said
	sent    bool          // it says that this machine sent the message
	known   bool          // there was one, and no message since
	before  string        // the line before this one
	untimed bool          // when it was is not known, or only to the second
	message []string      // lines so far
	begin   int           // the line where it begins
	indent  string        // what stood before the start line
	inBody  bool
	to      map[string]netip.AddrPort // where requests of a Call-ID went
}

// trace reads text and returns how many messages were in it.
func (r *reading) trace(ctx context.Context, in io.Reader) (found int, err error) {
	t := &tracer{r: r, to: map[string]netip.AddrPort{}}
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() && ctx.Err() == nil {
		t.line++
		for _, line := range unfolded(strings.TrimRight(s.Text(), "\r")) {
			t.take(line)
			t.before = line
		}
	}
	t.end()
	return t.found, s.Err()
}

func (t *tracer) take(line string) {
	line = mailQuote.ReplaceAllString(line, "")
	if t.dissected(line) || t.announced(line) {
		return
	}
	if at := sip.Start([]byte(line)); at >= 0 && !headerLine.MatchString(line) {
		t.end()
		t.indent, t.begin = line[:at], t.line
		t.message = []string{line[at:]}
		return
	}
	if t.message == nil {
		return
	}
	line = t.unprefixed(line)
	last := len(t.message) - 1
	switch {
	case endOfTrace.MatchString(line):
		t.end()
	case t.inBody && sdpLine.MatchString(line):
		t.message = append(t.message, line)
	case t.inBody && strings.TrimSpace(line) == "" && last >= 0 && t.message[last] == "":
		// a second empty line before the body
	case t.inBody:
		t.end()
	case strings.TrimSpace(line) == "":
		t.inBody = true
		t.message = append(t.message, "")
	case strings.HasPrefix(line, "v=0"): // the empty line was lost
		t.inBody = true
		t.message = append(t.message, "", line)
	case headerLine.MatchString(line):
		t.message = append(t.message, line)
	case line[0] == ' ' || line[0] == '\t':
		t.message = append(t.message, line)
	case len(t.message[last]) >= brokenAt:
		t.message[last] += line
	default:
		t.end()
	}
}

// unprefixed takes off what a log puts before each line: as much as stood before the
// start line, if it looks alike.
func (t *tracer) unprefixed(line string) string {
	n := len(t.indent)
	if n == 0 {
		return line
	}
	if len(line) < n {
		return strings.TrimSpace(line)
	}
	for i := range n {
		a, b := t.indent[i], line[i]
		if a != b && !(isDigit(a) && isDigit(b)) {
			return line
		}
	}
	return line[n:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// announced notes what a line says about the message after it.
func (t *tracer) announced(line string) bool {
	for i := range announcements {
		p := announcements[i].pattern
		m := p.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		t.end()
		group := func(name string) string {
			if n := p.SubexpIndex(name); n >= 0 {
				return m[n]
			}
			return ""
		}
		t.told, t.known = pcap.Datagram{Protocol: pcap.UDP}, true
		switch group("dir") {
		case "Transmitting", "Retransmitting", "send", "Tx", "Sent":
			t.sent = true
		default:
			t.sent = false
		}
		t.told.Outgoing, t.told.Incoming = t.sent, !t.sent && group("dir") != ""
		t.told.Src, t.told.Dst = endpointOf(group("src")), endpointOf(group("dst"))
		if peer := endpointOf(group("peer")); t.sent {
			t.told.Dst = later(t.told.Dst, peer)
		} else {
			t.told.Src = later(t.told.Src, peer)
		}
		if strings.EqualFold(group("transport"), "tcp") || strings.EqualFold(group("transport"), "tls") {
			t.told.Tunnel = strings.ToLower(group("transport"))
		}
		t.told.Time, t.untimed = timeOf(group("time"))
		for _, l := range []string{line, t.before} { // Cisco announces on a line of its own
			if t.told.Time == 0 {
				t.told.Time, t.untimed = timeOf(stamp.FindString(l[:min(len(l), stampWithin)]))
			}
		}
		return true
	}
	return false
}

func later(a, b netip.AddrPort) netip.AddrPort {
	if a.IsValid() {
		return a
	}
	return b
}

// endpointOf reads an address with a port, "1.2.3.4:5060" or tcpdump's "1.2.3.4.5060".
func endpointOf(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	if i := strings.LastIndexAny(s, ".:"); i > 0 {
		if a, err := netip.ParseAddrPort("[" + strings.Trim(s[:i], "[]") + "]:" + s[i+1:]); err == nil {
			return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		}
		if a, err := netip.ParseAddrPort(s[:i] + ":" + s[i+1:]); err == nil {
			return a
		}
	}
	return netip.AddrPort{}
}

// timeOf reads a time; without a year or a date it is one of its own, which is enough
// to compare. Coarse is one that is known to the second, or not at all.
func timeOf(s string) (ns int64, coarse bool) {
	s = strings.NewReplacer("/", "-", "T", " ", ",", ".").Replace(s)
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "Jan _2 15:04:05.999999999", "15:04:05.999999999"} {
		if at, err := time.Parse(layout, s); err == nil {
			if at.Year() == 0 {
				at = at.AddDate(2000, 0, 0)
			}
			return at.UnixNano(), !strings.Contains(s, ".")
		}
	}
	return 0, true
}

// end hands on the message that was read.
func (t *tracer) end() {
	lines := t.message
	t.message, t.inBody = nil, false
	if lines == nil {
		return
	}
	if !strings.Contains(strings.Join(lines, "\n"), "\n\n") {
		lines = append(lines, "")
	}
	raw := []byte(strings.Join(lines, "\r\n") + "\r\n")
	m, _, ok := sip.Lenient(raw)
	if !ok || m.Get("call-id") == nil && m.Get("cseq") == nil {
		return // a line of prose that looks like a start line
	}
	d := t.told
	if !t.known {
		d, t.untimed = pcap.Datagram{Protocol: pcap.UDP}, true
	}
	t.known = false
	t.complete(m, &d)
	if d.Frame = t.begin; t.frame > 0 {
		d.Frame = t.frame
	}
	if t.r.begin == 0 && d.Time != 0 {
		t.r.begin = d.Time
	}
	if d.Time == 0 {
		d.Time = max(t.r.begin, t.r.last)
	}
	t.r.last = max(t.r.last, d.Time)
	transport := "udp"
	if d.Tunnel != "" {
		transport, d.Tunnel = d.Tunnel, ""
	}
	t.r.o.Packets++
	t.found++
	t.r.fromText, t.r.untimed = t.frame == 0, t.frame == 0 && t.untimed
	t.r.message(&d, raw, transport)
	t.r.fromText, t.r.untimed = false, false
}

// complete finds the ends that the trace does not tell in the message itself: the
// client is who has put the topmost Via there.
func (t *tracer) complete(m *sip.Message, d *pcap.Datagram) {
	var client netip.AddrPort
	if h := m.Get("via"); h != nil {
		if v, ok := sip.ParseVia(h.Value); ok {
			client, _ = sip.HostPort(v.SentBy, 5060)
			if a, err := netip.ParseAddr(v.Received); err == nil && client.IsValid() {
				client = netip.AddrPortFrom(a, client.Port())
			}
		}
	}
	id := ""
	if h := m.Get("call-id"); h != nil {
		id = string(h.Value)
	}
	if m.Status == 0 {
		d.Src = later(d.Src, client)
		if !d.Dst.IsValid() {
			d.Dst = uriHost(m.Start)
		}
		if d.Dst.IsValid() {
			t.to[id] = d.Dst
		}
		return
	}
	d.Dst, d.Src = later(d.Dst, client), later(d.Src, t.to[id])
}

var startHost = regexp.MustCompile(`sips?:(?:[^@\s>]*@)?(\[[^\]]+\]|[0-9.]+)(?::(\d+))?`)

// uriHost is the address in a Request-URI; invalid for a name.
func uriHost(start []byte) netip.AddrPort {
	m := startHost.FindSubmatch(start)
	if m == nil {
		return netip.AddrPort{}
	}
	host := string(m[1])
	if len(m[2]) > 0 {
		host += ":" + string(m[2])
	}
	a, _ := sip.HostPort(host, 5060)
	return a
}
