package standin

import (
	"bytes"
	"strings"
	"sync"
)

// quoted is the length of a string in quotes, which may not end.
func quoted(v []byte) int {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(v)
}

// schemes begin a URI.
var schemes = []string{"sip:", "sips:", "tel:", "mailto:", "im:", "pres:", "urn:", "http://", "https://"}

func scheme(v []byte) int {
	for _, s := range schemes {
		if len(v) >= len(s) && (v[0]|0x20) == s[0] && strings.EqualFold(string(v[:len(s)]), s) {
			return len(s)
		}
	}
	return 0
}

// uriLength is how long the URI is that begins at i: up to its bracket, or, where it
// has none, to the first parameter.
func uriLength(v []byte, i int) int {
	end := "<> \t,;\""
	if j := bytes.LastIndexAny(v[:i], "<>\""); j >= 0 && v[j] == '<' {
		end = "<> \t\""
	} else if j >= 0 && v[j] == '"' {
		end = "\" \t"
	}
	if n := bytes.IndexAny(v[i:], end); n >= 0 {
		return n
	}
	return len(v) - i
}

// uri appends a URI with its parameters.
func (m *Mask) uri(dst, u []byte) []byte {
	n := scheme(u)
	dst, u = append(dst, u[:n]...), u[n:]
	if at := bytes.LastIndexByte(u, '@'); at >= 0 {
		dst, u = append(m.identity(dst, u[:at]), '@'), u[at+1:]
	}
	end := bytes.IndexAny(u, ";?")
	if end < 0 {
		end = len(u)
	}
	dst = m.host(dst, u[:end])
	for u = u[end:]; len(u) > 0; {
		n := parameter(u)
		dst = m.parameter(dst, u[:n])
		u = u[n:]
	}
	return dst
}

// host appends a host with a port.
func (m *Mask) host(dst, h []byte) []byte {
	n := bytes.LastIndexByte(h, ':')
	if n > 0 && portAfter(h[n:]) == len(h)-n && (h[n-1] == ']' || bytes.IndexByte(h, ':') == n) {
		return append(m.identity(dst, h[:n]), h[n:]...)
	}
	return m.identity(dst, h)
}

// parameter is the length of a parameter with the separator before it.
func parameter(v []byte) int {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '"':
			i += quoted(v[i:]) - 1
		case ';', '?', '&', ',', '>':
			return i
		}
	}
	return len(v)
}

// How the values of parameters are read, by name: numbers and words of the protocol,
// or keys that are made up and names, of which nothing stays.
var (
	plainValues = sync.OnceValue(func() map[string]bool {
		return wordSet(`rport expires q ttl lr refresher duration reg-id handling transport user method cause code retry-after algorithm qop nc stale index counter party privacy screen id-type cpc ob comp`)
	})
	secretValues = sync.OnceValue(func() map[string]bool { return wordSet(`tag to-tag from-tag branch boundary`) })
)

// parameter appends a parameter with the separator before it.
func (m *Mask) parameter(dst, p []byte) []byte {
	name, value, ok := bytes.Cut(p, []byte("="))
	dst = m.text(dst, name, keep{words: grammar()})
	if !ok {
		return dst
	}
	dst = append(dst, '=')
	switch key := strings.ToLower(string(bytes.Trim(name, ";?&, \t"))); {
	case plainValues()[key]:
		return m.text(dst, value, keep{words: grammar(), digits: 10})
	case secretValues()[key]:
		// The cookie tells an element of RFC 3261 from older ones.
		const cookie = "z9hG4bK"
		if rest, ok := bytes.CutPrefix(value, []byte(cookie)); ok {
			return m.secret(append(dst, cookie...), rest)
		}
		return m.secret(dst, value)
	case key == "uri" && len(value) > 1 && value[0] == '"' && scheme(value[1:]) > 0:
		n := quoted(value)
		if n > 2 && value[n-1] == '"' {
			return append(m.uri(append(dst, '"'), value[1:n-1]), m.identity(nil, value[n-1:])...)
		}
	}
	return m.host(dst, value)
}
