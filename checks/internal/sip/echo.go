package sip

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// Echo names every field that a response should have copied from its request
// (RFC 3261, 8.2.6.2: Via, From, To, Call-ID, CSeq) and that came back other
// than it was sent. What a server may add (received=, the value of rport, the
// tag of To) and how it spells what it copies are not differences. It returns
// nil for bytes that are not a response.
func Echo(sent, reply []byte) []Change {
	s, r, ok := parseBoth(sent, reply)
	if !ok {
		return nil
	}
	d := &differ{}
	d.echoedVia(s, r)
	for _, name := range []string{"from", "to"} {
		d.echoedAddress(name, s.Get(name), r.Get(name))
	}
	for _, name := range []string{"call-id", "cseq"} {
		hs, hr := s.Get(name), r.Get(name)
		if hs != nil && hr != nil && !bytes.Equal(squeeze(hs.Value), squeeze(hr.Value)) {
			d.value(name, hs, hr)
		}
	}
	return d.out
}

// parseBoth parses a request and its response; ok is false where the bytes are
// not that.
func parseBoth(sent, reply []byte) (s, r *Message, ok bool) {
	s, errSent := Parse(sent)
	r, errReply := Parse(reply)
	return s, r, errSent == nil && errReply == nil && r.Status != 0
}

func (d *differ) echoedVia(s, r *Message) {
	vs, vr, others, ok := ownVia(s, r)
	if !ok {
		return
	}
	for _, v := range others {
		d.add(ViaAdded, "", "Via: "+v)
	}
	if !sameHost(vs.SentBy, vr.SentBy) {
		d.add(ViaSentBy, vs.SentBy, vr.SentBy)
	}
	d.changed(ViaBranch, vs.Branch, vr.Branch)
	if vs.HasRPort && !vr.HasRPort {
		d.add(RPortRemoved, "rport", "")
	}
}

// ownVia finds the request's Via in the response: the one with its branch, or
// the only one. What else stands there was put there by somebody else.
func ownVia(s, r *Message) (sent, came Via, others []string, ok bool) {
	h, values := s.Get("via"), viaValues(r)
	if h == nil || len(values) == 0 {
		return Via{}, Via{}, nil, false
	}
	if sent, ok = ParseVia(h.Value); !ok {
		return Via{}, Via{}, nil, false
	}
	at := 0
	for i, text := range values {
		if v, read := ParseVia([]byte(text)); read && v.Branch == sent.Branch {
			at = i
			break
		}
	}
	came, ok = ParseVia([]byte(values[at]))
	return sent, came, slices.Delete(values, at, at+1), ok
}

// viaValues are the Via values of a message one by one, however many stand in
// a field.
func viaValues(m *Message) []string {
	var out []string
	for _, h := range m.All("via") {
		for rest := string(h.Value); rest != ""; {
			first := FirstValue(rest)
			out = append(out, strings.TrimSpace(first))
			rest = strings.TrimPrefix(rest[len(first):], ",")
		}
	}
	return out
}

// sameHost compares host[:port] as DNS and the default port do.
func sameHost(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	x, okx := HostPort(a, 5060)
	y, oky := HostPort(b, 5060)
	return okx && oky && x == y
}

// echoedAddress compares the address and the tag of From or To; display names
// are quoted in different ways.
func (d *differ) echoedAddress(name string, s, r *Header) {
	if s == nil || r == nil {
		return
	}
	us, ps := Address(string(squeeze(s.Value)))
	ur, pr := Address(string(squeeze(r.Value)))
	ts, tr := Param(ps, "tag"), Param(pr, "tag")
	if !sameParty(us, ur) || ts != "" && ts != tr {
		d.add(byHeader[name], string(s.Raw), string(r.Raw))
	}
}

// sameParty reports whether two URIs of From or To name the same: a server may leave
// out the port that does not belong there (RFC 3261, 19.1.1, table 1), and PJSIP does.
func sameParty(sent, came string) bool {
	i := strings.LastIndex(sent, ":")
	if i < 0 || strings.EqualFold(sent, came) {
		return strings.EqualFold(sent, came)
	}
	end := i + 1
	for end < len(sent) && sent[end] >= '0' && sent[end] <= '9' {
		end++
	}
	return end > i+1 && strings.EqualFold(sent[:i]+sent[end:], came)
}

// Source is the address that a response says its request came from: what
// stands in received= of the request's Via. It is invalid where the response
// says nothing; nothing else stands in for it.
func Source(sent, reply []byte) netip.Addr {
	s, r, ok := parseBoth(sent, reply)
	if !ok {
		return netip.Addr{}
	}
	_, v, _, ok := ownVia(s, r)
	if !ok {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(strings.Trim(v.Received, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
