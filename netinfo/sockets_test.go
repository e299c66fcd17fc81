package netinfo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

const procUDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: 00000000:13C4 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 1 2 0000000000000000 17
  102: 0A58A8C0:2710 010200C0:13C4 01 00000000:00000000 00:00000000 00000000     0        0 2 2 0000000000000000 0
`

const procUDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  7: B80D0120000000000000000001000000:13C6 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0000000000000000 0
`

const procTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1 0000000000000000 100 0 0 10 0
   1: 0100007F:13C4 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0000000000000000 100 0 0 10 0
`

// saved is a support bundle made of a few files.
func saved(t testing.TB, files map[string]string) platform.System {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	sys, err := platform.OpenBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func TestWhereAPBXListens(t *testing.T) {
	sys := saved(t, map[string]string{
		"proc/net/udp": procUDP, "proc/net/udp6": procUDP6, "proc/net/tcp": procTCP,
		"commands/ss_-Hlnup": `UNCONN 768    0            0.0.0.0:5060       0.0.0.0:*    users:(("asterisk",pid=812,fd=14))` + "\n",
	})
	got, notes := ReadSockets(context.Background(), sys)
	want := []Socket{
		{Protocol: "udp", Local: netip.MustParseAddrPort("0.0.0.0:5060"), Program: "asterisk", Queued: 0x300, Dropped: 17},
		{Protocol: "udp", Local: netip.MustParseAddrPort("[2001:db8::1]:5062")},
		{Protocol: "tcp", Local: netip.MustParseAddrPort("127.0.0.1:5060")},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" || len(notes) > 0 {
		t.Errorf("notes %q (-want +got):\n%s", notes, d)
	}
	for _, c := range []struct {
		name, protocol, addr string
		port                 uint16
		want                 bool
	}{
		{"on every address", "udp", "192.0.2.1", 5060, true},
		{"on the loopback only", "tcp", "192.0.2.1", 5060, false},
		{"an IPv6 address that is not IPv4", "udp", "2001:db8::1", 5060, false},
		{"its own IPv6 address", "udp", "2001:db8::1", 5062, true},
	} {
		if _, ok := Listens(got, c.protocol, netip.MustParseAddr(c.addr), c.port); ok != c.want {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
	only := saved(t, map[string]string{"commands/ss_-Hlntp": "LISTEN 0      128                *:5061             *:*    \n"})
	got, _ = ReadSockets(context.Background(), only)
	if len(got) != 1 || got[0].Local.String() != "[::]:5061" {
		t.Errorf("from ss alone: %+v", got)
	}
}

// The machine's own list has a socket that was just opened.
func TestThisMachinesSockets(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the list is Linux's")
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local := c.LocalAddr().(*net.UDPAddr).AddrPort()
	list, _ := ReadSockets(context.Background(), platform.ThisSystem())
	if _, ok := Listens(list, "udp", local.Addr(), local.Port()); !ok {
		t.Errorf("%v is not in the list of %d", local, len(list))
	}
}

func TestConnectionTracking(t *testing.T) {
	sys := saved(t, map[string]string{
		"proc/sys/net/netfilter/nf_conntrack_count":              "60000\n",
		"proc/sys/net/netfilter/nf_conntrack_max":                "65536\n",
		"proc/sys/net/netfilter/nf_conntrack_udp_timeout":        "30\n",
		"proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream": "120\n",
		"proc/sys/net/netfilter/nf_conntrack_helper":             "1\n",
		"proc/modules": "nf_nat_sip 16384 0 - Live 0x0\nnf_conntrack_sip 36864 1 nf_nat_sip, Live 0x0\n",
		"sys/module/nf_conntrack_sip/parameters/ports": "5060,5080,0,0,0,0,0,0\n",
	})
	got, notes := ReadConntrack(sys)
	want := ConntrackState{Loaded: true, Count: 60000, Max: 65536, UDPTimeout: 30, UDPStreamTimeout: 120, AutoHelper: true, SIPHelper: true, SIPNAT: true, SIPPorts: []int{5060, 5080}}
	if d := cmp.Diff(want, got); d != "" || len(notes) > 0 || got.Full() < 0.9 {
		t.Errorf("notes %q, full %v (-want +got):\n%s", notes, got.Full(), d)
	}
	if none, _ := ReadConntrack(saved(t, map[string]string{"etc/hostname": "pbx\n"})); none.Loaded || none.Count != -1 || none.Full() != 0 {
		t.Errorf("a machine that tracks nothing: %+v", none)
	}
}

func FuzzSockets(f *testing.F) {
	f.Add(procUDP)
	f.Add(procUDP6)
	f.Add(procTCP)
	f.Add(`UNCONN 0 0 [::1%lo]:53 [::]:* users:(("x",pid=1,fd=2))`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, protocol := range []string{"udp", "tcp"} {
			list := append(parseProcSockets(protocol, []byte(text)), parseSS(protocol, []byte(text))...)
			for _, s := range list {
				if !s.Local.IsValid() {
					t.Fatalf("%+v", s)
				}
			}
		}
		modulePorts(text)
		moduleNames(text)
	})
}
