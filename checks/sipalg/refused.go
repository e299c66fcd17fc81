package sipalg

import (
	"bytes"
	"context"
	"net/netip"
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
	r := &refusal{flow: f, dialog: d}
	demand := "Require: " + noSuchExtension + "\r\nProxy-Require: " + noSuchExtension + "\r\n"
	a.Sent = bytes.Replace(r.request("INVITE", ""), []byte("User-Agent:"), []byte(demand+"User-Agent:"), 1)
	q := &probe.Ask{Payload: func() []byte { return a.Sent }, Match: r.ends}
	if err := f.Ask(ctx, probe.SIP(), q); a.take(q, err) {
		r.finish(ctx, q.Reply)
	}
	return a
}

type refusal struct {
	flow   *probe.Flow
	dialog dialog
}

// request is one of the dialog, but for nobody. A second transaction has a branch
// of its own.
func (r *refusal) request(method, tag string) []byte {
	d := r.dialog
	d.toTag = tag
	text := strings.ReplaceAll(string(d.request(method, "")), "sip:"+d.token+"@"+d.remote.String(), "sip:"+d.remote.String())
	if method != "INVITE" { // which alone may name a Contact
		before, after, _ := strings.Cut(text, "\r\nContact: ")
		_, after, _ = strings.Cut(after, "\r\n")
		text = before + "\r\n" + after
	}
	if method == "BYE" {
		text = strings.Replace(text, ";branch=z9hG4bK", ";branch=z9hG4bKb", 1)
	}
	return []byte(text)
}

// ends accepts a final response, and ringing: nothing is waited for any more
// then.
func (r *refusal) ends(b []byte, from netip.AddrPort) bool {
	m, err := sip.Parse(b)
	return err == nil && from == r.flow.Remote && m.Status > 100 && bytes.Contains(b, []byte(r.dialog.token))
}

func (r *refusal) finish(ctx context.Context, reply []byte) {
	status, tag := statusAndTag(reply)
	if status < 200 {
		cancelled := &probe.Ask{
			Payload: func() []byte { return r.request("CANCEL", "") },
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
	r.flow.Post(r.request("ACK", tag))
	if status/100 == 2 {
		r.flow.Post(r.request("BYE", tag))
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
