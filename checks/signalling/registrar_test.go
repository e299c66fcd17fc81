package signalling_test

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// replyTo answers a request with a status line, the fields that RFC 3261,
// 8.2.6.2 wants copied, and extra ones.
func replyTo(request, status string, extra ...string) string {
	out := []string{"SIP/2.0 " + status}
	for _, l := range strings.Split(request, "\r\n") {
		name, _, _ := strings.Cut(l, ":")
		switch name {
		case "Via", "From", "To", "Call-ID", "CSeq":
			out = append(out, l)
		}
	}
	out = append(out, extra...)
	return strings.Join(append(out, "Server: registrar 1.0", "Content-Length: 0", "", ""), "\r\n")
}

// registrar is a SIP server over UDP that asks for credentials and knows how
// to check them, by code of its own.
type registrar struct {
	algorithm string // MD5, SHA-256, or "" for a server that names none
	qop       bool
	oneTime   bool // every nonce is good for one request
	after     func(request string) (reply string, ok bool)
	silent    bool // as soon as it sees credentials

	mu       sync.Mutex
	nonce    int
	attempts map[string]bool // different credentials seen, by response
	bound    []string        // Expires of accepted registrations
	lines    []string
}

var param = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s,]+))`)

func (r *registrar) serve(n *office) {
	n.Helper()
	r.attempts = map[string]bool{}
	conn, err := n.pbx.OpenUDP(n.Context(), netip.MustParseAddrPort("198.51.100.20:5060"))
	if err != nil {
		n.Fatal(err)
	}
	done := make(chan struct{})
	n.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 65536)
		for {
			d, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if a := r.answer(string(b[:d.N])); a != "" {
				_ = conn.WriteTo([]byte(a), d.From, platform.SendOptions{})
			}
		}
	}()
}

func (r *registrar) answer(request string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, _, _ := strings.Cut(request, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	uri, _, _ := strings.Cut(rest, " ")
	_, auth, found := strings.Cut(request, "\r\nAuthorization: Digest ")
	r.lines = append(r.lines, fmt.Sprintf("%s credentials=%v", method, found))
	if method == "OPTIONS" {
		return replyTo(request, "200 OK")
	}
	if !found {
		return r.challenge(request, false)
	}
	auth, _, _ = strings.Cut(auth, "\r\n")
	p := map[string]string{}
	for _, m := range param.FindAllStringSubmatch(auth, -1) {
		p[m[1]] = m[2] + m[3]
	}
	r.attempts[p["response"]] = true
	if r.silent {
		return ""
	}
	if r.after != nil {
		if reply, ok := r.after(request); ok {
			return reply
		}
	}
	if r.oneTime && p["nonce"] != fmt.Sprint("nonce", r.nonce) {
		return r.challenge(request, true)
	}
	if p["response"] != r.expected(p, method, uri) {
		return r.challenge(request, false)
	}
	_, expires, _ := strings.Cut(request, "\r\nExpires: ")
	expires, _, _ = strings.Cut(expires, "\r\n")
	r.bound = append(r.bound, expires)
	if r.oneTime {
		r.nonce++
	}
	return replyTo(request, "200 OK")
}

func (r *registrar) challenge(request string, stale bool) string {
	r.nonce++
	c := fmt.Sprintf(`WWW-Authenticate: Digest realm="pbx", nonce="nonce%d"`, r.nonce)
	if r.algorithm != "" {
		c += ", algorithm=" + r.algorithm
	}
	if r.qop {
		c += `, qop="auth"`
	}
	if stale {
		c += ", stale=true"
	}
	return replyTo(request, "401 Unauthorized", c)
}

func (r *registrar) expected(p map[string]string, method, uri string) string {
	h := func(s string) string {
		var x hash.Hash = md5.New()
		if r.algorithm == "SHA-256" {
			x = sha256.New()
		}
		x.Write([]byte(s))
		return fmt.Sprintf("%x", x.Sum(nil))
	}
	if p["uri"] != uri {
		return "the uri is another one"
	}
	a1, a2 := h("100:pbx:"+password), h(method+":"+uri)
	if r.qop {
		return h(a1 + ":" + p["nonce"] + ":" + p["nc"] + ":" + p["cnonce"] + ":auth:" + a2)
	}
	return h(a1 + ":" + p["nonce"] + ":" + a2)
}

func account(word string) *checks.Account {
	return &checks.Account{User: "100", Domain: server, Password: checks.NewSecret(word)}
}
