package checktest

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// proxyBranch marks the Via that ProxyALG adds, so that it knows its own again
// without keeping state.
const proxyBranch = "z9hG4bKalg"

// reserialise forwards a request as a careless proxy does: it adds its Via,
// notes where the request came from, takes a hop off, and writes the headers
// in its own order and spelling.
func (m *sipText) reserialise(t transit) {
	if i := m.find("via"); i >= 0 {
		hash := fnv.New64a()
		hash.Write([]byte(m.headers[i]))
		transport := "UDP"
		if strings.Contains(strings.ToUpper(m.headers[i]), "/TCP") {
			transport = "TCP"
		}
		m.headers[i] = noteReceived(m.headers[i], t.inside, true)
		m.headers = slices.Insert(m.headers, i,
			fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s%016x", transport, t.outside, proxyBranch, hash.Sum64()))
	}
	for i, h := range m.headers {
		m.headers[i] = respell(h)
	}
	slices.SortStableFunc(m.headers, func(a, b string) int { return proxyOrder(a) - proxyOrder(b) })
}

// respell is the spelling seen in a capture of such a router: compact names
// expanded, max-forwards in small letters, spaces before the length.
func respell(h string) string {
	_, value, _ := strings.Cut(h, ":")
	value = strings.TrimSpace(value)
	switch name := longName(h); name {
	case "via", "from", "to", "contact":
		return strings.ToUpper(name[:1]) + name[1:] + ": " + value
	case "max-forwards":
		n, err := strconv.Atoi(value)
		if err != nil {
			return h
		}
		return "max-forwards: " + strconv.Itoa(n-1)
	case "content-length":
		return "Content-Length:   " + value
	}
	return h
}

func proxyOrder(h string) int {
	i := slices.Index([]string{"via", "from", "to", "call-id", "cseq", "max-forwards", "contact"}, longName(h))
	switch {
	case i >= 0:
		return i
	case longName(h) == "content-length":
		return 100
	default:
		return 50
	}
}

// dropProxyVia takes the proxy's Via off a response.
func (m *sipText) dropProxyVia() {
	if i := m.find("via"); i >= 0 && m.code() != 0 && strings.Contains(m.headers[i], "branch="+proxyBranch) {
		m.headers = slices.Delete(m.headers, i, i+1)
	}
}
