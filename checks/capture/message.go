package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

const (
	maxText   = 200 // of a header field that is kept
	maxRoutes = 8
	maxMedia  = 8
	maxCodecs = 32
)

// explaining are the header fields by which a server says why.
var explaining = map[string]bool{
	"reason": true, "warning": true, "retry-after": true, "x-asterisk-hangupcause": true, "x-asterisk-hangupcausecode": true,
	"unsupported": true, "require": true, "min-expires": true, "min-se": true, "error-info": true, "p-asserted-identity": true,
	"session-expires": true,
}

// summarise keeps what matters of a message. Nothing of it points into the
// capture's buffers.
func summarise(m *sip.Message, faults []sip.Fault, d *pcap.Datagram, transport string) Message {
	out := Message{
		Frame: d.Frame, Src: d.Src, Dst: d.Dst, Transport: transport, Interface: d.Interface, TTL: d.TTL, TOS: d.TOS, Out: d.Outgoing, In: d.Incoming,
		Method: m.Method, Status: m.Status, Length: -1, Body: len(m.Body), Faults: faults, Cut: d.Cut,
	}
	if d.Tunnel == "hep" { // these are of whoever reports
		out.TTL, out.TOS, out.Out, out.In = 0, 0, false, false
	}
	if m.Status > 0 {
		out.Phrase = text(m.Start[min(len("SIP/2.0 200 "), len(m.Start)):])
	} else {
		_, rest, _ := bytes.Cut(m.Start, []byte(" "))
		out.URI = text(bytes.TrimSpace(bytes.TrimSuffix(rest, []byte("SIP/2.0"))))
	}
	isSDP := false
	for i := range m.Headers {
		h := &m.Headers[i]
		name := sip.Canonical(h.Name)
		switch name {
		case "via":
			if out.Vias++; out.Vias == 1 {
				out.Via = text(h.Value)
			}
		case "from":
			out.From = party(h.Value)
		case "to":
			out.To = party(h.Value)
		case "cseq":
			number, method, _ := strings.Cut(string(h.Value), " ")
			n, _ := strconv.ParseUint(number, 10, 32)
			if out.CSeq = uint32(n); m.Status > 0 {
				out.Method = text([]byte(strings.TrimSpace(method)))
			}
		case "contact":
			if out.Contact == "" {
				out.Contact = text(h.Value)
			}
		case "record-route":
			if len(out.Route) < maxRoutes {
				out.Route = append(out.Route, text(h.Value))
			}
		case "user-agent", "server":
			out.Agent = text(h.Value)
		case "expires":
			out.Expires, _ = strconv.Atoi(string(h.Value))
		case "authorization", "proxy-authorization":
			out.Authorized = authorized(h.Value)
		case "content-type":
			isSDP = bytes.HasPrefix(bytes.ToLower(h.Value), []byte("application/sdp")) || bytes.HasPrefix(bytes.ToLower(h.Value), []byte("multipart/"))
			if !isSDP {
				out.Content = text(bytes.ToLower(h.Value))
			}
		default:
			if explaining[name] {
				out.Says = append(out.Says, text(bytes.ReplaceAll(h.Raw, []byte("\r\n"), nil)))
			}
		}
	}
	if n, ok := m.ContentLength(); ok {
		if out.Length = n; n < len(m.Body) && len(bytes.Trim(m.Body[n:], "\r\n\t \x00")) == 0 {
			out.Body = n
		}
	}
	if m.Status >= 200 && m.Status < 300 && out.Method == "REGISTER" {
		out.Contacts = contactsOf(m)
	}
	if m.Status == 401 || m.Status == 407 {
		if list := m.Challenges(); len(list) > 0 {
			out.Challenge = challenge(list[0])
		}
	}
	if isSDP || bytes.HasPrefix(m.Body, []byte("v=0")) {
		out.SDP = readSDP(m.Body)
	}
	return out
}

func text(b []byte) string { return strings.ToValidUTF8(string(b[:min(len(b), maxText)]), "�") }

// party reads a From or To.
func party(v []byte) Party {
	s := string(v)
	var p Party
	if i, j := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>'); i >= 0 && j > i {
		p.URI, s = s[i+1:j], s[j+1:]
	} else {
		p.URI, s, _ = strings.Cut(s, ";")
		s = ";" + s
	}
	if at := indexFold(s, ";tag="); at >= 0 {
		p.Tag, _, _ = strings.Cut(s[at+len(";tag="):], ";")
	}
	p.URI, p.Tag = text([]byte(strings.TrimSpace(p.URI))), text([]byte(strings.TrimSpace(p.Tag)))
	return p
}

// indexFold is strings.Index for ASCII in any case: strings.ToLower changes the length of
// what is no UTF-8.
func indexFold(s, what string) int {
	for i := 0; i+len(what) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(what)], what) {
			return i
		}
	}
	return -1
}

// digest makes a secret or long value comparable without keeping it.
func digest(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

func challenge(c sip.Challenge) *Challenge {
	out := &Challenge{Realm: text([]byte(c.Realm)), Nonce: digest(c.Nonce), Opaque: digest(c.Opaque), Stale: c.Stale}
	if !strings.EqualFold(c.Scheme, "digest") {
		out.Scheme = text([]byte(c.Scheme))
	}
	return out
}

func authorized(v []byte) *Authorized {
	_, params, _ := strings.Cut(string(v), " ")
	p := sip.AuthParams(params)
	return &Authorized{User: text([]byte(p["username"])), Realm: text([]byte(p["realm"])), Nonce: digest(p["nonce"])}
}

// readSDP reads a session description (RFC 8866), tolerant of order and line ends.
func readSDP(body []byte) *SDP {
	var out SDP
	session, media := "", (*Media)(nil)
	direction := ""
	for _, line := range sip.SDPLines(body) {
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		v := string(bytes.TrimSpace(line[2:]))
		f := strings.Fields(v)
		switch {
		case line[0] == 'o' && len(f) == 6:
			out.Session, out.Origin = text([]byte(f[1])), text([]byte(f[5]))
		case line[0] == 'c' && len(f) == 3:
			a, _, _ := strings.Cut(f[2], "/")
			if media != nil {
				media.Addr = text([]byte(a))
			} else {
				session = text([]byte(a))
			}
		case line[0] == 'm' && len(f) >= 3 && len(out.Media) < maxMedia:
			port, _, _ := strings.Cut(f[1], "/")
			n, _ := strconv.ParseUint(port, 10, 16)
			out.Media = append(out.Media, Media{Kind: text([]byte(f[0])), Addr: session, Port: int(n), Protocol: text([]byte(f[2])), Direction: direction})
			media = &out.Media[len(out.Media)-1]
			media.formats(f[3:])
		case line[0] == 'a' && media == nil:
			if isDirection(v) {
				direction = v
			}
		case line[0] == 'a':
			media.attribute(v)
		}
	}
	for i := range out.Media {
		if out.Media[i].Direction == "sendrecv" {
			out.Media[i].Direction = ""
		}
	}
	return &out
}

func isDirection(v string) bool {
	return v == "sendrecv" || v == "sendonly" || v == "recvonly" || v == "inactive"
}

// formats notes what an m= line offers.
func (m *Media) formats(list []string) {
	for _, s := range list[:min(len(list), maxCodecs)] {
		n, err := strconv.ParseUint(s, 10, 7)
		if err != nil || !strings.Contains(m.Protocol, "RTP") {
			m.Formats = append(m.Formats, text([]byte(s)))
			continue
		}
		m.Codecs = append(m.Codecs, Codec{Type: uint8(n), Name: staticCodecs[uint8(n)]})
	}
}

// staticCodecs are those of RFC 3551, section 6, that phones use.
var staticCodecs = map[uint8]string{
	0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000", 15: "G728/8000", 18: "G729/8000",
	31: "H261/90000", 34: "H263/90000",
}

// attribute reads an a= line of a medium.
func (m *Media) attribute(v string) {
	name, value, _ := strings.Cut(v, ":")
	switch name {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		m.Direction = name
	case "ptime":
		m.Ptime, _ = strconv.Atoi(value)
	case "rtcp":
		m.RTCP = text([]byte(value))
	case "crypto", "fingerprint":
		m.Keys = true
	case "candidate", "ice-ufrag":
		m.ICE = true
	case "rtpmap":
		number, what, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(number, 10, 7)
		for i := range m.Codecs {
			if err == nil && m.Codecs[i].Type == uint8(n) {
				m.Codecs[i].Name = text([]byte(what))
			}
		}
	}
}

// at is where a medium is to be sent; ok is false for a name, or port 0.
func (m *Media) at() (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(m.Addr)
	return netip.AddrPortFrom(a.Unmap(), uint16(m.Port)), err == nil && m.Port > 0
}
