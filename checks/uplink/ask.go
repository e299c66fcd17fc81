package uplink

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A question is one datagram that its receiver answers, or one connection.
type question struct {
	to      netip.AddrPort
	payload []byte // nil: connect by TCP
}

// askFor is how long there is for an answer.
const askFor = 3400 * time.Millisecond

// publicAddrs are the resolvers of three operators, who answer DNS over UDP 53
// and HTTPS on TCP 443: Quad9, Cloudflare, Google.
func publicAddrs() []netip.Addr {
	var out []netip.Addr
	for _, s := range []string{"9.9.9.9", "1.1.1.1", "8.8.8.8", "2620:fe::fe", "2606:4700:4700::1111", "2001:4860:4860::8888"} {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// questions are what to ask of whom. SIP is left to the checks of SIP: a
// router's helper keeps an entry for each such packet.
func questions(env *checks.Env, named []Named) (list []question) {
	if !env.Inputs.NoPublic {
		// For the root's name servers (RFC 1035, section 4.1): every resolver knows them.
		dns := []byte{0x5d, 0x0c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}
		for _, a := range publicAddrs() {
			list = append(list, question{netip.AddrPortFrom(a, 53), dns}, question{to: netip.AddrPortFrom(a, 443)})
		}
	}
	for _, n := range named {
		for _, a := range n.Addrs {
			q := question{to: netip.AddrPortFrom(a, uint16(n.Port))}
			if n.Kind == kindSTUN {
				q.payload = stun.Request{ID: stun.NewID(), Software: stun.ClientSoftware}.Bytes()
			}
			list = append(list, q)
		}
	}
	return list
}

// askOutside puts the questions until somebody beyond this network answers. The
// runner notes what becomes of them, as of everything else that is sent.
func askOutside(ctx context.Context, env *checks.Env, h *netinfo.Host, list []question) {
	ctx, answered := context.WithTimeout(ctx, askFor)
	defer answered()
	var wg sync.WaitGroup
	for _, q := range list {
		if _, err := env.Net.SourceFor(q.to.Addr()); err != nil {
			continue
		}
		end := answered
		if h.Near(q.to.Addr()) {
			end = func() {}
		}
		wg.Go(func() {
			if q.put(ctx, env) {
				end()
			}
		})
	}
	wg.Wait()
}

// put reports whether the question was answered.
func (q question) put(ctx context.Context, env *checks.Env) bool {
	if q.payload == nil {
		conn, err := env.Net.DialTCP(ctx, local(env, q.to), q.to)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	conn, err := env.Net.OpenUDP(ctx, local(env, q.to))
	if err != nil {
		return false
	}
	defer conn.Close()
	a := probe.Ask{
		Payload: func() []byte { return q.payload },
		Match:   func(_ []byte, from netip.AddrPort) bool { return from == q.to },
	}
	// The kernel gives up looking for a neighbour after three seconds, and what a
	// router rejects comes back at once.
	const ms = time.Millisecond
	probe.Exchange(ctx, conn, q.to, probe.Schedule{SendAt: []time.Duration{0, 500 * ms, 1200 * ms, 2000 * ms}, LastWait: askFor - 2000*ms}, &a)
	return a.Reply != nil
}

// local is the address to send from: the wanted one, where it is of the
// family.
func local(env *checks.Env, to netip.AddrPort) netip.AddrPort {
	wanted := env.Inputs.Bind
	if wanted.Is4() != to.Addr().Is4() {
		wanted = netip.Addr{}
	}
	return netip.AddrPortFrom(probe.Bind(wanted, to.Addr()), 0)
}
