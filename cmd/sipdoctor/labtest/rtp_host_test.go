package labtest

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func on(n *lab.Node) platform.Network { return n.Network(platform.Real(platform.RealOptions{})) }

// echo answers everything at one port of a node and keeps the words it hears.
type echo struct {
	conn platform.UDPConn
	mu   sync.Mutex
	odd  []string // what was neither of ours
}

func startEcho(t *testing.T, n *lab.Node, at string) *echo {
	t.Helper()
	conn, err := on(n).OpenUDP(t.Context(), netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			d, err := conn.ReadFrom(buf)
			switch {
			case platform.Classify(err) == platform.ClassRefused:
			case err != nil:
				return
			case !bytes.HasPrefix(buf[:d.N], []byte("question ")):
				e.mu.Lock()
				e.odd = append(e.odd, fmt.Sprintf("%d bytes from %s: %.20q", d.N, d.From, buf[:d.N]))
				e.mu.Unlock()
			default:
				_ = conn.WriteTo(buf[:d.N], d.From, platform.SendOptions{})
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return e
}

// strange is what the service heard that was not meant for it.
func (e *echo) strange() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.odd)
}

// asker asks an echo every so often until it is stopped, each time twice at
// most, from the same port or from a fresh one.
type asker struct {
	asked, lost atomic.Int64
	stop        func()
}

func ask(t *testing.T, n *lab.Node, local, to string, every time.Duration) *asker {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := &asker{}
	var all sync.WaitGroup
	a.stop = func() { cancel(); all.Wait() }
	t.Cleanup(a.stop)
	from, peer := netip.MustParseAddrPort(local), netip.MustParseAddrPort(to)
	all.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			word := fmt.Sprint("question ", i)
			one := func() {
				a.asked.Add(1)
				if !askOnce(ctx, on(n), from, peer, word) && ctx.Err() == nil {
					a.lost.Add(1)
				}
			}
			if from.Port() == 0 {
				all.Go(one) // a flow of its own, beside the others
				continue
			}
			one()
		}
	})
	return a
}

func askOnce(ctx context.Context, n platform.Network, from, to netip.AddrPort, word string) bool {
	conn, err := n.OpenUDP(ctx, from)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 2048)
	for range 2 { // one lost packet proves nothing
		_ = conn.WriteTo([]byte(word), to, platform.SendOptions{})
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			d, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			if d.From == to && string(buf[:d.N]) == word {
				return true
			}
		}
	}
	return false
}

// The office's own connections go on while the default run tests a router that
// holds 16,384 of them and drops each new one beyond.
func TestTheOfficeLosesNoConnectionDuringTheDefaultRun(t *testing.T) {
	o := open(t, lab.Scenario{Name: "mid-router", Routers: []lab.Router{{NAT: lab.Preserving, FlowLimit: 16384}}})
	startEcho(t, o.STUNServer, lab.STUNServerAddr+":7007")
	a := ask(t, o.Phone, "0.0.0.0:0", lab.STUNServerAddr+":7007", 50*time.Millisecond)
	got, _, rep := o.sweep(t)
	a.stop()
	if diff := cmp.Diff(ranges{[]string{"10000-65535"}, []string{}, []string{}, []string{}, nil, 0}, got); diff != "" {
		t.Errorf("%s\n%s", diff, explain(rep))
	}
	if a.lost.Load() > 0 || a.asked.Load() < 100 {
		t.Errorf("%d of %d new connections of the office failed", a.lost.Load(), a.asked.Load())
	}
}

// A responder with nothing but CAP_NET_RAW sweeps beside a service in the middle
// of the range, and beside its own host's questions to a name server from a
// port of the range. Neither loses anything nor hears of the sweep, and after
// kill -9 nothing is left.
func TestTheRespondersHostIsLeftAlone(t *testing.T) {
	o := open(t, blocking(0, lab.Block{Protocol: "udp", Port: 30000, LastPort: 30099}))
	need(t, "setpriv", "nft")
	before := leftovers(t, o.Responder)
	fingerprint, kill := o.serveApart(t, []string{"setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all"},
		"--listen", lab.ResponderAddr, "--rtp-range", "10000-65535")
	service := startEcho(t, o.Responder, lab.ResponderAddr+":20000")
	startEcho(t, o.SIPServer, lab.SIPServerAddr+":5353")
	customers := ask(t, o.SIPServer, "0.0.0.0:0", lab.ResponderAddr+":20000", 20*time.Millisecond)
	dns := ask(t, o.Responder, lab.ResponderAddr+":40000", lab.SIPServerAddr+":5353", 20*time.Millisecond)
	unreachable := icmpSent(t, o.Responder)

	rep, exit := o.check(t, "rtp-ports", "--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", fingerprint,
		"--full", "--fast", "--rate", "20000")
	f := rtpFacts(t, rep)
	if diff := cmp.Diff([]string{"30000-30099"}, f.BlockedOutbound); diff != "" || exit != 1 || len(f.Unknown) > 0 {
		t.Errorf("exit %d, unknown %v\n%s\n%s", exit, f.Unknown, diff, explain(rep))
	}
	customers.stop()
	dns.stop()
	for who, a := range map[string]*asker{"the service's customers": customers, "the host's own questions": dns} {
		if a.lost.Load() > 0 || a.asked.Load() < 50 {
			t.Errorf("%s: %d of %d without an answer", who, a.lost.Load(), a.asked.Load())
		}
	}
	if odd := service.strange(); len(odd) > 0 {
		t.Errorf("the service heard %d datagrams of the sweep, the first: %s", len(odd), odd[0])
	}
	// The kernel itself says "port unreachable" about ports without a socket,
	// as often as its limits allow: once a second to each peer, after a few.
	if n := icmpSent(t, o.Responder) - unreachable; n > 100 {
		t.Errorf("the responder's host sent %d ICMP messages", n)
	}
	kill()
	_ = service.conn.Close()
	if diff := cmp.Diff(before, leftovers(t, o.Responder)); diff != "" {
		t.Errorf("after kill -9 (-before +after)\n%s", diff)
	}
}

// leftovers are the packet filter and the sockets of a node.
func leftovers(t *testing.T, n *lab.Node) []string {
	t.Helper()
	var out []string
	for _, c := range []string{"nft list ruleset", "cut -c1-33 /proc/net/udp | sort", "cut -c1-33 /proc/net/raw | sort"} {
		text := output(t, n, c)
		for _, l := range strings.Split(text, "\n") {
			if _, row, found := strings.Cut(l, ": "); found && !strings.Contains(c, "nft") {
				l = row // without the number of the hash bucket
			}
			out = append(out, l)
		}
	}
	return out
}

func output(t *testing.T, n *lab.Node, line string) string {
	t.Helper()
	out, err := n.Command(t.Context(), "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; "+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// icmpSent counts the "destination unreachable" that a node has sent.
func icmpSent(t *testing.T, n *lab.Node) (count int) {
	t.Helper()
	rows := strings.Split(output(t, n, "grep '^Icmp:' /proc/net/snmp"), "\n")
	at := slices.Index(strings.Fields(rows[0]), "OutDestUnreachs")
	if _, err := fmt.Sscan(strings.Fields(rows[1])[at], &count); err != nil {
		t.Fatal(err)
	}
	return count
}

// Over IPv6 the same blocks are found to the very port, at a responder that
// opens blocks of sockets there.
func TestIPv6IsSweptToTheVeryPort(t *testing.T) {
	o := open(t, blocking(0, lab.Block{Protocol: "udp", Port: 12000, LastPort: 12499}, lab.Block{Protocol: "udp", Port: 13000, LastPort: 13099, Return: true}))
	fingerprint, _ := o.serveApart(t, nil, "--listen", lab.ResponderAddr6)
	rep, exit := o.check(t, "rtp-ports", "--responder", "["+lab.ResponderAddr6+"]:9765", "--responder-fingerprint", fingerprint,
		"--fast", "--rtp-range", "10000-16000")
	f := rtpFacts(t, rep)
	got := ranges{f.Open, f.BlockedOutbound, f.BlockedReturn, f.Unknown, findings(rep), exit}
	want := ranges{[]string{"10000-11999", "12500-12999", "13100-16000"}, []string{"12000-12499"}, []string{"13000-13099"}, []string{},
		[]string{"rtp-ports.blocked-outbound", "rtp-ports.blocked-return"}, 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, explain(rep))
	}
}

// What the kernel's own filters do: this computer's OUTPUT chain, and a
// firewall that looks at the first byte after the UDP header.
func TestTheKernelsFiltersAreToldApart(t *testing.T) {
	need(t, "nft")
	for _, tt := range []struct {
		name  string
		phone string // rules of the phone, of the router
		route string
		want  ranges
	}{
		{"this computer's own firewall", "add rule inet f o udp dport 30000-40000 drop", "",
			ranges{[]string{"10000-29999", "40001-65535"}, []string{"30000-40000"}, []string{}, []string{}, []string{"rtp-ports.local-filter"}, 1}},
		{"RTP dropped by its content", "", "add rule inet f o udp dport 20000-29999 @th,64,2 2 drop",
			ranges{[]string{"10000-19999", "30000-65535"}, []string{"20000-29999"}, []string{}, []string{},
				[]string{"rtp-ports.blocked-outbound", "rtp-ports.rtp-dropped"}, 1}},
		{"nothing but RTP passes", "", "add rule inet f o udp dport 10000-65535 @th,64,2 != 2 drop",
			ranges{[]string{"10000-65535"}, []string{}, []string{}, []string{}, []string{"rtp-ports.only-rtp"}, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := open(t, blocking(0))
			for rule, where := range map[string]struct {
				node *lab.Node
				hook string
			}{tt.phone: {o.Phone, "output"}, tt.route: {o.Routers[0], "forward"}} {
				if rule != "" {
					shell(t, where.node, "nft add table inet f", "nft 'add chain inet f o { type filter hook "+where.hook+" priority -10; }'", "nft '"+rule+"'")
				}
			}
			got, _, rep := o.sweep(t, "--fast")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\n%s", diff, explain(rep))
			}
		})
	}
}
