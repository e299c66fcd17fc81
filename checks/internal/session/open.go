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
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(share))
	defer cancel()
	overHTTPS, overUDP, noHTTPS := make(chan attempt, 1), make(chan attempt, 1), make(chan struct{})
	go func() { overHTTPS <- o.https(ctx) }()
	go func() { overUDP <- o.later(ctx, noHTTPS) }()
	patience := time.After(preferHTTPS)
	var h, u *attempt
	for {
		select {
		case a := <-overHTTPS:
			if a.err == nil || isRefusal(a.err) {
				go lose(u, overUDP)
				return a.client, a.err
			}
			h = &a
			close(noHTTPS)
		case a := <-overUDP:
			u = &a
		case <-patience:
			patience = nil
		}
		if u != nil && u.err == nil && (h != nil || patience == nil) {
			go lose(h, overHTTPS)
			noteUDP(u.client, h)
			return u.client, nil
		}
		if u != nil && h != nil {
			return nil, o.explain(h.err, u.err)
		}
	}
}

// later is udp, once TCP has failed or been silent for a while.
func (o *opener) later(ctx context.Context, failed <-chan struct{}) attempt {
	select {
	case <-time.After(udpHeadStart):
	case <-failed:
	case <-ctx.Done():
		return attempt{err: ctx.Err()}
	}
	return o.udp(ctx)
}

// lose closes the client of a race that was lost; nil is one that goes on.
func lose(a *attempt, ch <-chan attempt) {
	if a == nil {
		late := <-ch
		a = &late
	}
	if a.client != nil {
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
	c := &Client{Addr: o.addr, Carrier: kind, carrier: ca, way: *o, udp: make(chan *bool, 1)}
	c.udp <- nil
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
