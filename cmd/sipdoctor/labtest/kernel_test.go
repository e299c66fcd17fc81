package labtest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The SIP helper of the office in memory stands for the kernel's in hundreds of
// tests. Here both get the same messages from the same ports, and whatever
// leaves them must be the same, byte for byte.

// withHelper is an office whose router has the kernel's SIP helper on UDP and
// TCP port 5060.
func withHelper(nat lab.NAT) lab.Scenario {
	return lab.Scenario{
		Name:    "kernel-and-memory",
		Routers: []lab.Router{{NAT: nat, Stateful: true, ALG: []lab.ALG{{Protocol: "udp", Port: 5060}, {Protocol: "tcp", Port: 5060}}}},
	}
}

// ends are the two ends of a path, in the kernel or in memory.
type ends struct{ phone, server platform.Network }

func bothWorlds(t *testing.T, s lab.Scenario) map[string]ends {
	t.Helper()
	need(t)
	o, err := lab.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	m := checktest.FromScenario(s)
	t.Cleanup(m.World.Close)
	return map[string]ends{
		"kernel": {o.Phone.Network(platform.Real(platform.RealOptions{})), o.Responder.Network(platform.Real(platform.RealOptions{}))},
		"memory": {m.Phone, m.Responder},
	}
}

// flow is one phone's flow to the server's port 5060.
type flow struct {
	*testing.T
	phone, server platform.UDPConn
	hears         platform.UDPConn // where the phone hears the answers; mostly phone itself
	self          netip.AddrPort   // the phone, as it knows itself
	remote        netip.AddrPort   // the server
	seen          netip.AddrPort   // the phone, as the server knows it
}

func openFlow(t *testing.T, e ends, port uint16, server platform.UDPConn) *flow {
	t.Helper()
	return openFlowFrom(t, e, netip.AddrPortFrom(netip.MustParseAddr(lab.PhoneAddr), port), server)
}

func openFlowFrom(t *testing.T, e ends, self netip.AddrPort, server platform.UDPConn) *flow {
	t.Helper()
	f := &flow{T: t, server: server, self: self,
		remote: netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), 5060)}
	f.phone = listen(t, e.phone, f.self)
	f.hears = f.phone
	f.out([]byte("who am I"))
	return f
}

func listen(t *testing.T, n platform.Network, at netip.AddrPort) platform.UDPConn {
	t.Helper()
	c, err := n.OpenUDP(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const (
	nothing      = "(nothing)"
	nothingAtAll = "(nothing, and nothing after it)"
)

// pass sends a message and then a marker that is no SIP: what comes before the
// marker is what became of the message. Nothing rests on waiting.
func (f *flow) pass(from, to platform.UDPConn, peer netip.AddrPort, message []byte) (string, netip.AddrPort) {
	f.Helper()
	const marker = "and that was all of it"
	for _, b := range [][]byte{message, []byte(marker)} {
		if err := from.WriteTo(b, peer, platform.SendOptions{}); err != nil {
			f.Fatal(err)
		}
	}
	got := nothing
	buf := make([]byte, 65536)
	_ = to.SetReadDeadline(time.Now().Add(time.Second))
	for {
		d, err := to.ReadFrom(buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nothingAtAll, netip.AddrPort{}
		case err != nil:
			f.Fatal(err)
		case string(buf[:d.N]) == marker:
			return got, d.From
		}
		got = string(buf[:d.N])
	}
}

// out sends from the phone, in from the server.
func (f *flow) out(message []byte) string {
	f.Helper()
	got, from := f.pass(f.phone, f.server, f.remote, message)
	f.seen = from
	return got
}

func (f *flow) in(message []byte) string {
	f.Helper()
	got, _ := f.pass(f.server, f.hears, f.seen, message)
	return got
}

func TestTheHelperInMemoryIsTheKernels(t *testing.T) {
	for _, nat := range []lab.NAT{lab.Preserving, lab.Random, lab.NoNAT} {
		t.Run(string(nat), func(t *testing.T) {
			differ := differences(t, nat)
			// A public port taken at random may be one that another flow's
			// audio holds, and the kernel then drops the message. That is
			// chance; what differs again in a new office is not.
			for again := 0; len(differ) > 0 && again < 2; again++ {
				once := differ
				differ = differences(t, nat)
				maps.DeleteFunc(differ, func(name, _ string) bool { return once[name] == "" })
			}
			for name, diff := range differ {
				t.Errorf("%s: the kernel (-) and memory (+) differ:\n%s", name, diff)
			}
		})
	}
}

// differences passes everything through a kernel and a memory office and says
// what came out differently, by name.
func differences(t *testing.T, nat lab.NAT) map[string]string {
	t.Helper()
	became := map[string]map[string][]string{}
	for name, e := range bothWorlds(t, withHelper(nat)) {
		became[name] = passCorpus(t, e, nat != lab.NoNAT)
		maps.Copy(became[name], passCalls(t, e))
	}
	out := map[string]string{}
	for name, kernel := range became["kernel"] {
		if diff := cmp.Diff(kernel, became["memory"][name]); diff != "" {
			out[name] = diff
		}
	}
	return out
}

// passCorpus sends every request out, on a flow of its own, and an answer in.
func passCorpus(t *testing.T, e ends, translated bool) map[string][]string {
	t.Helper()
	server := listen(t, e.server, netip.MustParseAddrPort(lab.ResponderAddr+":5060"))
	defer server.Close()
	out := map[string][]string{}
	port := uint16(40000)
	for _, name := range slices.Sorted(maps.Keys(corpus())) {
		c := corpus()[name]
		port++
		f := openFlow(t, e, port, server)
		if other := answeredAt()[name]; other != 0 && translated {
			f.hears = listen(t, e.phone, netip.AddrPortFrom(f.self.Addr(), other))
		}
		request := f.out(f.request(c[0], c[1], c[2:]...))
		out[name] = append(out[name], f.told(request))
		if request != nothing {
			out[name] = append(out[name], f.told(f.in(f.answer(request, c[1] != ""))))
		}
	}
	return out
}

// told is a text with what chance has decided taken out: the public port.
func (f *flow) told(text string) string {
	return strings.ReplaceAll(text, fmt.Sprint(f.seen.Port()), "PUBLICPORT")
}

// passCalls lets the server call on flows of the phone, which answers: a call
// with its provisional answer, its answer and its end, one that is refused and
// one whose server speaks of other addresses than its own.
func passCalls(t *testing.T, e ends) map[string][]string {
	t.Helper()
	server := listen(t, e.server, netip.MustParseAddrPort(lab.ResponderAddr+":5060"))
	defer server.Close()
	out := map[string][]string{}
	port := uint16(41000)
	for _, name := range slices.Sorted(maps.Keys(calls())) {
		port++
		f := openFlow(t, e, port, server)
		for _, step := range calls()[name] {
			if step.answer == "" {
				out[name] = append(out[name], f.told(f.in(f.call(step))))
			} else {
				out[name] = append(out[name], f.told(f.out(f.reply(step))))
			}
		}
	}
	return out
}

// Two phones that use the same RTP port towards the same server: the kernel's
// helper drops the second call. (Phones do: many begin at a fixed port.)
func TestTheKernelDropsACallWhoseRTPPortAnotherPhoneHas(t *testing.T) {
	need(t)
	o, err := lab.Build(t.Context(), withHelper(lab.Preserving))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	shell(t, o.Phone, "ip address add 192.168.88.11/24 dev eth0")
	e := ends{o.Phone.Network(platform.Real(platform.RealOptions{})), o.Responder.Network(platform.Real(platform.RealOptions{}))}
	server := listen(t, e.server, netip.MustParseAddrPort(lab.ResponderAddr+":5060"))
	first := openFlow(t, e, 40010, server)
	second := openFlowFrom(t, e, netip.MustParseAddrPort("192.168.88.11:40010"), server)
	if got := first.out(first.request("INVITE", audio)); got == nothing {
		t.Error("the first call did not pass")
	}
	if got := second.out(second.request("INVITE", audio)); got != nothing {
		t.Errorf("the second call passed:\n%s", got)
	}
}
