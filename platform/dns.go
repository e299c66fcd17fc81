package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// secondQuestion is when a name is asked for once more while the first
// question is still open. Resolvers of homes and offices answer in under
// 100 ms from memory and seldom take a second to find out; the system's own
// repetition comes after 5 s, when a check with a deadline has given up.
const secondQuestion = time.Second

// LookupAddrs asks the hosts file and DNS the way every program of this
// machine does.
func (r *realNetwork) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if host == "" {
		return nil, errors.New("looking up an empty host name")
	}
	addrs, err := twice(ctx, secondQuestion, func(ctx context.Context) ([]netip.Addr, error) {
		// A fresh resolver each time: one resolver answers equal questions
		// that overlap from a single query.
		return r.resolver().LookupNetIP(ctx, "ip", host)
	})
	if err != nil {
		return nil, r.lookupFailed(host, err)
	}
	return r.routedFirst(ipv4First(addrs)), nil
}

// routedFirst puts IPv6 first where this machine has no way to the IPv4
// addresses and one to the others: whoever takes the first must get somewhere.
func (r *realNetwork) routedFirst(addrs []netip.Addr) []netip.Addr {
	six := slices.IndexFunc(addrs, netip.Addr.Is6)
	if six < 1 {
		return addrs
	}
	if _, err := r.SourceFor(addrs[0]); err == nil {
		return addrs
	}
	if _, err := r.SourceFor(addrs[six]); err != nil {
		return addrs
	}
	return slices.Concat(addrs[six:], addrs[:six])
}

// LookupTXT asks DNS the way every program of this machine does.
func (r *realNetwork) LookupTXT(ctx context.Context, name string) ([]string, error) {
	texts, err := twice(ctx, secondQuestion, func(ctx context.Context) ([]string, error) {
		return r.resolver().LookupTXT(ctx, name)
	})
	if err != nil {
		return nil, r.lookupFailed("TXT "+name, err)
	}
	return texts, nil
}

// serverPatience is how long one name server has for one question over UDP: one
// that has to ask around needs a second at worst, and the next in the list may
// know at once.
const serverPatience = 1500 * time.Millisecond

// resolver is the system's, or one that asks the wanted servers and device.
func (r *realNetwork) resolver() *net.Resolver {
	d := net.Dialer{Control: r.control(nil)}
	wanted := r.opts.DNSServers
	own := len(wanted) > 0 || r.opts.BindDevice != ""
	var asked atomic.Uint32 // package net repeats a question that was not answered
	return &net.Resolver{PreferGo: own, Dial: func(ctx context.Context, network, server string) (net.Conn, error) {
		if len(wanted) > 0 {
			server = wanted[int(asked.Add(1)-1)%len(wanted)]
		}
		c, err := d.DialContext(ctx, network, server)
		if u, ok := c.(*net.UDPConn); ok {
			return impatientConn{u}, err
		}
		return c, err
	}}
}

// impatientConn asks a name server: package net waits five seconds for each.
type impatientConn struct{ *net.UDPConn }

// SetDeadline sets the end of the question, which is serverPatience at most.
func (c impatientConn) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(serverPatience); t.IsZero() || t.After(soon) {
		t = soon
	}
	return c.UDPConn.SetDeadline(t)
}

// ipv4First sorts addresses by family, keeps the server's order within each,
// and drops repetitions.
func ipv4First(addrs []netip.Addr) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	return unique(append(v4, v6...))
}

// twice runs ask, and starts a second one beside it when the first has not answered
// after the given time. The first answer counts, so a lost packet costs a second and
// not the result. An error counts when both have failed.
func twice[T any](ctx context.Context, after time.Duration, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		v   T
		err error
	}
	answers := make(chan answer, 2) // room for both: nobody waits for the slower one
	start := func() {
		go func() {
			v, err := ask(ctx)
			answers <- answer{v, err}
		}()
	}
	start()
	again := time.NewTimer(after)
	defer again.Stop()
	var none T
	for open := 1; ; {
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-again.C:
			start()
			open++
		case a := <-answers:
			if open--; a.err == nil || open == 0 {
				return a.v, a.err
			}
		}
	}
}

// A lookupError says in one line what was asked, of whom, and what came of it.
// It wraps the cause, usually a *net.DNSError, whose IsNotFound tells "there
// is no such name" from "nobody answered".
type lookupError struct {
	name   string
	what   string
	server string // empty when unknown
	cause  error
}

func (e *lookupError) Error() string {
	if e.server == "" {
		return fmt.Sprintf("looking up %s: %s", e.name, e.what)
	}
	return fmt.Sprintf("looking up %s: %s (asked %s)", e.name, e.what, e.server)
}

func (e *lookupError) Unwrap() error { return e.cause }

// lookupFailed words what package net says about name.
func (r *realNetwork) lookupFailed(name string, err error) error {
	d, ok := errors.AsType[*net.DNSError](err)
	if !ok {
		if !errors.Is(err, context.DeadlineExceeded) {
			return &lookupError{name, err.Error(), "", err}
		}
		d = &net.DNSError{UnwrapErr: err, Err: "no answer", Name: name, IsTimeout: true}
		err = d
	}
	what := resolverText(d)
	switch {
	case d.IsNotFound:
		what = "no such host"
	case d.IsTimeout:
		what = "no answer"
	case strings.HasSuffix(what, "connection refused"):
		what = "no name server runs there" // package net words it with its own socket's ports
	}
	return &lookupError{name, what, r.asked(d.Server), err}
}

// asked names the server behind an answer or a silence: the one that package
// net names, which does not know of RealOptions.DNSServers, or all there are.
func (r *realNetwork) asked(server string) string {
	if server != "" && len(r.opts.DNSServers) == 0 {
		return withoutDNSPort(server)
	}
	servers, _ := r.nameservers() // none are named where the system does not tell
	for i := range servers {
		servers[i] = withoutDNSPort(servers[i])
	}
	return strings.Join(servers, ", ")
}

// withoutDNSPort shortens "192.168.88.1:53" to the address.
func withoutDNSPort(server string) string {
	if host, port, err := net.SplitHostPort(server); err == nil && port == "53" {
		return host
	}
	return server
}
