package sipalg

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// An INVITE is what most ALGs act on, and its refusal repeats as much of it as
// the answer to an OPTIONS does. It must ring nobody: it is for the server
// itself, whose address names no user, and it requires an extension that nobody
// has, which a server has to refuse before it looks for anybody (RFC 3261,
// 8.2.2.3 and 16.3). A PBX may log it as a failed call, so it is sent once a
// server, only under --deep, and only to servers that the user named.

// noSuchExtension is what the INVITE requires.
const noSuchExtension = "sipdoctor-refuse-this"

// askRefusal sends the INVITE over UDP. Whatever comes is brought to its end: a
// refusal is acknowledged, ringing is cancelled, a call is hung up.
func askRefusal(ctx context.Context, env *checks.Env, local netip.Addr, t target) ServerAnswer {
	a := ServerAnswer{Transport: t.transport, Message: "INVITE", Remote: t.addr}
	f, err := probe.OpenUDP(ctx, env.Net, local, t.addr)
	if err != nil {
		a.fail(err)
		return a
	}
	defer f.Close()
	a.Local = f.Local
	token := probe.Token()
	d := dialog{token: token, transport: t.transport, local: a.Local, remote: t.addr, rtp: env.FreshRTPPort()}
	a.Sent = refusable(d)
	r := &refusal{flow: f, invite: a.Sent, token: token}
	q := &probe.Ask{Payload: func() []byte { return r.invite }, Match: r.ends}
	if err := f.Ask(ctx, probe.SIP(), q); a.take(q, err) {
		r.finish(ctx, q.Reply)
	}
	return a
}

// refusable is the INVITE of the dialog, for nobody, and with the requirement.
func refusable(d dialog) []byte {
	text := strings.ReplaceAll(string(d.request("INVITE", "")), "sip:"+d.token+"@"+d.remote.String(), "sip:"+d.remote.String())
	demand := "Require: " + noSuchExtension + "\r\nProxy-Require: " + noSuchExtension + "\r\n"
	return []byte(strings.Replace(text, "User-Agent:", demand+"User-Agent:", 1))
}

// refusal is one INVITE under way.
type refusal struct {
	flow   *probe.Flow
	invite []byte
	token  string
}

// ends accepts a final response, and ringing: nothing is waited for any more
// then.
func (r *refusal) ends(b []byte, from netip.AddrPort) bool {
	m, err := sip.Parse(b)
	return err == nil && from == r.flow.Remote && m.Status > 100 && bytes.Contains(b, []byte(r.token))
}

// finish brings the transaction to its end.
func (r *refusal) finish(ctx context.Context, reply []byte) {
	status, tag := statusAndTag(reply)
	if status < 200 {
		cancelled := &probe.Ask{
			Payload: func() []byte { return r.next("CANCEL", 1, "") },
			Match: func(b []byte, from netip.AddrPort) bool {
				s, _ := statusAndTag(b)
				return s >= 200 && r.ends(b, from) && !answersCancel(b)
			},
		}
		_ = r.flow.Ask(ctx, controlSchedule(), cancelled)
		if cancelled.Reply == nil {
			return
		}
		status, tag = statusAndTag(cancelled.Reply)
	}
	r.flow.Post(r.next("ACK", 1, tag))
	if status/100 == 2 {
		r.flow.Post(r.next("BYE", 2, tag))
	}
}

// answersCancel tells the answer to the CANCEL from the one to the INVITE.
func answersCancel(reply []byte) bool {
	m, err := sip.Parse(reply)
	return err == nil && m.Get("cseq") != nil && bytes.HasSuffix(m.Get("cseq").Value, []byte("CANCEL"))
}

func statusAndTag(reply []byte) (status int, tag string) {
	m, err := sip.Parse(reply)
	if err != nil {
		return 0, ""
	}
	if to := m.Get("to"); to != nil {
		tag = tagOf(to.Value)
	}
	return m.Status, tag
}

// next is a later request of the same dialog: the INVITE with another method,
// without its body and what it required.
func (r *refusal) next(method string, cseq int, tag string) []byte {
	head, _, _ := strings.Cut(string(r.invite), "\r\n\r\n")
	var out []string
	for line := range strings.SplitSeq(head, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch sip.Canonical([]byte(name)) {
		case "require", "proxy-require", "content-type", "contact":
			continue
		case "content-length":
			line = "Content-Length: 0"
		case "cseq":
			line = "CSeq: " + strconv.Itoa(cseq) + " " + method
		case "to":
			if tag != "" {
				line += ";tag=" + tag
			}
		}
		out = append(out, line)
	}
	out[0] = method + strings.TrimPrefix(out[0], "INVITE")
	if method == "BYE" { // a transaction of its own
		out[1] = strings.Replace(out[1], ";branch=z9hG4bK", ";branch=z9hG4bKb", 1)
	}
	return []byte(strings.Join(out, "\r\n") + "\r\n\r\n")
}
