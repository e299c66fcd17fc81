package standin

import (
	"bytes"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// fields says how the values of header fields are read, by canonical name. Those that
// are not listed are unknown: only the words of the protocol stay.
var fields = sync.OnceValue(func() map[string]func(*Mask, []byte, []byte) []byte {
	out := map[string]func(*Mask, []byte, []byte) []byte{
		"via": (*Mask).via, "call-id": (*Mask).dialog, "in-reply-to": (*Mask).dialog, "replaces": (*Mask).dialog, "join": (*Mask).dialog,
		"target-dialog": (*Mask).dialog, "user-agent": (*Mask).agent, "server": (*Mask).agent, "subject": (*Mask).identity, "organization": (*Mask).identity,
		"reason": (*Mask).phrase, "warning": (*Mask).phrase, "x-asterisk-hangupcause": (*Mask).phrase,
	}
	for name := range wordSet(`from to contact route record-route p-asserted-identity p-preferred-identity remote-party-id diversion refer-to
referred-by reply-to path service-route p-associated-uri p-called-party-id history-info alert-info call-info error-info`) {
		out[name] = (*Mask).named
	}
	for name := range wordSet(`cseq content-length max-forwards expires min-expires session-expires min-se date timestamp rseq rack mime-version
x-asterisk-hangupcausecode retry-after`) {
		out[name] = (*Mask).plain
	}
	for name := range wordSet(`allow supported require proxy-require unsupported accept accept-encoding accept-language content-type content-encoding
content-disposition event allow-events subscription-state priority privacy p-early-media recv-info info-package`) {
		out[name] = (*Mask).tokens
	}
	for name := range wordSet(`authorization proxy-authorization www-authenticate proxy-authenticate authentication-info proxy-authentication-info`) {
		out[name] = (*Mask).credentials
	}
	return out
})

// fieldName is the canonical name of the field that a line of a header belongs to;
// before is that of the line before, which white space continues. It is empty for a
// line that is no field.
func fieldName(line []byte, before string) string {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && before != "" {
		return before
	}
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return ""
	}
	return sip.Canonical(bytes.TrimRight(name, " \t"))
}

// field appends a line of the field of that name.
func (m *Mask) field(dst, line []byte, name string) []byte {
	value := line
	if len(line) == 0 || line[0] != ' ' && line[0] != '\t' {
		n, v, ok := bytes.Cut(line, []byte(":"))
		if !ok || name == "" {
			return m.identity(dst, line)
		}
		if value = v; fields()[name] == nil && len(n) > 1 {
			dst = m.text(dst, n, keep{words: grammar()})
		} else {
			dst = append(dst, n...)
		}
		dst = append(dst, ':')
	}
	if f := fields()[name]; f != nil {
		return f(m, dst, value)
	}
	return m.unknown(dst, value)
}

// plain appends a value of numbers and words of the protocol.
func (m *Mask) plain(dst, v []byte) []byte {
	const cseq = 10 // digits of the highest (RFC 3261, 8.1.1.5)
	return m.parameters(dst, v, keep{words: grammar(), digits: cseq})
}

// tokens appends a list of words of the protocol.
func (m *Mask) tokens(dst, v []byte) []byte { return m.parameters(dst, v, keep{words: grammar()}) }

// phrase appends what a server says: its numbers are causes and codes.
func (m *Mask) phrase(dst, v []byte) []byte {
	const code = 3
	return m.text(dst, v, keep{words: phrases(), digits: code})
}

func (m *Mask) unknown(dst, v []byte) []byte { return m.values(dst, v, keep{words: grammar()}) }

// named appends a list of names, addresses and parameters.
func (m *Mask) named(dst, v []byte) []byte { return m.values(dst, v, keep{learn: true}) }

// values appends a value in which URIs, strings in quotes and parameters stand;
// other words are replaced but for those that are kept.
func (m *Mask) values(dst, v []byte, other keep) []byte {
	for i := 0; i < len(v); {
		switch c := v[i]; {
		case c == '"':
			n := quoted(v[i:])
			dst = m.identity(dst, v[i:i+n])
			i += n
		case scheme(v[i:]) > 0 && (i == 0 || !wordByte(v[i-1])):
			n := uriLength(v, i)
			dst = m.uri(dst, v[i:i+n])
			i += n
		case c == ';':
			n := parameter(v[i:])
			dst = m.parameter(dst, v[i:i+n])
			i += n
		default:
			n := i + 1
			for n < len(v) && v[n] != '"' && v[n] != ';' && (scheme(v[n:]) == 0 || wordByte(v[n-1])) {
				n++
			}
			dst = m.text(dst, v[i:n], other)
			i = n
		}
	}
	return dst
}

// parameters appends a value of plain words with parameters.
func (m *Mask) parameters(dst, v []byte, k keep) []byte {
	n := bytes.IndexByte(v, ';')
	if n < 0 {
		n = len(v)
	}
	dst = m.text(dst, v[:n], k)
	for v = v[n:]; len(v) > 0; v = v[n:] {
		n = parameter(v)
		if v[0] == ';' {
			dst = m.parameter(dst, v[:n])
		} else {
			dst = m.text(dst, v[:n], k)
		}
	}
	return dst
}

// dialog appends a Call-ID with the tags that may follow it.
func (m *Mask) dialog(dst, v []byte) []byte {
	n := bytes.IndexByte(v, ';')
	if n < 0 {
		n = len(v)
	}
	dst = m.secret(dst, v[:n])
	return m.parameters(dst, v[n:], keep{})
}

// via appends a Via: the transport, who sent, parameters.
func (m *Mask) via(dst, v []byte) []byte {
	for len(v) > 0 {
		end := len(v)
		if n := bytes.IndexByte(v, ','); n >= 0 {
			end = n + 1
		}
		one := v[:end]
		v = v[end:]
		n := bytes.IndexByte(one, ';')
		if n < 0 {
			n = len(one)
		}
		sent := bytes.TrimRight(one[:n], " \t")
		blank := bytes.LastIndexAny(sent, " \t") + 1
		if bytes.IndexByte(sent[:blank], '/') < 0 { // no transport, or a host with blanks around
			blank = 0
		}
		dst = m.text(dst, one[:blank], keep{words: grammar(), digits: 1})
		dst = append(m.host(dst, sent[blank:]), one[len(sent):n]...)
		dst = m.parameters(dst, one[n:], keep{})
	}
	return dst
}

// credentials append a challenge or its answer.
func (m *Mask) credentials(dst, v []byte) []byte {
	lead := len(v) - len(bytes.TrimLeft(v, " \t"))
	n := bytes.IndexAny(v[lead:], " \t")
	if n < 0 || bytes.IndexByte(v[:lead+n], '=') >= 0 {
		n = -lead // no scheme: Authentication-Info
	}
	dst = m.text(dst, v[:lead+n], keep{words: grammar()})
	for v = v[lead+n:]; len(v) > 0; {
		end := 0
		for end < len(v) && v[end] != ',' {
			if v[end] == '"' {
				end += quoted(v[end:])
			} else {
				end++
			}
		}
		end = min(end+1, len(v))
		dst = m.parameter(dst, v[:end])
		v = v[end:]
	}
	return dst
}
