package sipalg

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// maxServers bounds how many SIP servers one run asks: a profile names a
// handful, and nobody's network is scanned.
const maxServers = 6

// observeServers asks ordinary SIP servers with one request a transport, and
// STUN where it sees the local addresses that were used for it.
func observeServers(ctx context.Context, env *checks.Env, names []string) ([]Server, []View) {
	v := newViews(ctx, env)
	servers := probe.Map(names[:min(maxServers, len(names))], func(name string) Server { return askServer(ctx, env, v, name) })
	return servers, v.all()
}

// target is one (transport, address) of a server.
type target struct {
	transport string
	addr      netip.AddrPort
	next      []netip.AddrPort // whom phones ask when addr is silent, in order
	name      string           // of the server, for TLS
}

// askServer asks over every transport at the same time.
func askServer(ctx context.Context, env *checks.Env, v *views, name string) Server {
	s := Server{Name: name}
	targets, err := resolve(ctx, env, name)
	if err == nil {
		s.Source, err = probe.Source(env.Net, env.Inputs.Bind, targets[0].addr.Addr())
	}
	if err != nil {
		s.Error = platform.Words(err)
		return s
	}
	var wg sync.WaitGroup
	if t := targets[0]; t.transport == "udp" && env.Inputs.Responder == "" {
		wg.Go(func() { s.Hops = askQuotes(ctx, env, s.Source, t) })
	}
	s.Answers = probe.Map(targets, func(t target) ServerAnswer { return askInTurn(ctx, env, v, s.Source, t) })
	wg.Wait()
	if t := targets[0]; env.Inputs.Deep && t.transport == "udp" && s.answered("udp") && !env.Stranger(ctx, t.addr.Addr()) {
		s.Answers = append(s.Answers, askRefusal(ctx, env, s.Source, t))
	}
	return s
}

// askInTurn asks the servers of an SRV record as phones do: the next one when
// the one before is silent. What the first did not say is the signalling
// check's business; here whoever answers is as good.
func askInTurn(ctx context.Context, env *checks.Env, v *views, local netip.Addr, t target) ServerAnswer {
	var first ServerAnswer
	for i, addr := range append([]netip.AddrPort{t.addr}, t.next...) {
		t.addr = addr
		a := askTarget(ctx, env, v, local, t, probe.SIP())
		if len(a.Reply) > 0 {
			return a
		}
		if i == 0 {
			first = a
		}
	}
	return first
}

// maxTargets bounds how many servers of one SRV record are asked in turn.
const maxTargets = 3

// resolve finds where a server answers, over TLS only at its usual port.
func resolve(ctx context.Context, env *checks.Env, name string) ([]target, error) {
	named, err := netinfo.ParseHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []target
	for _, transport := range []string{"udp", "tcp", "tls"} {
		port := named.Port
		if port != 0 && transport == "tls" {
			port = probe.DefaultPort("tls")
		}
		found, err := probe.Servers(ctx, env.Net, env.Inputs.Bind, transport, named.Host, port, maxTargets)
		if transport == "udp" && len(found) == 0 && err != nil {
			return nil, err
		}
		var addrs []netip.AddrPort
		for _, s := range found {
			addrs = append(addrs, s.Addr)
		}
		if len(addrs) > 0 {
			out = append(out, target{transport, addrs[0], addrs[1:], named.Host})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no address of the family of %s", name, env.Inputs.Bind)
	}
	return out, nil
}

// askTarget asks one server over one transport, and once more without our own
// address. Over TLS nobody on the way can read it: there is nothing to control.
func askTarget(ctx context.Context, env *checks.Env, v *views, local netip.Addr, t target, s probe.Schedule) ServerAnswer {
	a := ServerAnswer{Transport: t.transport, Remote: t.addr}
	f, err := t.open(ctx, env, local)
	if err != nil {
		a.fail(err)
		return a
	}
	defer f.Close()
	a.Local = f.Local
	env.AskSIP(ctx, t.addr.Addr(), func(method string) []byte {
		token := probe.Token()
		a.Sent = plainRequest(method, token, t, a.Local)
		if a.Message, a.Error, a.ErrorClass = method, "", ""; method == "OPTIONS" {
			a.Message = "" // the usual one
		}
		q := &probe.Ask{Payload: func() []byte { return a.Sent }, Match: finalFor(token)}
		err := f.Ask(ctx, t.patience(s), q)
		a.take(q, err)
		return a.Reply
	})
	if a.Reply == nil || t.transport == "tls" {
		return a
	}
	env.AskSIP(ctx, t.addr.Addr(), func(method string) []byte {
		token := probe.Token()
		a.ControlSent = withoutAddress(plainRequest(method, token, t, a.Local), token, a.Local, v.of(ctx, local))
		q := &probe.Ask{Payload: func() []byte { return a.ControlSent }, Match: finalFor(token)}
		_ = f.Ask(ctx, t.patience(controlSchedule()), q)
		a.ControlReply = q.Reply
		return q.Reply
	})
	return a
}

// open makes a flow to t. The certificate is the signalling check's business;
// here only the answer counts, and nothing secret is sent.
func (t target) open(ctx context.Context, env *checks.Env, local netip.Addr) (*probe.Flow, error) {
	if t.transport == "udp" {
		return probe.OpenUDP(ctx, env.Net, local, t.addr)
	}
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	var secure *tls.Config
	if t.transport == "tls" {
		secure = &tls.Config{InsecureSkipVerify: true, ServerName: t.name}
	}
	return probe.Dial(ctx, env.Net, netip.AddrPortFrom(local, 0), t.addr, secure)
}

// patience is s where it is us who repeat what is lost.
func (t target) patience(s probe.Schedule) probe.Schedule {
	if t.transport == "udp" {
		return s
	}
	return streamSchedule()
}

// controlSchedule is shorter than that of the question itself: the server has
// just answered, and without its second answer the first still counts.
func controlSchedule() probe.Schedule { return probe.At(900, 0, 400, 1000) }

// markName is the parameter of the control's Via in which our public address
// stands.
const markName = "x-seen="

// withoutAddress is the same request without our own address: a host that does
// not exist in its Via (RFC 2606), so that a server that only repeats the Via
// is found out, and elsewhere our public address. Helpers that look for our
// address leave it alone on the way there; on the way back they put the private
// address where the public one stands, and that was never sent.
func withoutAddress(request []byte, token string, local netip.AddrPort, public netip.Addr) []byte {
	alias := token + ".invalid"
	host, hostPort, mark := alias, fmt.Sprintf("%s:%d", alias, local.Port()), ""
	if public.IsValid() && public != local.Addr() {
		host, hostPort = public.String(), netip.AddrPortFrom(public, local.Port()).String()
		if public.Is4() {
			mark = ";" + markName + host
		}
	}
	via, rest, _ := bytes.Cut(request, []byte(";branch="))
	via = bytes.ReplaceAll(via, []byte(local.String()), []byte(fmt.Sprintf("%s:%d", alias, local.Port())))
	rest = bytes.Replace(rest, []byte(";rport"), []byte(";rport"+mark), 1)
	rest = bytes.ReplaceAll(rest, []byte(local.String()), []byte(hostPort))
	rest = bytes.ReplaceAll(rest, []byte("@"+local.Addr().String()), []byte("@"+host))
	return bytes.Join([][]byte{via, rest}, []byte(";branch="))
}

// plainRequest is a plain request that any SIP server answers with something. It
// carries no credentials and no body.
func plainRequest(method, token string, t target, local netip.AddrPort) []byte {
	d := dialog{token: token, transport: t.transport, local: local, remote: t.addr}
	return d.request(method, "")
}

// finalFor accepts a final response to the request with that token, wherever it
// comes from. Whatever else becomes of the message, one of the places that name
// it survives.
func finalFor(token string) func([]byte, netip.AddrPort) bool {
	return func(b []byte, _ netip.AddrPort) bool {
		m, err := sip.Parse(b)
		return err == nil && m.Status >= 200 && bytes.Contains(b, []byte(token))
	}
}

// take notes what came of the request, and reports whether it was answered.
func (a *ServerAnswer) take(q *probe.Ask, err error) bool {
	a.Tries, a.Reply, a.From = q.Tries, q.Reply, q.From
	if q.Reply != nil {
		a.RTTMillis = probe.Millis(q.RTT)
		return true
	}
	if a.Transport != "udp" {
		err = cmp.Or(err, os.ErrDeadlineExceeded)
	}
	a.fail(err)
	return false
}

func (a *ServerAnswer) fail(err error) {
	if err != nil {
		a.Error, a.ErrorClass, _ = probe.Failure(err)
	}
}
