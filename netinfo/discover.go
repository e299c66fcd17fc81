package netinfo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// discovery asks the router at the gateway address what it is. Every question
// is harmless, goes to the gateway or to the office LAN, and carries no
// credentials.
type discovery struct {
	net     platform.Network
	local   netip.Addr // our IPv4 address on the uplink
	gateway netip.Addr // IPv4
	vendor  string     // by the hardware address, if that is known already
}

// part is what one method of discovery learnt.
type part struct {
	clues    []Clue
	external []External
	announce []mndpDevice // with MAC, of any RouterOS device in reach
	vendor   string
	model    string
	version  string
	name     string
	errs     []error // why less was asked
}

func (p *part) clue(method, value string) {
	c := Clue{Method: method, Value: value}
	if value != "" && !slices.Contains(p.clues, c) {
		p.clues = append(p.clues, c)
	}
}

// run asks by all methods at once and returns what each learnt, always in the
// same order.
func (d discovery) run(ctx context.Context) []part {
	methods := []func(context.Context) part{d.mndp, d.upnp, d.web, d.natPMP, d.pcp, d.snmp}
	parts := make([]part, len(methods))
	var wg sync.WaitGroup
	for i, m := range methods {
		wg.Go(func() { parts[i] = m(ctx) })
	}
	wg.Wait()
	return parts
}

// question is a datagram that is repeated until somebody answers it.
type question struct {
	packet []byte
	to     []netip.AddrPort
	// waits are the pauses after each sending; their number is the number of
	// sendings. A lost packet must not make a router dumb.
	waits []time.Duration
	// answer takes a datagram and reports whether it was the last one needed.
	answer func(b []byte, from netip.AddrPort) bool
}

// errClosed means that the host said that nobody listens on the port.
var errClosed = errors.New("port closed")

// ask sends q on c and hands what comes back to q.answer. It returns nil when
// the answer was found or the time is over, errClosed when the only host asked
// has the port closed.
func ask(ctx context.Context, c platform.UDPConn, q question) error {
	buf := make([]byte, 2048)
	for _, wait := range q.waits {
		for _, to := range q.to {
			if err := c.WriteTo(q.packet, to, platform.SendOptions{}); err != nil && len(q.to) == 1 {
				return fmt.Errorf("asking %s: %w", to, err)
			}
		}
		until := time.Now().Add(wait)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		if err := c.SetReadDeadline(until); err != nil {
			return fmt.Errorf("waiting for an answer: %w", err)
		}
		for ctx.Err() == nil {
			dg, err := c.ReadFrom(buf)
			var icmp *platform.ICMPError
			if errors.As(err, &icmp) {
				if len(q.to) == 1 && icmp.To == q.to[0] && platform.Classify(err) == platform.ClassRefused {
					return errClosed
				}
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return fmt.Errorf("waiting for an answer: %w", err)
			}
			if q.answer(buf[:dg.N], dg.From) {
				return nil
			}
		}
	}
	return nil
}

// open binds a UDP socket to our address on the uplink and closes it when ctx
// ends, so that a cancelled run does not wait for a deadline.
func (d discovery) open(ctx context.Context, local netip.AddrPort) (platform.UDPConn, func(), error) {
	c, err := d.net.OpenUDP(ctx, local)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	return c, func() { stop(); c.Close() }, nil
}

// portMapWaits are RFC 6886's first retransmissions (3.1: 250 ms, doubling); the
// schedule goes on for a minute there, but a router in the same LAN that has
// not answered three questions in 1.75 s has no NAT-PMP.
func portMapWaits() []time.Duration {
	return []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}
}

// askPortMap sends a question to the gateway's port mapping service; answer is
// that of the gateway alone, and reports whether it was the one needed.
func (d discovery) askPortMap(ctx context.Context, packet []byte, answer func(b []byte) bool) error {
	router := netip.AddrPortFrom(d.gateway, PortMapPort)
	c, done, err := d.open(ctx, netip.AddrPortFrom(d.local, 0))
	if err != nil {
		return err
	}
	defer done()
	_ = ask(ctx, c, question{packet: packet, to: []netip.AddrPort{router}, waits: portMapWaits(), answer: func(b []byte, from netip.AddrPort) bool {
		return from == router && answer(b)
	}})
	return nil
}

func (d discovery) natPMP(ctx context.Context) (p part) {
	err := d.askPortMap(ctx, natPMPRequest(), func(b []byte) bool {
		addr, err := parseNATPMP(b)
		switch {
		case errors.Is(err, errNotPortMap):
			return len(b) >= 2 && b[0] == 2 // a PCP server that knows no NAT-PMP: the other question finds it
		case err != nil:
			p.clue("nat-pmp", err.Error())
		default:
			p.clue("nat-pmp", "external address "+addr.String())
			p.external = append(p.external, External{Method: "nat-pmp", Addr: addr})
		}
		return true
	})
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("asking by NAT-PMP: %w", err))
	}
	return p
}

func (d discovery) pcp(ctx context.Context) (p part) {
	_ = d.askPortMap(ctx, pcpAnnounce(d.local), func(b []byte) bool { // an error is NAT-PMP's too
		result, err := parsePCP(b)
		if err != nil {
			return len(b) >= 2 && b[0] == 0 // a NAT-PMP server that knows no PCP
		}
		if result != 1 { // 1: it speaks a version that does not exist yet
			p.clue("pcp", fmt.Sprintf("version 2, result %d", result))
		}
		return true
	})
	return p
}

// mndp listens on MNDP's own port, because RouterOS announces itself by
// broadcast, not to whoever asked.
func (d discovery) mndp(ctx context.Context) (p part) {
	c, done, err := d.open(ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), mndpPort))
	if err != nil {
		// A second sipdoctor or Winbox on this machine: unicast answers only.
		p.errs = append(p.errs, fmt.Errorf("listening for MikroTik routers on UDP port %d: %w", mndpPort, err))
		if c, done, err = d.open(ctx, netip.AddrPortFrom(d.local, 0)); err != nil {
			return p
		}
	}
	defer done()
	everybody := netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), mndpPort)
	q := question{packet: mndpRequest(), to: []netip.AddrPort{netip.AddrPortFrom(d.gateway, mndpPort), everybody}}
	// RouterOS answers within milliseconds; three tries outlast a lost packet
	// and a sleeping radio.
	q.waits = []time.Duration{300 * time.Millisecond, 400 * time.Millisecond, 500 * time.Millisecond}
	q.answer = func(b []byte, from netip.AddrPort) bool {
		dev, err := parseMNDP(b)
		if err != nil {
			return false
		}
		if from.Addr() == d.gateway {
			p.mndpClue(dev)
			return true
		}
		// A router may announce itself from another of its addresses.
		if dev.MAC != "" && len(p.announce) < 64 && !slices.Contains(p.announce, dev) {
			p.announce = append(p.announce, dev)
		}
		return false
	}
	_ = ask(ctx, fromAddr{c, d.local}, q)
	return p
}

// fromAddr sends from one address of a socket that is bound to all of them: a
// broadcast leaves through the interface of its source address.
type fromAddr struct {
	platform.UDPConn
	from netip.Addr
}

func (c fromAddr) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	o.From = c.from
	return c.UDPConn.WriteTo(b, to, o)
}

func (p *part) mndpClue(dev mndpDevice) {
	p.clue("mndp", strings.Join(strings.Fields(dev.Platform+" "+dev.Board+" "+dev.Version+" "+dev.Identity), " "))
	p.model, p.version, p.name = dev.Board, dev.Version, dev.Identity
}
