package capture

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// Wireshark exports packets as text, and tshark -V prints them: the lines of a SIP
// message stand between what each of them means, told apart by how far they are
// indented.
var (
	dissectedFrame = regexp.MustCompile(`^Frame (\d+): \d+ bytes on wire`)
	dissectedTime  = regexp.MustCompile(`^ +Epoch (?:Arrival )?Time: (\d+)\.(\d{1,9})`)
	dissectedIP    = regexp.MustCompile(`^Internet Protocol Version [46], Src: (\S+?)(?: \((\S+)\))?, Dst: (\S+?)(?: \((\S+)\))?$`)
	dissectedPorts = regexp.MustCompile(`^(User Datagram|Transmission Control) Protocol, Src Port: (?:\S+ \()?(\d+)\)?, Dst Port: (?:\S+ \()?(\d+)\)?`)
	dissectedStart = regexp.MustCompile(`^    (?:Request|Status)-Line: (.*)`)
	dissectedField = regexp.MustCompile(`^        ([A-Za-z][^:]*:.*)`)
	dissectedSDP   = regexp.MustCompile(`^            \S.*\(([a-z])\): (.*)`)
)

// dissected takes a line of such a text; it is false for lines before the first frame.
func (t *tracer) dissected(line string) bool {
	if m := dissectedFrame.FindStringSubmatch(line); m != nil {
		t.end()
		t.frame, _ = strconv.Atoi(m[1])
		t.told, t.known = pcap.Datagram{Protocol: pcap.UDP}, true
		return true
	}
	if t.frame == 0 {
		return false
	}
	switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
	case indent == 0:
		t.end()
		t.dissectedEnds(line)
	case t.message == nil:
		if m := dissectedTime.FindStringSubmatch(line); m != nil {
			seconds, _ := strconv.ParseInt(m[1], 10, 64)
			nano, _ := strconv.ParseInt((m[2] + "00000000")[:9], 10, 64)
			t.told.Time = time.Unix(seconds, nano).UnixNano()
		} else if m := dissectedStart.FindStringSubmatch(line); m != nil {
			t.message, t.begin = []string{m[1]}, t.line
		}
	case strings.TrimSpace(line) == "Message Body":
		t.message, t.inBody = append(t.message, ""), true
	case t.inBody:
		if m := dissectedSDP.FindStringSubmatch(line); m != nil {
			t.message = append(t.message, m[1]+"="+m[2])
		}
	default:
		if m := dissectedField.FindStringSubmatch(line); m != nil {
			t.message = append(t.message, m[1])
		}
	}
	return true
}

// dissectedEnds notes addresses and ports. A name that Wireshark has found stands before
// its address.
func (t *tracer) dissectedEnds(line string) {
	if m := dissectedIP.FindStringSubmatch(line); m != nil {
		src, _ := netip.ParseAddr(last(m[1], m[2]))
		dst, _ := netip.ParseAddr(last(m[3], m[4]))
		t.told.Src, t.told.Dst = netip.AddrPortFrom(src, t.told.Src.Port()), netip.AddrPortFrom(dst, t.told.Dst.Port())
	} else if m := dissectedPorts.FindStringSubmatch(line); m != nil {
		src, _ := strconv.ParseUint(m[2], 10, 16)
		dst, _ := strconv.ParseUint(m[3], 10, 16)
		t.told.Src, t.told.Dst = netip.AddrPortFrom(t.told.Src.Addr(), uint16(src)), netip.AddrPortFrom(t.told.Dst.Addr(), uint16(dst))
		if m[1] != "User Datagram" {
			t.told.Tunnel = "tcp"
		}
	}
}

func last(a, b string) string {
	if b != "" {
		return b
	}
	return a
}

// lineEnds are how loggers write the ends of lines within a line: rsyslog by number,
// JSON and others as an escape.
var lineEnds = strings.NewReplacer("#015#012", "\n", "#012", "\n", `\r\n`, "\n")

// flat is the beginning of a message whose line ends a web page or a word processor has
// made spaces.
var (
	flat      = regexp.MustCompile(`(?:[A-Z]{3,} sips?:\S+ SIP/2\.0|SIP/2\.0 [1-6]\d\d [^:]{0,60}) (?:Via|From|To|Call-ID|CSeq|Max-Forwards|Record-Route): `)
	flatStart = regexp.MustCompile(` (<---|(?:[A-Z]{3,} sips?:\S+ SIP/2\.0|SIP/2\.0 [1-6]\d\d) )`)
	flatField = regexp.MustCompile(` ((?:Via|Max-Forwards|From|To|Call-ID|CSeq|Contact|Record-Route|Route|Allow|Allow-Events|Supported|Require|Unsupported|` +
		`User-Agent|Server|Organization|Date|Subject|Accept|Accept-[A-Z][a-z]+|Content-[A-Z][a-z]+|Expires|Session-Expires|Min-SE|Min-Expires|Retry-After|` +
		`Authorization|Proxy-Authorization|WWW-Authenticate|Proxy-Authenticate|Reason|Warning|Event|Subscription-State|Diversion|Privacy|[XP]-[A-Za-z-]+): )`)
	flatBody = regexp.MustCompile(` ([vosctmab]=)`)
)

// veiled is what some web pages show for anything with an @. Its space would end the
// URI; a non-breaking one looks alike.
var veiled = strings.NewReplacer("[email protected]", "[email\u00a0protected]")

// unfolded splits a line that holds a whole message, or several.
func unfolded(line string) []string {
	line = veiled.Replace(line)
	if flat.MatchString(line) {
		line = flatField.ReplaceAllString(flatStart.ReplaceAllString(line, "\n$1"), "\n$1")
		if head, body, ok := strings.Cut(line, " v=0 "); ok {
			line = head + "\n\nv=0" + flatBody.ReplaceAllString(" "+body, "\n$1")
		}
		return strings.Split(line, "\n")
	}
	if !strings.Contains(line, "#012") && !strings.Contains(line, `\r\n`) {
		return []string{line}
	}
	return strings.Split(lineEnds.Replace(line), "\n")
}
