package labtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

const update = `
  <send><![CDATA[

    UPDATE sip:sipp@192.168.88.10:5070 SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-again-[call_number]
    From: <sip:service@[local_ip]:[local_port]>;tag=[call_number]
    To:[$caller]
    Call-ID: [call_id]
    CSeq: 1 UPDATE
    Contact: <sip:[local_ip]:[local_port]>
    Session-Expires: 12;refresher=uac
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  `

// refreshes is a SIPp scenario of who answers a call that is to be refreshed, and is to
// do that himself. As nobody answers he hangs up, as RFC 4028 demands. All takes a
// hundredth of the usual time. SIPp repeats a request only while it waits for the answer.
const refreshes = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="refreshes">
  <recv request="INVITE"><action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action></recv>
  <send retrans="500"><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Require: timer
    Session-Expires: 12;refresher=uas
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=- 1 1 IN IP4 [local_ip]
    s=-
    c=IN IP4 [local_ip]
    t=0 0
    m=audio 20002 RTP/AVP 0

  ]]></send>
  <recv request="ACK"/>
  <pause milliseconds="3000"/>` + update + `<pause milliseconds="500"/>` + update + `<pause milliseconds="1000"/>` + update + `<pause milliseconds="2000"/>
  <send><![CDATA[

    BYE sip:sipp@192.168.88.10:5070 SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-bye-[call_number]
    From: <sip:service@[local_ip]:[local_port]>;tag=[call_number]
    To:[$caller]
    Call-ID: [call_id]
    CSeq: 2 BYE
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
</scenario>
`

// idle is what a phone does between registrations: it answers whether it is there.
func (p *scriptedPhone) idle(d time.Duration) {
	buf := make([]byte, 4096)
	for end := time.Now().Add(d); time.Now().Before(end); {
		_ = p.conn.SetReadDeadline(end)
		n, err := p.conn.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), "OPTIONS ") {
			continue
		}
		head, _, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
		out := []string{"SIP/2.0 200 OK"}
		for line := range strings.SplitSeq(head, "\r\n") {
			switch name, _, _ := strings.Cut(strings.ToLower(line), ":"); name {
			case "via", "from", "to", "call-id", "cseq":
				out = append(out, line)
			}
		}
		_, _ = p.conn.Write([]byte(strings.Join(append(out, "Content-Length: 0", "", ""), "\r\n")))
	}
}

// forgetful is an office whose router forgets an idle UDP mapping so soon.
func forgetful(t *testing.T, seconds int) lab.Scenario {
	s := scenario(t, "udp-timeout")
	s.Routers = slices.Clone(s.Routers)
	s.Routers[0].UDPTimeoutS = seconds
	return s
}

// The PBX asks less often whether a phone is there than the router forgets it: every
// two seconds, and after one, for want of minutes.
func TestComplaintsAboutAForgetfulRouter(t *testing.T) {
	t.Parallel()
	need(t, "tcpdump", "sipp")
	office, err := lab.Build(t.Context(), forgetful(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(office.Close)
	o := &telephony{Office: office, t: t}
	const phone = "[700](phone)\naors=700\n[700]\ntype=aor\nmax_contacts=1\nremove_existing=yes\nqualify_frequency=2\nqualify_timeout=1\n"
	o.pbx = newAsterisk(t, pjsip16, o.SIPServer, map[string]string{
		"extensions.conf": fmt.Sprintf(extensionsConf, "PJSIP"), "pjsip.conf": pjsipConf + phone,
		"logger.conf": "[general]\n[logfiles]\nfull => notice,warning,error,verbose(3)\n",
	})

	// A call through another server, which has to be refreshed.
	provider := tap(t, o.STUNServer)
	start(t, o.STUNServer, "sipp", "-sf", file(t, "refreshes.xml", refreshes), "-i", lab.STUNServerAddr, "-p", "5060", "-nostdin", "-m", "1")
	time.Sleep(500 * time.Millisecond)
	start(t, o.Phone, "sipp", "-sn", "uac", "-d", "60000", "-i", lab.PhoneAddr, "-p", "5070", "-m", "1", "-nostdin", lab.STUNServerAddr+":5060")

	p := newPhone(t, o.Phone, lab.SIPServerAddr+":5060", 5090)
	capture, log := o.atPBX(t, func() {
		for range 2 {
			if r := p.ask("700", 4*time.Second); r.code != 200 {
				t.Fatalf("the phone's registration gets %d", r.code)
			}
			p.idle(7 * time.Second)
		}
		_ = p.ask("700", 4*time.Second)
	})
	leads(t, weighs(t, o.Phone, "phones go offline", capture), "udp-timeout")
	leads(t, weighs(t, o.Phone, "phones go offline", log), "udp-timeout?") // a phone that is switched off looks the same there

	capture, log = o.atPBX(t, func() {
		p.idle(3 * time.Second)
		o.pbx.types("channel originate PJSIP/700 application Milliwatt")
		p.idle(4 * time.Second)
	})
	leads(t, weighs(t, o.Phone, "no incoming calls", capture), "udp-timeout?")
	leads(t, weighs(t, o.Phone, "no incoming calls", log), "phones-gone")

	called := provider()
	keep(t, "-called.pcap", called)
	leads(t, weighs(t, o.Phone, "calls drop after 15 minutes", o.diagnosed(t, called).rep), "session-timer")
}

// The same live: the router's memory is measured, and both complaints lead to it.
func TestComplaintsThatTakeMinutes(t *testing.T) {
	t.Parallel()
	o := open(t, forgetful(t, 3))
	for _, complaint := range []string{"no incoming calls after a while", "calls drop after 15 minutes"} {
		t.Run(complaint, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"symptom"}, strings.Fields(complaint)...)
			rep, _ := run(t, o.Phone, append(args, o.withResponder("--format", "json", "--at", "office", "--ladder", "5")...)...)
			if leads(t, rep.Symptom, "udp-timeout"); t.Failed() {
				t.Log(explain(rep))
			}
		})
	}
}

// An office far away: talk is late, and an echo that nobody else would notice is heard.
func TestComplaintsFromFarAway(t *testing.T) {
	t.Parallel()
	s := scenario(t, "clean")
	s.DelayMS = 220
	o := open(t, s)
	rep, _ := run(t, o.Phone, append([]string{"symptom", "delay", "in", "every", "call", "--format", "json", "--at", "office"}, o.withResponder()...)...)
	leads(t, rep.Symptom, "delay")
	rep.Symptom = nil
	leads(t, weighs(t, o.Phone, "echo on all phones", rep), "delay")
}
