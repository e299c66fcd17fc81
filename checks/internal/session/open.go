package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// An opener tries to start a session with one address of a responder.
type opener struct {
	net  platform.Network
	bind netip.Addr
	addr netip.Addr
	port int
	pin  *pin
}

type attempt struct {
	client *Client
	err    error
}

// try races HTTPS against masked UDP, which starts later and yields. share is
// how many addresses are still to be tried, this one included: they divide the
// time that is left.
func (o *opener) try(ctx context.Context, share int) (*Client, error) {
	ctx, cancel := o.limit(ctx, share)
	defer cancel()
	overHTTPS, overUDP := make(chan attempt, 1), make(chan attempt, 1)
	go func() { overHTTPS <- o.https(ctx) }()
	head, prefer := time.NewTimer(udpHeadStart), time.NewTimer(preferHTTPS)
	defer head.Stop()
	defer prefer.Stop()
	var h, u *attempt
	started, patient := false, true
	start := func() {
		if !started {
			started = true
			go func() { overUDP <- o.udp(ctx) }()
		}
	}
	for {
		select {
		case a := <-overHTTPS:
			if a.err == nil || isRefusal(a.err) {
				go drop(started && u == nil, overUDP)
				u.discard()
				return a.client, a.err
			}
			h = &a
			start()
		case a := <-overUDP:
			u = &a
		case <-head.C:
			start()
		case <-prefer.C:
			patient = false
		}
		if u != nil && u.err == nil && (h != nil || !patient) {
			go drop(h == nil, overHTTPS)
			noteUDP(u.client, h)
			return u.client, nil
		}
		if u != nil && h != nil {
			return nil, o.explain(h.err, u.err)
		}
	}
}

// limit gives this address its share of the time left.
func (o *opener) limit(ctx context.Context, share int) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && share > 1 {
		return context.WithTimeout(ctx, time.Until(end)/time.Duration(share))
	}
	return context.WithCancel(ctx)
}

// drop closes the client of a race that was lost.
func drop(wait bool, ch <-chan attempt) {
	if wait {
		a := <-ch
		a.discard()
	}
}

func (a *attempt) discard() {
	if a != nil && a.client != nil {
		a.client.carrier.close()
	}
}

// noteUDP tells the reader of the report why control runs over UDP.
func noteUDP(c *Client, h *attempt) {
	why := "no answer within 2 s"
	if h != nil {
		why = reason(h.err)
	}
	c.Notes = append(c.Notes, words.Cause("control runs over masked UDP, as HTTPS does not get through: "+why))
}

func (o *opener) https(ctx context.Context) attempt {
	h := newHTTPS(o.net, o.bind, netip.AddrPortFrom(o.addr, uint16(o.port)), o.pin)
	return o.finish(ctx, h, "https")
}

func (o *opener) udp(ctx context.Context) attempt {
	m, err := newMasked(ctx, o.net, o.bind, o.addr, otherPorts(o.port), o.pin)
	if err != nil {
		return attempt{err: err}
	}
	if err := m.hello(ctx); err != nil {
		m.close()
		return attempt{err: err}
	}
	return o.finish(ctx, m, carrierUDP)
}

// finish opens the session over a carrier, and closes the carrier when that
// does not work.
func (o *opener) finish(ctx context.Context, ca carrier, kind string) attempt {
	c := &Client{Addr: o.addr, Carrier: kind, carrier: ca, way: *o, udp: make(chan udpAnswer, 1)}
	c.udp <- udpUnknown
	err := ca.call(ctx, OpOpen, nil, OpenRequest{Protocol: Protocol, Tool: toolName(), Dialled: o.addr}, &c.Info)
	if err == nil {
		err = c.Info.check()
	}
	if err != nil {
		ca.close()
		return attempt{err: err}
	}
	c.Notes = o.pin.notes()
	return attempt{client: c}
}

// check refuses what the rest of the program could not work with.
func (i *Info) check() error {
	if i.Protocol != Protocol {
		return refusal("the responder speaks protocol %d, this program %d: use the same version of sipdoctor at both ends", i.Protocol, Protocol)
	}
	if _, ok := FindToken([]byte(NewToken(i.ID, i.Secret, 0))); !ok || len(i.Secret) == 0 {
		return refusal("the responder gave a session without a usable name or secret")
	}
	for _, list := range [][]int{i.SIPUDP, i.SIPTCP, i.SIPTLS, i.PlainUDP, i.PlainTCP, i.STUN} {
		for _, p := range list {
			if p < 1 || p > 65535 {
				return refusal("the responder names port %d, which does not exist", p)
			}
		}
	}
	return nil
}

// explain says in one line what happened on both ways and what to do.
func (o *opener) explain(overHTTPS, overUDP error) error {
	if isRefusal(overUDP) {
		return overUDP
	}
	var ports []string
	for _, p := range otherPorts(o.port) {
		ports = append(ports, fmt.Sprint(p))
	}
	return &openError{
		text: fmt.Sprintf("TCP port %d: %s; UDP ports %s: %s. Is \"sipdoctor serve\" running there, and are these ports open?",
			o.port, reason(overHTTPS), strings.Join(ports, ", "), reason(overUDP)),
		errs: []error{overHTTPS, overUDP},
	}
}

// An openError keeps both causes for errors.Is and errors.As.
type openError struct {
	text string
	errs []error
}

func (e *openError) Error() string   { return e.text }
func (e *openError) Unwrap() []error { return e.errs }

// reason is an error in as few words as a user needs.
func reason(err error) string {
	switch {
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	if text, ok := reasons[platform.Classify(err)]; ok {
		return text
	}
	return string(platform.Words(err))
}

var reasons = map[platform.ErrorClass]string{
	platform.ClassRefused:     "connection refused",
	platform.ClassReset:       "connection reset",
	platform.ClassUnreachable: "unreachable",
	platform.ClassProhibited:  "prohibited by a packet filter on the way",
	platform.ClassTimeout:     "no answer",
	platform.ClassLocalFilter: "dropped by this machine's own packet filter",
}
