package platform

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// watched is what a watcher of loopback sees.
type watched struct {
	payload string
	to      netip.AddrPort
}

func TestAWatcherSeesWhatArrivesAndTakesNothingFromAnybody(t *testing.T) {
	const magic = 0x77617463 // "watc"
	n := Real(RealOptions{})
	w, err := n.(WatchNetwork).WatchUDP(t.Context(), WatchUDPOptions{Magic: magic, MagicOffset: 2})
	if errors.Is(err, ErrPrivilege) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen, ended := make(chan watched, 16), make(chan error, 1)
	go func() {
		ended <- w.Watch(func(payload []byte, _, to netip.AddrPort) { seen <- watched{string(payload), to} })
	}()
	loopback := netip.MustParseAddr("127.0.0.1")
	owner, err := n.OpenUDP(t.Context(), netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	meant := string(binary.BigEndian.AppendUint32([]byte("ab"), magic)) + "content"
	for _, b := range []string{"something else", "a" + meant, meant, "x"} {
		if err := owner.WriteTo([]byte(b), owner.LocalAddr(), SendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case got := <-seen:
		if want := (watched{meant, owner.LocalAddr()}); got != want {
			t.Errorf("it saw %+v, want %+v", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Error("it saw nothing")
	}
	buf, got := make([]byte, 100), 0
	_ = owner.SetReadDeadline(time.Now().Add(5 * time.Second))
	for ; got < 4; got++ {
		if _, err := owner.ReadFrom(buf); err != nil {
			t.Fatalf("the owner of the port got %d of 4 datagrams: %v", got, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after Close: %v", err)
	}
	if len(seen) > 0 {
		t.Errorf("it saw more: %+v", <-seen)
	}
}
