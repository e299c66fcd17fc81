package fragments

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// longInvite is what a phone with all its codecs, video, ICE candidates and
	// SRTP keys sends, bytes; shortInvite is the same phone with two codecs.
	longInvite  = 3000
	shortInvite = 900
	// inviteWait lies between two tries, longer than an answer takes on a path
	// that can carry calls.
	inviteWait = 300 * time.Millisecond
)

// call sends an INVITE of the wanted length to the SIP port until it is
// answered, or until tries says that loss no longer explains the silence.
func call(ctx context.Context, env *checks.Env, client *session.Client, port, number int, tries func(bytes int) int, out *Invite) {
	f, err := probe.OpenUDP(ctx, env.Net, env.Inputs.Bind, netip.AddrPortFrom(client.Addr, uint16(port)))
	if err != nil {
		return
	}
	defer f.Close()
	token := client.Token(number)
	req := inviteOf(out.Bytes, token, f.Local, f.Remote, env.FreshRTPPort())
	out.Bytes = len(req)
	q := &probe.Ask{
		Payload: func() []byte { return req },
		Match: func(b []byte, from netip.AddrPort) bool {
			return from == f.Remote && bytes.HasPrefix(b, []byte("SIP/2.0 ")) && bytes.Contains(b, []byte(token))
		},
	}
	for q.Reply == nil && q.Tries < maxTries && out.Tries < tries(out.Bytes) && ctx.Err() == nil {
		err := f.Ask(ctx, probe.Schedule{SendAt: []time.Duration{0}, LastWait: inviteWait}, q)
		if _, isICMP := errors.AsType[*platform.ICMPError](err); err == nil || isICMP {
			out.Tries++ // it left this machine
		}
	}
	out.Answered = q.Reply != nil
	out.Silent = !out.Answered && out.Tries >= tries(out.Bytes)
}

// inviteOf is an INVITE of at least the wanted length: as many codecs as fit,
// as phones list them.
func inviteOf(size int, token string, local, remote netip.AddrPort, rtp int) []byte {
	codecs := []string{"PCMU/8000", "PCMA/8000", "G722/8000", "G729/8000", "opus/48000/2", "GSM/8000", "iLBC/8000", "speex/8000", "speex/16000", "G726-16/8000", "G726-24/8000", "G726-32/8000", "G726-40/8000", "AMR/8000", "AMR-WB/16000", "SILK/8000", "SILK/16000", "telephone-event/8000"}
	var formats, attributes []string
	var req []byte
	for n := 0; len(req) < size; n++ {
		formats = append(formats, fmt.Sprint(96+n%32))
		attributes = append(attributes, fmt.Sprintf("a=rtpmap:%d %s", 96+n%32, codecs[n%len(codecs)]))
		if n >= 31 { // a payload type has seven bits; what is longer comes from candidates
			formats = formats[:31]
			attributes[n] = fmt.Sprintf("a=candidate:%d 1 UDP %d %s %d typ host", n, 2130706431-n, local.Addr(), rtp)
		}
		req = invite(token, local, remote, rtp, formats, attributes)
	}
	return req
}

func invite(token string, local, remote netip.AddrPort, rtp int, formats, attributes []string) []byte {
	family := "IP4"
	if local.Addr().Is6() {
		family = "IP6"
	}
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\n%s\r\na=sendrecv\r\n",
		family, local.Addr(), family, local.Addr(), rtp, strings.Join(formats, " "), strings.Join(attributes, "\r\n"))
	d := probe.NewDialogue("udp", local, token+"@"+remote.String(), "sipdoctor@"+local.String())
	d.CallID, d.Body = token, body
	return d.Request("INVITE", "Content-Type: application/sdp").Payload()
}
