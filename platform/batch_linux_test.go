package platform_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

func openBatch(t *testing.T, at string) platform.BatchConn {
	t.Helper()
	n := platform.Real(platform.RealOptions{}).(platform.BatchNetwork)
	conn, err := n.OpenBatch(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(at), 0))
	if err != nil {
		t.Skipf("no socket at %s here: %v", at, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// texts makes messages to one peer.
func texts(to netip.AddrPort, words ...string) []platform.Message {
	var out []platform.Message
	for _, w := range words {
		out = append(out, platform.Message{Buf: []byte(w), Peer: to})
	}
	return out
}

func room(n, size int) []platform.Message {
	out := make([]platform.Message, n)
	for i := range out {
		out[i].Buf = make([]byte, size)
	}
	return out
}

// readTexts reads until it has so many or a second has passed.
func readTexts(t *testing.T, c platform.BatchConn, ms []platform.Message, enough int) (words []string, from []netip.AddrPort) {
	t.Helper()
	for len(words) < enough {
		n, err := c.ReadBatch(ms, time.Second)
		if err != nil || n == 0 {
			t.Fatalf("after %d datagrams: %v", len(words), err)
		}
		for _, m := range ms[:n] {
			words, from = append(words, string(m.Buf[:m.N])), append(from, m.Peer)
		}
	}
	return words, from
}

func TestABatchArrivesInOrderWithItsSender(t *testing.T) {
	for _, at := range []string{"127.0.0.1", "::1"} {
		t.Run(at, func(t *testing.T) {
			a, b := openBatch(t, at), openBatch(t, at)
			if err := b.SetReadBuffer(1 << 20); err != nil {
				t.Fatal(err)
			}
			want := []string{""} // an empty datagram is one, too
			for i := range 99 {
				want = append(want, fmt.Sprint("datagram ", i))
			}
			if n, err := a.WriteBatch(texts(b.LocalAddr(), want...)); n != len(want) || err != nil {
				t.Fatalf("%d sent, %v", n, err)
			}
			got, from := readTexts(t, b, room(7, 100), len(want))
			if diff := cmp.Diff(want, got); diff != "" || from[0] != a.LocalAddr() || from[99] != a.LocalAddr() {
				t.Errorf("from %s: %s", from[0], diff)
			}
			if n, err := b.ReadBatch(room(1, 10), 0); n != 0 || err != nil {
				t.Errorf("nothing is left, and reading gives %d, %v", n, err)
			}
		})
	}
}

// What stands before the datagram that cannot be sent has left, and the caller
// goes on behind it.
func TestTheErrorOfABatchIsAboutOneDatagram(t *testing.T) {
	a, b := openBatch(t, "127.0.0.1"), openBatch(t, "127.0.0.1")
	ms := texts(b.LocalAddr(), "one", "two", "three", "four")
	ms[2].Peer = netip.MustParseAddrPort("[::1]:9")
	n, err := a.WriteBatch(ms)
	if n != 2 || err == nil {
		t.Fatalf("%d sent, %v", n, err)
	}
	if n, err = a.WriteBatch(ms[3:]); n != 1 || err != nil {
		t.Fatalf("the rest: %d sent, %v", n, err)
	}
	if got, _ := readTexts(t, b, room(4, 10), 3); !cmp.Equal(got, []string{"one", "two", "four"}) {
		t.Errorf("arrived: %q", got)
	}
	long := texts(b.LocalAddr(), string(make([]byte, 70000)), "five")
	if n, err = a.WriteBatch(long); n != 0 || platform.Classify(err) != platform.ClassTooLong {
		t.Errorf("too long: %d sent, %v (%s)", n, err, platform.Classify(err))
	}
}

// An ICMP error about an earlier datagram neither stops the ones behind it nor
// hides what was received.
func TestBatchesGoOnAfterAnICMPError(t *testing.T) {
	a, b := openBatch(t, "127.0.0.1"), openBatch(t, "127.0.0.1")
	gone := openBatch(t, "127.0.0.1")
	nobody := gone.LocalAddr()
	_ = gone.Close()
	for range 3 {
		if n, err := a.WriteBatch(append(texts(nobody, "anybody?"), texts(b.LocalAddr(), "you")...)); n != 2 || err != nil {
			t.Fatalf("%d sent, %v", n, err)
		}
	}
	if got, _ := readTexts(t, b, room(4, 10), 3); len(got) != 3 {
		t.Errorf("arrived: %q", got)
	}
	if _, err := b.WriteBatch(texts(a.LocalAddr(), "answer")); err != nil {
		t.Fatal(err)
	}
	told, heard := 0, 0
	ms := room(4, 100)
	for told == 0 || heard == 0 {
		n, err := a.ReadBatch(ms, time.Second)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
			told++
			if icmp.To != nobody || icmp.Meaning() != "port unreachable" || string(icmp.Quote) != "anybody?" {
				t.Errorf("the host says %q about %s, quoting %q", icmp.Meaning(), icmp.To, icmp.Quote)
			}
		case err != nil || n == 0:
			t.Fatalf("told %d times, heard %d: %v", told, heard, err)
		default:
			heard += n
		}
	}
}

func TestReadingABatchEndsWithTheWaitAndTheSocket(t *testing.T) {
	c := openBatch(t, "127.0.0.1")
	if n, err := c.ReadBatch(room(1, 10), time.Millisecond); n != 0 || err != nil {
		t.Errorf("nothing came: %d, %v", n, err)
	}
	done := make(chan error)
	go func() {
		_, err := c.ReadBatch(room(1, 10), time.Minute)
		done <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a reader is told %v", err)
	}
	if _, err := c.WriteBatch(texts(netip.MustParseAddrPort("127.0.0.1:9"), "x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a writer is told %v", err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing twice: %v", err)
	}
}

func TestABatchSocketTakesNoPortOfOthers(t *testing.T) {
	c := openBatch(t, "127.0.0.1")
	n := platform.Real(platform.RealOptions{}).(platform.BatchNetwork)
	if _, err := n.OpenBatch(t.Context(), c.LocalAddr()); platform.Classify(err) != platform.ClassInUse {
		t.Errorf("the port was given twice: %v", err)
	}
}
