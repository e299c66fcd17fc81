package routertest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/go-routeros/routeros/v3/proto"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
)

func (r *Router) account(port uint16) mikrotik.Account {
	return mikrotik.Account{User: r.User, Host: "127.0.0.1", Port: port, Password: func(context.Context) (string, error) { return r.Password, nil }}
}

// API serves the router's API until the test ends.
func (r *Router) API(t testing.TB, overTLS bool) mikrotik.Account {
	t.Helper()
	if !overTLS {
		return r.account(serve(t, nil, r.apiConn))
	}
	certificate := certificateOf(t)
	a := r.account(serve(t, &tls.Config{Certificates: []tls.Certificate{certificate}}, r.apiConn))
	sum := sha256.Sum256(certificate.Certificate[0])
	a.Fingerprint = hex.EncodeToString(sum[:])
	return a
}

// certificateOf is one that nobody vouches for.
func certificateOf(t testing.TB) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}

func (r *Router) apiConn(c net.Conn) {
	in, out := bufio.NewReader(c), proto.NewWriter(c)
	in4 := false
	for {
		words, err := sentence(in)
		if err != nil || len(words) == 0 {
			return
		}
		if words[0] == "/login" {
			a := askOf(words)
			in4 = r.login(fieldOf(a, "name"), fieldOf(a, "password"))
			if !in4 {
				say(out, "!trap", "=message=invalid user name or password (6)")
			}
			say(out, "!done")
			continue
		}
		if !in4 {
			say(out, "!fatal", "=message=not logged in")
			return
		}
		rows, err := r.call(askOf(words))
		if err == errCut {
			return
		}
		if err != nil {
			say(out, "!trap", "=message="+err.Error())
		}
		for _, row := range rows {
			list := []string{"!re"}
			for name, v := range row {
				list = append(list, "="+name+"="+v)
			}
			say(out, list...)
		}
		say(out, "!done")
	}
}

func say(w proto.Writer, words ...string) {
	w.BeginSentence()
	for _, word := range words {
		w.WriteWord(word)
	}
	_ = w.EndSentence()
}

// sentence reads one; the reader of the package proto takes no queries.
func sentence(in *bufio.Reader) (words []string, err error) {
	for {
		n, err := length(in)
		if err != nil || n == 0 {
			return words, err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		words = append(words, string(b))
	}
}

// length reads one of the two short forms.
func length(in *bufio.Reader) (int, error) {
	b, err := in.ReadByte()
	if err != nil || b < 0x80 {
		return int(b), err
	}
	low, err := in.ReadByte()
	return int(b&0x3f)<<8 | int(low), err
}

func askOf(words []string) (a ask) {
	at := strings.LastIndexByte(words[0], '/')
	a.menu, a.verb = words[0][:at], words[0][at+1:]
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w[1:], "=")
		switch {
		case w[0] == '?':
			a.where = routeros.Prop{Name: name, Value: value}
		case name == ".proplist":
			a.only = strings.Split(value, ",")
		default:
			a.fields = append(a.fields, routeros.Prop{Name: name, Value: value})
		}
	}
	return a
}

func fieldOf(a ask, name string) string {
	for _, f := range a.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// REST serves the router's REST API until the test ends.
func (r *Router) REST(t testing.TB) mikrotik.Account {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(r.rest))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // certificates that are refused are what tests are about
	s.StartTLS()
	t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	port, _ := strconv.ParseUint(u.Port(), 10, 16)
	a := r.account(uint16(port))
	sum := sha256.Sum256(s.Certificate().Raw)
	a.Fingerprint = hex.EncodeToString(sum[:])
	return a
}

func (r *Router) rest(w http.ResponseWriter, q *http.Request) {
	user, word, _ := q.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if !r.login(user, word) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":401,"message":"Unauthorized"}`)
		return
	}
	var body map[string]any
	_ = json.NewDecoder(q.Body).Decode(&body)
	path := strings.TrimPrefix(q.URL.Path, "/rest")
	at := strings.LastIndexByte(path, '/')
	a := ask{menu: path[:at], verb: path[at+1:]}
	for name, v := range body {
		switch v := v.(type) {
		case string:
			a.fields = append(a.fields, routeros.Prop{Name: name, Value: v})
		case []any:
			for _, x := range v {
				if name == ".proplist" {
					a.only = append(a.only, x.(string))
				} else {
					n, value, _ := strings.Cut(x.(string), "=")
					a.where = routeros.Prop{Name: n, Value: value}
				}
			}
		}
	}
	rows, err := r.call(a)
	switch {
	case err == errCut:
		panic(http.ErrAbortHandler)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": 400, "message": "Bad Request", "detail": err.Error()})
	default:
		_ = json.NewEncoder(w).Encode(append([]map[string]string{}, rows...))
	}
}
