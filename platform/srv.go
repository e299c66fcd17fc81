package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// srvTry is how long one server has for one question. A resolver that has
	// to ask around needs a second at worst; two tries must fit into the few
	// seconds a check has.
	srvTry = 1500 * time.Millisecond

	// srvRounds is how often every server is asked: one lost packet is made good.
	srvRounds = 2

	// srvUDPSize is the answer size offered in EDNS0, the DNS Flag Day 2020
	// value that fits into every path unfragmented.
	srvUDPSize = 1232
)

// LookupSRV asks the system's resolvers in turn.
func (r *realNetwork) LookupSRV(ctx context.Context, service, proto, domain string) ([]SRV, error) {
	name := "_" + service + "._" + proto + "." + strings.TrimSuffix(domain, ".")
	if _, ok := dns.IsDomainName(name); !ok || domain == "" {
		return nil, fmt.Errorf("looking up SRV %s: not a domain name", name)
	}
	servers, err := r.nameservers()
	if errors.Is(err, errors.ErrUnsupported) {
		return r.systemSRV(ctx, name)
	}
	if err != nil {
		return nil, &lookupError{"SRV " + name, err.Error(), "", err}
	}
	records, err := r.askAll(ctx, name, servers)
	if err != nil {
		return nil, err
	}
	return orderSRV(records, rand.IntN), nil
}

// nameservers are the "host:port" to ask.
func (r *realNetwork) nameservers() ([]string, error) {
	if r.opts.DNSServer != "" {
		return []string{r.opts.DNSServer}, nil
	}
	return systemNameservers()
}

// systemSRV asks through the system where it does not tell its servers.
func (r *realNetwork) systemSRV(ctx context.Context, name string) ([]SRV, error) {
	found, err := twice(ctx, secondQuestion, func(ctx context.Context) ([]*net.SRV, error) {
		_, found, err := r.resolver().LookupSRV(ctx, "", "", name)
		return found, err
	})
	if err != nil {
		return nil, r.lookupFailed("SRV "+name, err)
	}
	var records []SRV
	for _, s := range found {
		records = append(records, SRV{strings.TrimSuffix(s.Target, "."), s.Port, s.Priority, s.Weight})
	}
	return usable(name, "", records)
}

// askAll asks every server, then every server again, until one knows.
func (r *realNetwork) askAll(ctx context.Context, name string, servers []string) ([]SRV, error) {
	var last error
	for range srvRounds {
		for _, server := range servers {
			reply, err := r.askSRV(ctx, name, server)
			if err == nil {
				return readSRV(name, server, reply)
			}
			if ctx.Err() != nil {
				return nil, noAnswer(name, server, ctx.Err())
			}
			last = err
		}
	}
	return nil, last
}

// askSRV puts one question to one server: over UDP, and over TCP when the
// answer was cut.
func (r *realNetwork) askSRV(ctx context.Context, name, server string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeSRV)
	m.SetEdns0(srvUDPSize, false)
	reply, err := r.exchange(ctx, "udp", server, m)
	if err == nil && reply.Truncated {
		reply, err = r.exchange(ctx, "tcp", server, m)
	}
	if err != nil {
		return nil, noAnswer(name, server, err)
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		code := dns.RcodeToString[reply.Rcode]
		cause := &net.DNSError{Err: "server answered " + code, Name: name, Server: server, IsTemporary: true}
		return nil, &lookupError{"SRV " + name, cause.Err, withoutDNSPort(server), cause}
	}
	return reply, nil
}

func (r *realNetwork) exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, srvTry)
	defer cancel()
	d := net.Dialer{Control: r.tieDialer()}
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// The library obeys the deadline of a context but not its cancellation.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client := dns.Client{Net: network, Timeout: srvTry}
	reply, _, err := client.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn, UDPSize: srvUDPSize})
	if err == nil && (len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, m.Question[0].Name)) {
		err = errors.New("the answer is to another question")
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return reply, err
}

// noAnswer says that server did not help, and why.
func noAnswer(name, server string, err error) error {
	d := &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, Server: server}
	what := resolverText(d)
	switch Classify(err) {
	case ClassTimeout:
		d.IsTimeout, what = true, "no answer"
	case ClassRefused:
		what = "no name server there"
	case ClassUnreachable:
		what = "server unreachable"
	}
	return &lookupError{"SRV " + name, what, withoutDNSPort(server), d}
}

// readSRV takes the records out of an answer. The owner name is not compared:
// behind a CNAME it differs, and the resolver was trusted with the question.
func readSRV(name, server string, reply *dns.Msg) ([]SRV, error) {
	if reply.Rcode == dns.RcodeNameError {
		return nil, noSRV(name, "no such name", server)
	}
	var records []SRV
	for _, rr := range reply.Answer {
		if s, ok := rr.(*dns.SRV); ok {
			records = append(records, SRV{strings.TrimSuffix(s.Target, "."), s.Port, s.Priority, s.Weight})
		}
	}
	return usable(name, server, records)
}

// usable refuses an empty list, and the record whose target is the root: "the
// service is decidedly not available at this domain" (RFC 2782).
func usable(name, server string, records []SRV) ([]SRV, error) {
	records = slices.DeleteFunc(records, func(s SRV) bool { return s.Target == "" && len(records) > 1 })
	switch {
	case len(records) == 0:
		return nil, noSRV(name, "no such record", server)
	case records[0].Target == "":
		return nil, noSRV(name, "the domain says that it does not offer this service", server)
	}
	return records, nil
}

func noSRV(name, what, server string) error {
	cause := &net.DNSError{Err: what, Name: name, Server: server, IsNotFound: true}
	return &lookupError{"SRV " + name, what, withoutDNSPort(server), cause}
}

// orderSRV puts records into the order to try (RFC 2782): by priority, and
// among equals at random in proportion to their weights. random(n) is in [0,n).
func orderSRV(records []SRV, random func(n int) int) []SRV {
	rest := slices.Clone(records)
	slices.SortStableFunc(rest, func(a, b SRV) int {
		// Weight 0 comes first, so that it has a small chance at all.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	var out []SRV
	for len(rest) > 0 {
		equals, sum := 0, 0
		for equals < len(rest) && rest[equals].Priority == rest[0].Priority {
			sum += int(rest[equals].Weight)
			equals++
		}
		pick, running := min(random(sum+1), sum), 0
		for i, s := range rest[:equals] {
			if running += int(s.Weight); running >= pick {
				out = append(out, s)
				rest = slices.Delete(rest, i, i+1)
				break
			}
		}
	}
	return out
}

// readResolvConf lists the servers of a resolv.conf(5) as "host:port".
func readResolvConf(path string) ([]string, error) {
	c, err := dns.ClientConfigFromFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no name server is set up (no %s): %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(c.Servers) == 0 {
		return nil, fmt.Errorf("no name server is set up in %s", path)
	}
	var servers []string
	for _, s := range c.Servers {
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	return servers, nil
}
