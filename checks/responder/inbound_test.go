package responder_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

func portOf(p *phone) int { return int(p.conn.LocalAddr().Port()) }

func TestUnsolicitedPacketsComeToThePortsThatWereAskedForAndToNoOthers(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	wanted, other, neighbour := newPhone(t, "127.0.0.1"), newPhone(t, "127.0.0.1"), newPhone(t, strangerAddr)
	key, err := session.NewRTPKey(c.Info.ID, c.Info.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{false, true} {
		r, err := c.Inbound(t.Context(), session.InboundRequest{Ports: session.EncodePorts([]int{portOf(wanted)}), Plain: plain})
		if err != nil || r.Sent != 1 || r.To != netip.MustParseAddr("127.0.0.1") || len(r.Failed) > 0 {
			t.Fatalf("reply %+v, error %v", r, err)
		}
		b, from := wanted.hear(patient)
		p, ok := session.ParseRTPProbe(b)
		if !ok || !key.Proves(b) || !p.Answer || int(p.Port) != portOf(wanted) || p.Plain != plain {
			t.Errorf("it heard %q: %+v", b, p)
		}
		if from != r.From {
			t.Errorf("it came from %s, the reply says %s", from, r.From)
		}
		if looksLikeRTP := len(b) > 0 && b[0]>>6 == 2; looksLikeRTP == plain {
			t.Errorf("plain %v, and the packet begins with %x", plain, b[0])
		}
		if b, _ := wanted.hear(brief); b != nil {
			t.Error("a second packet came for one that was asked for")
		}
	}
	for name, p := range map[string]*phone{"another port": other, "another address": neighbour} {
		if b, _ := p.hear(time.Millisecond); b != nil {
			t.Errorf("%s got %q", name, b)
		}
	}
}

// The request has no address in it: nobody can be named.
func TestNobodyCanPointThePacketsAtSomebodyElse(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	victim := newPhone(t, strangerAddr)
	ports := session.EncodePorts([]int{portOf(victim)})

	// A client that names an address all the same gets its own packets.
	if r, err := c.Inbound(t.Context(), session.InboundRequest{Ports: ports}); err != nil || r.To == victim.conn.LocalAddr().Addr() {
		t.Errorf("reply %+v, error %v", r, err)
	}
	// A spoofed datagram has no cookie of the address it claims to come from.
	body, _ := json.Marshal(session.InboundRequest{Ports: ports})
	for name, change := range map[string]func(*session.Frame){
		"with the session's proof, without a cookie": func(f *session.Frame) { f.Sign(c.Info.Secret) },
		"with a wrong cookie": func(f *session.Frame) {
			f.Cookie = make([]byte, session.CookieLen)
			f.Sign(c.Info.Secret)
		},
		"with nothing": func(*session.Frame) {},
	} {
		f := session.Frame{Call: randomCall(), Op: session.OpInbound, Session: c.Info.ID, Body: body}
		change(&f)
		asked := seal(t, f)
		victim.send(c.Info.PlainUDP[0], asked)
		back := 0
		for b, _ := victim.hear(brief); b != nil; b, _ = victim.hear(brief) {
			back += len(b)
			if _, ok := session.ParseRTPProbe(b); ok {
				t.Errorf("%s: a packet of the test came", name)
			}
		}
		if back > len(asked) {
			t.Errorf("%s: %d bytes came back for %d", name, back, len(asked))
		}
	}
}

func TestWhatNoPBXNeedsIsRefused(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	for name, r := range map[string]struct {
		ports []string
		says  string
	}{
		"no port":                 {nil, "at least one"},
		"ports of services":       {[]string{"53"}, "ports from 1024"},
		"more than half a second": {[]string{"10000-10256"}, "more than 256"},
		"no number":               {[]string{"all"}, "not PORT"},
	} {
		if _, err := c.Inbound(t.Context(), session.InboundRequest{Ports: r.ports}); err == nil || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheRateToOneAddressIsHeld(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	began := time.Now()
	r, err := c.Inbound(t.Context(), session.InboundRequest{Ports: []string{"30000-30199"}, Rate: 1 << 30})
	least := 199 * time.Second / session.MaxInboundRate
	if took := time.Since(began); err != nil || r.Sent != 200 || took < least {
		t.Errorf("%d packets in %s, error %v; at least %s", r.Sent, took, err, least)
	}
}

func TestASecondTestOfTheSameAddressHasToWait(t *testing.T) {
	s := start(t, nil)
	first, second := open(t, s), open(t, s)
	p := newPhone(t, "127.0.0.1")
	req := session.InboundRequest{Ports: session.EncodePorts([]int{portOf(p)})}
	if _, err := first.Inbound(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	r, err := second.Inbound(t.Context(), req)
	if err != nil || r.WaitS < 1 || r.Sent != 0 {
		t.Errorf("the second gets %+v, error %v", r, err)
	}
	if r, err = first.Inbound(t.Context(), req); err != nil || r.Sent != 1 {
		t.Errorf("the first goes on with %+v, error %v", r, err)
	}
	heard := 0
	for b, _ := p.hear(brief); b != nil; b, _ = p.hear(brief) {
		heard++
	}
	if diff := cmp.Diff(2, heard); diff != "" {
		t.Errorf("packets that came (-want +got)\n%s", diff)
	}
}
