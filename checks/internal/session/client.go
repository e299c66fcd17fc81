package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Target names a responder.
type Target struct {
	Host        string     // host or host:port; the port is the control port
	Fingerprint string     // SHA-256 of its certificate, hex, colons allowed; empty: see Open
	Flag        string     // by which the user gives the fingerprint; "": --responder-fingerprint
	Bind        netip.Addr // local address, invalid: any

	// Waiting hears how long a busy responder is waited for; nil is silence.
	Waiting func(time.Duration)
}

// Client is one open session. Its fields do not change after Open; its methods
// may be called concurrently.
type Client struct {
	Info    Info
	Addr    netip.Addr    // the responder's address as dialled
	Carrier string        // "https" or "udp"
	Notes   []words.Cause // what a reader of the report should know about the session

	owners  owners
	name    string // the target in the user's words, with the port
	carrier carrier
	way     opener // how it was reached

	// udp holds whether a masked datagram was answered, nil as long as that is
	// not known; it is empty while somebody finds out.
	udp chan *bool

	closed atomic.Bool
}

// ErrIncomplete is returned by Arrivals beside what the responder kept, when
// it had to drop messages: then a probe that is missing proves nothing.
var ErrIncomplete = errors.New("the responder had no memory for all messages")

const (
	// openBudget bounds Open: three SYNs or five datagrams find their way in
	// that time, if there is one.
	openBudget = 4 * time.Second
	// openPatience is how long Open waits for a responder that says it is full:
	// sessions of whole runs end within that time.
	openPatience = 20 * time.Second
	// callPatience is the same for a call of an open session.
	callPatience = 6 * time.Second
	// udpHeadStart is how long TCP may be silent before UDP is tried as well:
	// longer than connecting takes, TLS included, over a path that can carry
	// calls.
	udpHeadStart = 700 * time.Millisecond
	// preferHTTPS is how long an answer over UDP waits for HTTPS, which can
	// carry more and is encrypted.
	preferHTTPS = 2 * time.Second
)

// otherPorts are tried for control over UDP beside the control port: a
// firewall that knows phones lets SIP ports through.
func otherPorts(control int) []int {
	sip := slices.DeleteFunc([]int{5060, 5080}, func(p int) bool { return p == control })
	return append([]int{control}, sip...)
}

// Open starts a session over HTTPS, or over masked UDP where TCP does not get
// through. A fingerprint, when given, must match the responder's certificate.
// Without one the certificate is verified as a browser would; a self-signed
// one is then believed for this session, and Notes says so. The error names
// the responder, what happened on each way, and what to do. A responder that
// says it is busy is asked again for a while.
func Open(ctx context.Context, n platform.Network, t Target) (c *Client, err error) {
	err = patiently(ctx, openPatience, t.Waiting, func() error {
		c, err = open(ctx, n, t)
		return err
	})
	return c, err
}

func open(ctx context.Context, n platform.Network, t Target) (*Client, error) {
	host, port, p, err := t.parse()
	if err != nil {
		return nil, err
	}
	name := net.JoinHostPort(host, strconv.Itoa(port))
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, openBudget)
	defer cancel()
	addrs, err := usable(ctx, n, host, t.Bind)
	if err != nil {
		return nil, fmt.Errorf("responder %s: %w", name, err)
	}
	var first error
	for i, a := range addrs {
		o := opener{net: n, bind: t.Bind, addr: a, port: port, pin: p}
		c, err := o.try(ctx, len(addrs)-i)
		if err == nil {
			c.name = name
			return c, nil
		}
		if parent.Err() != nil {
			return nil, fmt.Errorf("responder %s: %w", name, parent.Err())
		}
		if first == nil {
			first = fmt.Errorf("responder %s (%s): %w", name, a, err)
		}
		if isRefusal(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// parse reads the name of a responder, and what its certificate must be.
func (t *Target) parse() (host string, port int, p *pin, err error) {
	at, err := netinfo.ParseHostPort(t.Host)
	if err != nil {
		return "", 0, nil, fmt.Errorf("responder %.80q: %w", t.Host, err)
	}
	p = &pin{host: at.Host, flag: t.Flag}
	if t.Fingerprint != "" {
		f, err := ParseFingerprint(t.Fingerprint)
		if err != nil {
			return "", 0, nil, err
		}
		p.want = &f
	}
	return at.Host, at.PortOr(DefaultControlPort), p, nil
}

// maxAddrs is how many addresses of one name are tried: one of each family,
// and a spare.
const maxAddrs = 3

// usable resolves host and keeps the addresses that this machine has a route
// to, in the family of bind.
func usable(ctx context.Context, n platform.Network, host string, bind netip.Addr) ([]netip.Addr, error) {
	all, err := n.LookupAddrs(ctx, host)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	why := errors.New("the name has no address")
	for _, a := range all {
		a = a.Unmap()
		if bind.IsValid() && bind.Unmap().Is4() != a.Is4() {
			why = fmt.Errorf("its address %s is of another family than %s", a, bind)
			continue
		}
		if _, err := n.SourceFor(a); err != nil {
			why = platform.NoRoute(a.String(), err)
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, why
	}
	return out[:min(len(out), maxAddrs)], nil
}

// Token is the token of one probe.
func (c *Client) Token(probe int) string { return NewToken(c.Info.ID, c.Info.Secret, probe) }

// Arrivals fetches what reached the responder from this session so far. Beside
// ErrIncomplete it returns what there is.
func (c *Client) Arrivals(ctx context.Context) ([]Arrival, error) {
	var r ArrivalsReply
	if err := c.do(ctx, OpArrivals, struct{}{}, &r); err != nil {
		return nil, err
	}
	if r.Dropped > 0 {
		return r.Arrivals, fmt.Errorf("responder %s: %w (%d dropped)", c.name, ErrIncomplete, r.Dropped)
	}
	return r.Arrivals, nil
}

// Control is where the HTTPS control channel was opened; invalid where another
// one carries the session.
func (c *Client) Control() netip.AddrPort {
	if c.Carrier != "https" || c.way.port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(c.Addr, uint16(c.way.port))
}

func (c *Client) Invite(ctx context.Context, r InviteRequest) (InviteReply, error) {
	return call[InviteReply](ctx, c, OpInvite, r)
}

// RTP asks the responder to send RTP to us. It returns when the packets are
// sent, about 100 ms later.
func (c *Client) RTP(ctx context.Context, r RTPRequest) (RTPReply, error) {
	return call[RTPReply](ctx, c, OpRTP, r)
}

// Sweep starts a sweep of RTP ports at the responder, or goes on with it.
func (c *Client) Sweep(ctx context.Context, r SweepRequest) (SweepReply, error) {
	return call[SweepReply](ctx, c, OpSweep, r)
}

// Bitmap fetches which RTP ports probes of this session have reached so far.
func (c *Client) Bitmap(ctx context.Context) (BitmapReply, error) {
	return call[BitmapReply](ctx, c, OpBitmap, struct{}{})
}

// Close ends the session and frees its sockets, whatever the responder says.
// A second call does nothing.
func (c *Client) Close(ctx context.Context) error {
	if c.carrier == nil || c.closed.Swap(true) {
		return nil
	}
	err := c.do(ctx, OpClose, struct{}{}, nil)
	c.carrier.close()
	return err
}

func call[Reply any](ctx context.Context, c *Client, op string, in any) (out Reply, err error) {
	err = c.do(ctx, op, in, &out)
	return out, err
}

func (c *Client) do(ctx context.Context, op string, in, out any) error {
	err := patiently(ctx, callPatience, nil, func() error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return c.carrier.call(ctx, op, &c.Info, in, out)
	})
	if err == nil || isRefusal(err) {
		return prefix(err, "responder %s, %s", c.name, op)
	}
	return fmt.Errorf("responder %s no longer answers (%s over %s): %w", c.name, op, c.Carrier, err)
}

func prefix(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

func toolName() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return "sipdoctor " + b.Main.Version
	}
	return "sipdoctor"
}
