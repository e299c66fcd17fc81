package checktest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mediaLife is the timeout of RTP expectations in nf_conntrack_sip.
const mediaLife = 3 * time.Minute

// lowestMedia is the lowest media port that nf_conntrack_sip accepts.
const lowestMedia = 1024

// sdpMedia is one m= section, as indices into the lines of the body.
type sdpMedia struct {
	line int // of m=
	conn int // of the c= that holds for it; -1: none
	own  bool
}

// treatSDP opens pinholes for the media that SDP offers or answers, and
// rewrites it; false drops the message.
func (a *ALG) treatSDP(m *sipText, t transit, calls callState) bool {
	if !a.Pinholes && !a.Strict && a.Rewrite&SDP == 0 || !m.carriesSDP() {
		return true
	}
	eol := "\r\n"
	if !strings.Contains(m.body, eol) {
		eol = "\n"
	}
	lines := strings.Split(m.body, eol)
	list := sdpSections(lines)
	rewrite := a.Rewrite&SDP != 0 && t.inside != t.outside
	var rtp netip.AddrPort
	for _, s := range list {
		port := mediaPort(lines[s.line])
		if port == 0 {
			continue
		}
		if a.Strict && (port < lowestMedia || s.conn < 0) {
			return false
		}
		at := netip.AddrPortFrom(connAddr(lines, s.conn), port)
		if !t.outward || at.Addr() != t.inside.Addr() {
			rtp = at // not the sender's own: sip_direct_media
			continue
		}
		rtp = netip.AddrPortFrom(t.outside.Addr(), port)
		if a.Pinholes {
			life := a.MediaLife
			if life == 0 {
				life = mediaLife
			}
			if rtp = calls.media(at, t, !a.Proxy, life); !rtp.IsValid() {
				return false // all ports busy
			}
		}
		if rewrite {
			lines[s.line] = setMediaPort(lines[s.line], rtp.Port())
			if s.own {
				setAddr(lines, s.conn, rtp.Addr())
			}
		}
	}
	if !rewrite || !rtp.IsValid() {
		return true
	}
	// The session's own addresses become those of the last media, whoever's
	// they were (nf_nat_sdp_session).
	setSession(lines, rtp.Addr())
	if body := strings.Join(lines, eol); body != m.body {
		m.body = body
		return m.fixLength() || !a.Strict
	}
	return true
}

// carriesSDP reports whether this is a message whose SDP counts.
func (m *sipText) carriesSDP() bool {
	return strings.HasPrefix(m.body, "v=") && m.code() < 300 &&
		slices.Contains([]string{"INVITE", "UPDATE", "PRACK", "ACK"}, m.method())
}

func sdpSections(lines []string) []sdpMedia {
	var list []sdpMedia
	session := -1
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "m=audio ") || strings.HasPrefix(l, "m=video ") || strings.HasPrefix(l, "m=image "):
			list = append(list, sdpMedia{line: i, conn: session})
		case !strings.HasPrefix(l, "c="):
		case len(list) == 0:
			session = i
		default:
			last := &list[len(list)-1]
			last.conn, last.own = i, true
		}
	}
	return list
}

// mediaPort is the port of an m= line; 0 refuses the media or is unreadable.
func mediaPort(line string) uint16 {
	f := strings.Fields(line)
	if len(f) < 2 {
		return 0
	}
	text, _, _ := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

func setMediaPort(line string, port uint16) string {
	kind, rest, _ := strings.Cut(line, " ")
	return kind + " " + strconv.Itoa(int(port)) + rest[digits(rest):]
}

// connAddr is the address of a c= or o= line; invalid without one.
func connAddr(lines []string, i int) netip.Addr {
	if i < 0 {
		return netip.Addr{}
	}
	text, _, _ := strings.Cut(lines[i][strings.LastIndexByte(lines[i], ' ')+1:], "/")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func setAddr(lines []string, i int, a netip.Addr) {
	if connAddr(lines, i).IsValid() {
		cut := strings.LastIndexByte(lines[i], ' ') + 1
		lines[i] = lines[i][:cut] + a.String()
	}
}

// setSession replaces the o= address and that of the session's c=.
func setSession(lines []string, a netip.Addr) {
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "m="):
			return
		case strings.HasPrefix(l, "o="), strings.HasPrefix(l, "c="):
			setAddr(lines, i, a)
		}
	}
}
