package responder_test

import (
	"context"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A PBX on one of two addresses keeps its port there, and the client is told so
// at that address only.
func TestAPortIsServedWhereItIsHeld(t *testing.T) {
	p, err := realNet().OpenUDP(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sip := int(p.LocalAddr().Port())
	s := start(t, func(c *responder.Config) {
		c.Listen = append(c.Listen, netip.MustParseAddr("127.0.0.2"))
		c.SIPPorts, c.System = []int{sip}, platform.ThisSystem()
	})
	here := open(t, s).Info
	other := target(s)
	other.Host = strings.Replace(other.Host, "127.0.0.1", "127.0.0.2", 1)
	c, err := session.Open(t.Context(), realNet(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	there := c.Info
	if slices.Contains(here.SIPUDP, sip) || !slices.Contains(there.SIPUDP, sip) {
		t.Errorf("UDP %d is the PBX's at 127.0.0.1: told %v there and %v at 127.0.0.2", sip, here.SIPUDP, there.SIPUDP)
	}
	if !slices.Contains(here.SIPTCP, sip) {
		t.Errorf("TCP %d is free, told %v", sip, here.SIPTCP)
	}
	if len(here.Busy) != 1 || !strings.Contains(here.Busy[0], "SIP over UDP "+p.LocalAddr().String()+": in use") || len(there.Busy) != 0 {
		t.Errorf("told %q at the PBX's address and %q at the other", here.Busy, there.Busy)
	}
	at := s.Ports().At
	if len(at) != 2 || len(at[0].SIPUDP) != 0 || len(at[1].SIPUDP) != 1 {
		t.Errorf("for people: %+v", at)
	}
}

// machine is a system of which only the socket lists exist.
type machine struct {
	platform.System
	mu    sync.Mutex
	files fstest.MapFS
}

func (m *machine) Open(name string) (fs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files.Open(strings.TrimPrefix(path.Clean(name), "/"))
}

func (m *machine) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.files[strings.Join(append([]string{program}, args...), " ")]; ok {
		return f.Data, nil
	}
	return nil, fs.ErrNotExist
}
func (m *machine) Glob(string) ([]string, error) { return nil, nil }
func (m *machine) Live() bool                    { return false }

// listens lists sockets as the kernel does, "0100007F:13C4 07".
func (m *machine) listens(file string, sockets ...string) {
	text := "  sl  local_address rem_address   st tx_queue rx_queue\n"
	for _, s := range sockets {
		at, state, _ := strings.Cut(s, " ")
		text += "  1: " + at + " 00000000:0000 " + state + " 00000000:00000000\n"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files["proc/net/"+file] = &fstest.MapFile{Data: []byte(text)}
}

// Where the responder has a port at all addresses, another program may still
// have it at one of them, and gets what is sent there.
func TestAPortThatAnotherProgramHasAtThisAddressIsNotOffered(t *testing.T) {
	m := &machine{files: fstest.MapFS{}}
	s := start(t, func(c *responder.Config) { c.Listen, c.System = []netip.Addr{netip.IPv4Unspecified()}, m })
	sip := s.Ports().SIPUDP[0]
	hex := func(addr string, port int) string {
		const digits = "0123456789ABCDEF"
		b := []byte{digits[port>>12], digits[port>>8&15], digits[port>>4&15], digits[port&15]}
		return addr + ":" + string(b)
	}
	told := func() []int { time.Sleep(1100 * time.Millisecond); return open(t, s).Info.SIPUDP }
	for _, tt := range []struct {
		name    string
		sockets []string
		want    []int
	}{
		{"nobody else listens", nil, []int{sip}},
		{"our own socket is in the list", []string{hex("00000000", sip) + " 07"}, []int{sip}},
		{"a PBX at another address", []string{hex("0200007F", sip) + " 07"}, []int{sip}},
		{"a PBX at this address, on another port", []string{hex("0100007F", sip+1) + " 07"}, []int{sip}},
		{"a call from this address and port", []string{hex("0100007F", sip) + " 01"}, []int{sip}},
		{"a PBX at this address, started later", []string{hex("0100007F", sip) + " 07"}, nil},
	} {
		m.listens("udp", tt.sockets...)
		if d := cmp.Diff(tt.want, told()); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
	if busy := open(t, s).Info.Busy; len(busy) != 1 || !strings.HasPrefix(busy[0], "SIP over UDP 127.0.0.1:") {
		t.Errorf("told that %q is not served", busy)
	}
}

func (m *machine) prints(command, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[command] = &fstest.MapFile{Data: []byte(text)}
}

// A rule that takes a port to a PBX in a container leaves the responder's
// socket where it is, and empty.
func TestAPortThatARuleTakesElsewhereIsNotOffered(t *testing.T) {
	for _, tt := range []struct {
		name, rule string
		offered    bool
		checked    bool
	}{
		{"no rules", "", true, true},
		{"a container's SIP port", "-A PREROUTING -p udp -m udp --dport PORT -j DNAT --to-destination 172.17.0.2:5060", false, true},
		{"of one interface", "-A PREROUTING -i eth0 -p udp -m udp --dport PORT -j DNAT --to-destination 172.17.0.2:5060", false, true},
		{"another port of this machine", "-A PREROUTING -p udp -m udp --dport PORT -j REDIRECT --to-ports 5070", false, true},
		{"TCP only", "-A PREROUTING -p tcp -m tcp --dport PORT -j DNAT --to-destination 172.17.0.2:5060", true, true},
		{"another address", "-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport PORT -j DNAT --to-destination 172.17.0.2:5060", true, true},
		{"another port", "-A PREROUTING -p udp -m udp --dport 1 -j DNAT --to-destination 172.17.0.2:5060", true, true},
		{"unreadable rules", "not a rule at all", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := realNet().OpenUDP(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
			if err != nil {
				t.Fatal(err)
			}
			sip := int(p.LocalAddr().Port())
			_ = p.Close()
			m := &machine{files: fstest.MapFS{}}
			if tt.rule != "" {
				m.prints("iptables-nft-save -c", "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"+
					strings.ReplaceAll(tt.rule, "PORT", strconv.Itoa(sip))+"\nCOMMIT\n")
			}
			s := start(t, func(c *responder.Config) { c.SIPPorts, c.System = []int{sip}, m })
			i := open(t, s).Info
			if slices.Contains(i.SIPUDP, sip) != tt.offered || i.PortsChecked != tt.checked {
				t.Errorf("told SIP over UDP %v, checked %v; the port is %d", i.SIPUDP, i.PortsChecked, sip)
			}
			told := strings.Contains(strings.Join(i.Busy, "\n"), "SIP over UDP "+p.LocalAddr().String()+": a packet filter rule of this machine takes it elsewhere")
			if told == tt.offered {
				t.Errorf("not served: %q", i.Busy)
			}
		})
	}
}
