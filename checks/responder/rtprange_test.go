package responder_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

// unprivileged hides from the responder that it may open raw sockets.
type unprivileged struct{ platform.Network }

// withRTP serves a range that few programs use. The responder has a raw
// socket where this test may, and sockets of single ports if not.
func withRTP(c *responder.Config) { c.RTPFirst, c.RTPLast = 23000, 24999 }

func withBlocks(c *responder.Config) {
	withRTP(c)
	c.Net = unprivileged{c.Net}
}

func keyOf(t *testing.T, c *session.Client) *session.RTPKey {
	t.Helper()
	k, err := session.NewRTPKey(c.Info.ID, c.Info.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// probe is one RTP probe, changed by alter.
func probe(k *session.RTPKey, port int, alter func(*session.RTPProbe)) []byte {
	p := session.RTPProbe{Session: k.Session, Port: uint16(port), Serial: uint32(port)}
	if alter != nil {
		alter(&p)
	}
	return k.Append(nil, p)
}

// heard returns the datagrams that come within the wait. What the host says
// about ports without a socket is no datagram.
func (p *phone) heard(wait time.Duration, enough int) (out [][]byte, from []netip.AddrPort) {
	buf := make([]byte, 2048)
	for end := time.Now().Add(wait); time.Now().Before(end) && len(out) < enough; {
		_ = p.conn.SetReadDeadline(end)
		d, err := p.conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		if errors.As(err, &icmp) || err != nil {
			continue
		}
		out, from = append(out, append([]byte(nil), buf[:d.N]...)), append(from, d.From)
	}
	return out, from
}

func TestTheWholeRangeAnswersFromThePortThatWasAsked(t *testing.T) {
	for name, config := range map[string]func(*responder.Config){"with the rights for it": withRTP, "with sockets of single ports": withBlocks} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config)
			c := open(t, s)
			if c.Info.RTPRange != "23000-24999" || name != "with the rights for it" && c.Info.RTPBlock == 0 {
				t.Fatalf("the session is told %q, %d at a time", c.Info.RTPRange, c.Info.RTPBlock)
			}
			ports := []int{23000, 23001, 23500, 24999}
			if r, err := c.Sweep(t.Context(), session.SweepRequest{Hold: session.EncodePorts(ports)}); err != nil || len(r.Busy) > 0 {
				t.Fatalf("%v, busy %v", err, r.Busy)
			}
			k, p := keyOf(t, c), newPhone(t, "127.0.0.1")
			for _, port := range ports {
				p.send(port, probe(k, port, nil))
				got, from := p.heard(patient, 1)
				if len(got) != 1 {
					t.Fatalf("port %d: no answer", port)
				}
				want := session.RTPProbe{Session: k.Session, Port: uint16(port), Serial: uint32(port), Answer: true}
				read, ok := session.ParseRTPProbe(got[0])
				if diff := cmp.Diff(want, read); diff != "" || !ok || !k.Proves(got[0]) || int(from[0].Port()) != port || len(got[0]) > session.RTPProbeSize {
					t.Errorf("port %d answered from %s with %d bytes:\n%s", port, from[0], len(got[0]), diff)
				}
			}
			b, err := c.Bitmap(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var arrived []int
			for port := range 1 << 16 {
				if b.Arrived.Has(port) {
					arrived = append(arrived, port)
				}
			}
			if diff := cmp.Diff(ports, arrived); diff != "" || b.Probes != len(ports) || b.Moved+b.Unproved > 0 {
				t.Errorf("%+v\n%s", b.Probes, diff)
			}
		})
	}
}

// Everything that deserves no answer, from the client's own address and from
// one that has proved nothing.
func TestRTPIsAnsweredToNobodyElse(t *testing.T) {
	for name, config := range map[string]func(*responder.Config){"raw": withRTP, "blocks": withBlocks} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config)
			c, idle := open(t, s), open(t, s)
			if _, err := c.Sweep(t.Context(), session.SweepRequest{Hold: []string{"23100-23110"}}); err != nil {
				t.Fatal(err)
			}
			k := keyOf(t, c)
			wrong, err := session.NewRTPKey(c.Info.ID, []byte("guess"))
			if err != nil {
				t.Fatal(err)
			}
			me, other := newPhone(t, "127.0.0.1"), newPhone(t, strangerAddr)
			me.send(23100, probe(wrong, 23100, nil))
			me.send(23101, probe(keyOf(t, idle), 23101, nil)) // a session that sweeps nothing
			me.send(23102, probe(k, 23102, func(p *session.RTPProbe) { p.Answer = true }))
			me.send(23103, append(probe(k, 23103, nil), 0))
			me.send(23104, probe(k, 23104, nil)[:100])
			me.send(22999, probe(k, 22999, nil)) // outside of the range
			other.send(23105, probe(k, 23105, nil))
			for who, p := range map[string]*phone{"the client": me, "somebody else": other} {
				if got, _ := p.heard(brief, 1); len(got) > 0 {
					t.Errorf("%s was answered: % x", who, got[0][:40])
				}
			}
			b, err := c.Bitmap(t.Context())
			if err != nil || b.Probes != 1 || b.Unproved != 1 || !b.Arrived.Has(23105) {
				t.Errorf("%v: %d probes, %d unproved", err, b.Probes, b.Unproved)
			}
			if _, err := idle.Bitmap(t.Context()); err == nil || !strings.Contains(err.Error(), "has not started a sweep") {
				t.Errorf("the idle session's bitmap: %v", err)
			}
		})
	}
}

func TestAProbeForAnotherPortIsNoArrival(t *testing.T) {
	s := start(t, withRTP)
	c := open(t, s)
	if _, err := c.Sweep(t.Context(), session.SweepRequest{Hold: []string{"23200-23210"}}); err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, "127.0.0.1")
	p.send(23201, probe(keyOf(t, c), 23205, nil))
	p.heard(patient, 1)
	if b, err := c.Bitmap(t.Context()); err != nil || b.Moved != 1 || b.Arrived.Has(23201) || b.Arrived.Has(23205) {
		t.Errorf("%v: %+v", err, b.Moved)
	}
}

func TestBlocksSlideAlongAndLeaveNothingBehind(t *testing.T) {
	s := start(t, withBlocks)
	c, second := open(t, s), open(t, s)
	taken, err := realNet().OpenUDP(t.Context(), netip.AddrPortFrom(loopback, 23333))
	if err != nil {
		t.Skipf("port 23333 is in use here: %v", err)
	}
	defer func() { _ = taken.Close() }()
	hold := func(c *session.Client, ports string) []string {
		t.Helper()
		r, err := c.Sweep(t.Context(), session.SweepRequest{Hold: []string{ports}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Busy
	}
	free := func(port uint16) bool {
		conn, err := realNet().OpenUDP(t.Context(), netip.AddrPortFrom(loopback, port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if diff := cmp.Diff([]string{"23333"}, hold(c, "23300-23400")); diff != "" {
		t.Error(diff)
	}
	if free(23301) || !free(23500) {
		t.Error("not exactly the wanted ports are open")
	}
	hold(second, "23390-23395")
	hold(c, "23380-23500")
	if !free(23301) || free(23380) || free(23500) {
		t.Error("the block has not slid along")
	}
	if _, err := c.Sweep(t.Context(), session.SweepRequest{Stop: true}); err != nil {
		t.Fatal(err)
	}
	if !free(23500) || free(23392) {
		t.Error("after the stop a port is left, or one of another session's is gone")
	}
	if err := second.Close(t.Context()); err != nil || !free(23392) {
		t.Errorf("after the end of the session a port is left (%v)", err)
	}
}

func TestASweepIsBounded(t *testing.T) {
	s := start(t, withBlocks)
	c := open(t, s)
	for _, tt := range []struct {
		name string
		hold []string
		want string
	}{
		{"more ports than two blocks", []string{"23000-24999", "23000-23010"}, "more than 2000 ports"},
		{"ports outside of the range", []string{"5060"}, "answers on ports 23000-24999 only"},
		{"no ports", []string{"all"}, "not PORT, FIRST-LAST"},
	} {
		if _, err := c.Sweep(t.Context(), session.SweepRequest{Hold: tt.hold}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	none := start(t, func(c *responder.Config) { c.RTPFirst = -1 })
	c = open(t, none)
	if _, err := c.Sweep(t.Context(), session.SweepRequest{}); err == nil || c.Info.RTPRange != "" {
		t.Errorf("a responder without RTP: %q, %v", c.Info.RTPRange, err)
	}
}

// While audio is sent from the port that an SDP named, that port is still one
// of the range, for other sessions too.
func TestAPortThatSendsAudioIsNotAnotherPrograms(t *testing.T) {
	for name, config := range map[string]func(*responder.Config){"raw": withRTP, "blocks": withBlocks} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config)
			c, second := open(t, s), open(t, s)
			p, ear := newPhone(t, "127.0.0.1"), newPhone(t, "127.0.0.1")
			invite := sipRequest("INVITE", c.Token(1), "udp", int(ear.conn.LocalAddr().Port()))
			named := int(namedPort(t, p.ask(c.Info.SIPUDP[0], invite, patient)))
			sent := make(chan error, 1)
			go func() { _, err := c.RTP(t.Context(), session.RTPRequest{Probe: 1}); sent <- err }()
			if _, from := ear.heard(patient, 1); len(from) != 1 || int(from[0].Port()) != named {
				t.Fatalf("audio from %v, the SDP named %d", from, named)
			}
			r, err := second.Sweep(t.Context(), session.SweepRequest{Hold: session.EncodePorts([]int{named})})
			if err != nil || len(r.Busy) > 0 {
				t.Errorf("%v, busy %v", err, r.Busy)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}
