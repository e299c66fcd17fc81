package standin

import (
	"bytes"
	"strings"
	"sync"
)

// How many digits the numbers of a session description have at most.
const (
	anyNumber  = 10 // rates, priorities, times
	portNumber = 5
	versions   = 20 // NTP times often
)

// How the value of an attribute is read, by name. Of any other the words of the
// protocol stay.
var (
	plainAttributes = sync.OnceValue(func() map[string]bool {
		return wordSet(`rtpmap fmtp ptime maxptime sendrecv sendonly recvonly inactive rtcp rtcp-fb setup connection rtcp-mux silencesupp t38faxversion t38maxbitrate t38faxfillbitremoval t38faxtranscodingmmr t38faxtranscodingjbig t38faxratemanagement t38faxmaxbuffer t38faxmaxdatagram t38faxudpec t38faxmaxifp t38vendorinfo curr des conf`)
	})
	secretAttributes = sync.OnceValue(func() map[string]bool { return wordSet(`ice-ufrag ice-pwd mid group msid label extmap`) })
)

// sdp appends a session description.
func (m *Mask) sdp(dst, body []byte) []byte {
	for len(body) > 0 {
		n := bytes.IndexByte(body, '\n') + 1
		if n == 0 {
			n = len(body)
		}
		dst = m.sdpLine(dst, body[:n])
		body = body[n:]
	}
	return dst
}

func (m *Mask) sdpLine(dst, line []byte) []byte {
	if len(line) < 2 || line[1] != '=' {
		return m.identity(dst, line)
	}
	kind, v := line[0], line[2:]
	dst = append(dst, line[:2]...)
	plain := keep{words: grammar(), digits: anyNumber}
	switch kind {
	case 'o': // the name of a user, numbers, the address; a name is no number for a blank before it
		for i, k := range []keep{{learn: true}, {digits: versions}, {digits: versions}, {words: grammar()}} {
			blanks := len(v) - len(bytes.TrimLeft(v, " "))
			n := blanks + bytes.IndexByte(v[blanks:], ' ') + 1
			if n == blanks || i == 3 {
				n = len(v)
			}
			dst, v = m.text(dst, v[:n], k), v[n:]
		}
		return dst
	case 'c':
		return m.text(dst, v, keep{words: grammar(), digits: 3})
	case 'm':
		return m.text(dst, v, keep{words: grammar(), digits: portNumber})
	case 'v', 't', 'r', 'z', 'b':
		return m.text(dst, v, plain)
	case 'a':
		return m.attribute(dst, v, plain)
	}
	return m.identity(dst, v)
}

func (m *Mask) attribute(dst, v []byte, plain keep) []byte {
	name, value, ok := bytes.Cut(v, []byte(":"))
	dst = m.text(dst, name, keep{words: grammar(), digits: 2})
	if !ok {
		return dst
	}
	dst = append(dst, ':')
	first := func() (head, rest []byte) { // up to the first blank
		n := bytes.IndexByte(value, ' ')
		if n < 0 {
			n = len(value)
		}
		return value[:n], value[n:]
	}
	switch key := strings.ToLower(string(name)); {
	case plainAttributes()[key]:
		return m.text(dst, value, plain)
	case secretAttributes()[key]:
		return m.secret(dst, value)
	case key == "candidate": // the foundation is often made of the address
		head, rest := first()
		return m.text(m.secret(dst, head), rest, plain)
	case key == "crypto": // tag, suite, inline:key|lifetime|MKI
		suite, keys, _ := bytes.Cut(value, []byte("inline:"))
		dst = m.text(dst, suite, keep{words: cryptoWords(), digits: 3})
		if len(suite) == len(value) {
			return dst
		}
		return m.secret(append(dst, "inline:"...), keys)
	case key == "fingerprint":
		head, rest := first()
		return m.secret(m.text(dst, head, keep{words: grammar(), digits: 3}), rest)
	case key == "ssrc":
		head, rest := first()
		return m.text(m.text(dst, head, plain), rest, keep{words: wordSet("cname msid label mslabel")})
	}
	return m.text(dst, value, keep{words: grammar()})
}

var cryptoWords = sync.OnceValue(func() map[string]bool { return wordSet("aes aead cm gcm f8 hmac sha1") })
