package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
)

// OpLimits asks what the responder left undone because of its own limits. Its
// silence is then no fact about the network.
const OpLimits = "limits"

// Limits counts what a responder refused, dropped, closed or left unanswered
// because of limits of its own, since the session began.
type Limits struct {
	Messages    int `json:"messages,omitempty"`    // of the session, over its rate
	Records     int `json:"records,omitempty"`     // of the session, not kept for lack of memory
	Answers     int `json:"answers,omitempty"`     // to the session, withheld by a bound or not sent by the system
	Questions   int `json:"questions,omitempty"`   // STUN questions of the client's address, over its rate
	Connections int `json:"connections,omitempty"` // of the session or the client's address, refused or closed
	Ports       int `json:"ports,omitempty"`       // RTP ports and legs that other clients had taken
	Overflow    int `json:"overflow,omitempty"`    // datagrams of anybody that its sockets had no room for
	Late        int `json:"late,omitempty"`        // times at which it came to its work late
	// Calls counts control calls that were dropped. The client repeats them and
	// knows their outcome, so they do not count as silence.
	Calls int `json:"calls,omitempty"`
}

// Silent is the number of things that a client may have taken for silence.
func (l Limits) Silent() int {
	return l.Messages + l.Records + l.Answers + l.Questions + l.Connections + l.Ports + l.Overflow + l.Late
}

// LimitsReply is the reply to OpLimits.
type LimitsReply struct {
	Limits Limits `json:"limits,omitzero"`
	// UDP counts the datagrams of any kind that came from this session or its
	// address. OthersUDP reports that datagrams of other addresses have come.
	UDP       int  `json:"udp"`
	OthersUDP bool `json:"others_udp,omitempty"`
	// RetryAfterS is when it is worth asking again, seconds.
	RetryAfterS int `json:"retry_after_s,omitempty"`
}

// limitsTimeout bounds one question for the limits, over either carrier.
const limitsTimeout = 3 * time.Second

// Limits asks for the counts. Where the control channel fails they are asked
// for in masked datagrams, on the ports that probes use as well. Before a
// responder is said to hear no UDP at all, it is asked over UDP, once.
func (c *Client) Limits(ctx context.Context) (LimitsReply, error) {
	out, err := c.limits(ctx, c.carrier)
	if c.Carrier == carrierUDP || err != nil && isRefusal(err) && !isBusy(err) {
		return out, prefix(err, "responder %s, %s", c.name, OpLimits)
	}
	if err == nil && out.UDP > 0 {
		return out, nil
	}
	over := c.overUDP(ctx)
	switch {
	case err == nil && over:
		out.UDP = 1
	case err == nil:
		if again, err := c.limits(ctx, c.carrier); err == nil {
			return again, nil // it may have arrived unanswered
		}
	case over:
		if m, merr := c.second(ctx); merr == nil {
			defer m.close()
			return c.limits(ctx, m)
		}
	}
	return out, prefix(err, "responder %s no longer answers (%s)", c.name, OpLimits)
}

func (c *Client) limits(ctx context.Context, over carrier) (out LimitsReply, err error) {
	ctx, cancel := context.WithTimeout(ctx, limitsTimeout)
	defer cancel()
	return out, over.call(ctx, OpLimits, &c.Info, struct{}{}, &out)
}

func (c *Client) second(ctx context.Context) (*masked, error) {
	return newMasked(ctx, c.way.net, c.way.bind, c.way.addr, otherPorts(c.way.port), c.way.pin)
}

// overUDP reports whether the responder answers a masked datagram on any of
// the ports of its second carrier. It is tried once for all checks, unless the
// one that tries is interrupted.
func (c *Client) overUDP(ctx context.Context) bool {
	var known *bool
	select {
	case known = <-c.udp:
	case <-ctx.Done():
		return false
	}
	defer func() { c.udp <- known }()
	if known != nil {
		return *known
	}
	asking, cancel := context.WithTimeout(ctx, limitsTimeout)
	defer cancel()
	m, err := c.second(asking)
	if err != nil {
		return false
	}
	defer m.close()
	answered := m.hello(asking) == nil
	if answered || ctx.Err() == nil {
		known = &answered
	}
	return answered
}

// A BusyError is the refusal of a responder that has no room at the moment.
type BusyError struct {
	Text  string
	After time.Duration // when it is worth asking again; 0: it does not say
}

func (e *BusyError) Error() string { return "the responder is busy: " + e.Text }

func isBusy(err error) bool {
	_, ok := errors.AsType[*BusyError](err)
	return ok
}

// busyStatus reports the statuses by which a responder asks for patience.
func busyStatus(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

const (
	// leastPause and mostPause bound the wait before a busy responder is asked
	// again, whatever it says.
	leastPause = 500 * time.Millisecond
	mostPause  = 8 * time.Second
)

// pause is how long to wait before asking again. Half of it is random, so that
// the clients of one office do not come back at the same moment.
func (e *BusyError) pause() time.Duration {
	d := min(max(e.After, leastPause), mostPause)
	return d/2 + rand.N(d)
}

// patiently repeats f while the responder says that it is busy, until the
// patience or ctx ends. waiting hears of every pause; it may be nil.
func patiently(ctx context.Context, patience time.Duration, waiting func(time.Duration), f func() error) error {
	end := time.Now().Add(patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	for {
		err := f()
		busy, ok := errors.AsType[*BusyError](err)
		if !ok {
			return err
		}
		d := busy.pause()
		if time.Now().Add(d).After(end) {
			return err
		}
		if waiting != nil {
			waiting(d)
		}
		if probe.Sleep(ctx, d) != nil {
			return err
		}
	}
}

// BusyPreface is what a responder without room for a connection says instead
// of a TLS handshake: five bytes that are not a TLS record.
const BusyPreface = "BUSY\n"

// carrierUDP names the carrier of masked datagrams.
const carrierUDP = "udp"

// UDPPorts are the ports at which the responder hears UDP, for people to read:
// "5060, 5080, 8765, 3478-3479, 10000-65535".
func (i *Info) UDPPorts() string {
	ports := slices.Concat(i.SIPUDP, i.PlainUDP, i.STUN)
	slices.Sort(ports)
	names := EncodePorts(slices.Compact(ports))
	if i.RTPRange != "" {
		names = append(names, i.RTPRange)
	}
	return strings.Join(names, ", ")
}
