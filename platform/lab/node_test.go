package lab

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

func TestNetwork_socketsOpenedFromManyGoroutinesAllLiveInTheirNode(t *testing.T) {
	o := standing(t, "clean")
	ctx := context.Background()
	server := udp(t, o.Responder, ResponderAddr+":3478")
	phone := o.Phone.Network(platform.Real(platform.RealOptions{}))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			c, err := phone.OpenUDP(ctx, netip.AddrPortFrom(netip.MustParseAddr(PhoneAddr), uint16(41000+i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if err := c.WriteTo([]byte("here"), netip.MustParseAddrPort(ResponderAddr+":3478"), platform.SendOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range 50 {
		if _, from := hear(t, server); !strings.HasPrefix(from, WANAddr+":410") {
			t.Errorf("the server heard %s", from)
		}
	}
}

func TestNetwork_tcpNamesAndRoutesAreTheNodesToo(t *testing.T) {
	o := standing(t, "no-nat")
	ctx := context.Background()
	real := platform.Real(platform.RealOptions{})
	phone, responder := o.Phone.Network(real), o.Responder.Network(real)

	source, err := phone.SourceFor(netip.MustParseAddr(ResponderAddr))
	if err != nil || source.String() != PhoneAddr {
		t.Errorf("the source is %s, %v", source, err)
	}
	addrs, err := phone.LookupAddrs(ctx, "responder.lab")
	if diff := cmp.Diff([]string{ResponderAddr, ResponderAddr6}, texts(addrs)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := phone.LookupAddrs(ctx, "example.com"); err == nil {
		t.Error("a name of the outside world resolves")
	}
	l, err := responder.ListenTCP(ctx, netip.MustParseAddrPort(ResponderAddr+":5061"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := phone.DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort(ResponderAddr+":5061"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if got := accepted.RemoteAddr().String(); got != c.LocalAddr().String() || !strings.HasPrefix(got, PhoneAddr+":") {
		t.Errorf("the server sees %s, the phone is %s", got, c.LocalAddr())
	}
}

func TestNode_threadsGoHomeAfterwards(t *testing.T) {
	needLab(t)
	before := interfaces(t)
	o := standing(t, "clean")
	for range 100 {
		if err := o.Phone.Do(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // on whatever threads the runtime has by now
		if diff := cmp.Diff(before, interfaces(t)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestNode_aFunctionThatEndsItsGoroutineIsAnError(t *testing.T) {
	o := standing(t, "clean")
	if err := o.Phone.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("no error")
	}
}

func TestOffice_closingItEndsItsCommands(t *testing.T) {
	o := standing(t, "clean")
	c := o.Phone.Command(context.Background(), "sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	o.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the command ended by itself")
		}
	case <-time.After(patience):
		t.Error("the command still runs")
	}
	if err := o.Phone.Command(context.Background(), "true").Run(); !errors.Is(err, errNodeClosed) {
		t.Errorf("a command in a closed office: %v", err)
	}
}

func interfaces(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for l := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(l, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return strings.Join(names, " ")
}

func texts(addrs []netip.Addr) (out []string) {
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}
