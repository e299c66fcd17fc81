package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// prober is a responder that may probe the SIP servers of the world around it.
type prober struct {
	*testing.T
	*probing
	mu      sync.Mutex
	asked   []string          // methods that reached the PBX over UDP
	refuses map[string]string // with what, by method; the others it answers with 200
}

// newProber has a PBX at 198.51.100.20, of which pbx.example.net is the name, and
// nothing that answers at .30.
func newProber(t *testing.T, probe ...string) *prober {
	t.Helper()
	w := checktest.New(7)
	t.Cleanup(w.Close)
	net := w.Segment("198.51.100.0/24")
	pbx := net.Host("198.51.100.20")
	net.Host("198.51.100.30")
	w.AddName("pbx.example.net", "198.51.100.20")
	o := serveOptions{metrics: ":9765", probe: probe}
	p, err := o.prober(streams{Lang: words.English, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	p.net = net.Host("198.51.100.1")
	c := &prober{T: t, probing: p}
	u, err := pbx.OpenUDP(t.Context(), netip.MustParseAddrPort("198.51.100.20:5060"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	go c.answer(u)
	return c
}

// answer answers everything, until the socket is closed.
func (c *prober) answer(u platform.UDPConn) {
	b := make([]byte, 65536)
	for {
		d, err := u.ReadFrom(b)
		if err != nil {
			return
		}
		first, rest, _ := strings.Cut(string(b[:d.N]), "\r\n")
		method := strings.Fields(first)[0]
		c.mu.Lock()
		c.asked = append(c.asked, method)
		status := cmp.Or(c.refuses[method], "200 OK")
		c.mu.Unlock()
		_ = u.WriteTo([]byte("SIP/2.0 "+status+"\r\n"+rest), d.From, platform.SendOptions{})
	}
}

func (c *prober) get(query string, header ...string) (status int, body string) {
	c.Helper()
	r := httptest.NewRequestWithContext(c.Context(), http.MethodGet, "/probe?"+query, nil)
	if len(header) > 0 {
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", header[0])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTheResponderSeesWhetherAServerAnswers(t *testing.T) {
	c := newProber(t, "pbx.example.net", "198.51.100.30:5060")
	status, body := c.get("target=PBX.example.net&module=signalling")
	for _, want := range []string{"\nprobe_success 1\n", `sipdoctor_signalling_up{transport="udp"} 1`, `sipdoctor_check_status{check="signalling",status="pass"} 1`, "\nprobe_duration_seconds 0."} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("status %d, without %q:\n%s", status, want, body)
		}
	}
	if strings.Contains(body, "198.51.100.20") {
		t.Errorf("an address is in the metrics:\n%s", body)
	}
	before := strings.Join(c.asked, " ")
	if before != "OPTIONS" { // a REGISTER a minute is what fail2ban bans for
		t.Errorf("the PBX was asked %s", before)
	}
	if _, again := c.get("target=pbx.example.net"); !strings.Contains(again, "probe_success 1") || strings.Join(c.asked, " ") != before {
		t.Errorf("the second Prometheus server: the PBX was asked %v;\n%s", c.asked, again)
	}
	// A server that is silent is known to be after five seconds, not after one.
	status, body = c.get("target=198.51.100.30:5060", "1")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "raise the scrape timeout") || strings.Contains(body, "probe_success") {
		t.Errorf("too little time: status %d\n%s", status, body)
	}
	status, body = c.get("target=198.51.100.30:5060", "10")
	if status != http.StatusOK || !strings.Contains(body, "\nprobe_success 0\n") || strings.Contains(body, `status="pass"} 1`) {
		t.Errorf("a silent server: status %d\n%s", status, body)
	}
}

// A PBX that wants a password from strangers is asked every minute, and must not count
// that as a thousand failed logins a day.
func TestTheResponderIsNotBannedForItsProbes(t *testing.T) {
	c := newProber(t, "pbx.example.net")
	c.refuses = map[string]string{"OPTIONS": "401 Unauthorized", "BYE": "481 Call/Transaction Does Not Exist"}
	for range 3 {
		if status, body := c.get("target=pbx.example.net"); status != http.StatusOK || !strings.Contains(body, "\nprobe_success 1\n") {
			t.Errorf("status %d\n%s", status, body)
		}
		clear(c.recent) // a minute later
	}
	if got := strings.Join(c.asked, " "); got != "OPTIONS BYE BYE" {
		t.Errorf("the PBX was asked %s", got)
	}
}

func TestTheResponderAsksOnlyWhomItMay(t *testing.T) {
	c := newProber(t, "pbx.example.net", "sip.example.net:5070", "192.0.2.0/24", "2001:db8::/32")
	c.begins = rate.NewLimiter(0, 0) // 429 means that it would have asked
	for query, want := range map[string]int{
		"target=pbx.example.net":        http.StatusTooManyRequests,
		"target=pbx.example.net:5060":   http.StatusTooManyRequests,
		"target=pbx.example.net:5061":   http.StatusTooManyRequests,
		"target=pbx.example.net:22":     http.StatusForbidden,
		"target=sip.example.net:5070":   http.StatusTooManyRequests,
		"target=sip.example.net":        http.StatusForbidden,
		"target=192.0.2.77:5080":        http.StatusTooManyRequests,
		"target=[2001:db8::5]:5060":     http.StatusTooManyRequests,
		"target=192.0.3.1":              http.StatusForbidden,
		"target=::ffff:192.0.2.1":       http.StatusForbidden,
		"target=evil.example":           http.StatusForbidden,
		"":                              http.StatusBadRequest,
		"target=a%20b":                  http.StatusBadRequest,
		"target=pbx.example.net%0aX":    http.StatusBadRequest,
		"target=pbx.example.net:0":      http.StatusBadRequest,
		"target=192.0.2.1&module=icmp":  http.StatusBadRequest,
		"target=192.0.2.1&module=%1b[J": http.StatusBadRequest,
	} {
		status, body := c.get(query)
		if status != want || strings.Count(body, "\n") != 1 || strings.Contains(body, "\x1b") {
			t.Errorf("%s: status %d, want %d: %q", query, status, want, body)
		}
	}
	if len(c.asked) > 0 {
		t.Errorf("the PBX was asked %v", c.asked)
	}
}

// A mistake of ours is no silence of the server's, and ends no responder.
func TestAProbeThatFailsIsNoAnswer(t *testing.T) {
	for name, look := range map[string]func(context.Context, string) *checks.Report{
		"a judge panics": func(context.Context, string) *checks.Report { panic("a mistake") },
		"its time is up": func(context.Context, string) *checks.Report {
			return &checks.Report{Results: []checks.Result{{ObserveError: &checks.ObserveError{Kind: "timeout", Text: "a mistake"}}}}
		},
	} {
		c := newProber(t, "pbx.example.net")
		c.look = look
		if status, body := c.get("target=pbx.example.net"); status != http.StatusInternalServerError || !strings.Contains(body, "a mistake") || strings.Contains(body, "probe_success") {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
}

// Whoever asks for a whole network cannot make a scanner of the responder.
func TestTheResponderIsNoScanner(t *testing.T) {
	c := newProber(t, "198.51.100.0/24")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody waits for the answers
	begun := 0
	for i := range 200 {
		at, _ := readTarget(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}).String())
		if c.probe(ctx, at, at.Host) != nil {
			begun++
		}
	}
	if begun < probeRate || begun > probeRate+2 {
		t.Errorf("%d probes began at once", begun)
	}
	for _, x := range c.recent {
		<-x.done
	}
}
