package labtest

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A sippCall is a call that SIPp places, with RTP of its own.
type sippCall struct {
	to       string   // the extension
	codec    int      // payload type of the only one offered; 8 is PCMA
	answer   int      // the final answer that is expected; 200 if it is 0
	seconds  int      // how long the call takes
	meanings []string // what happens in between: see steps
	noBye    bool     // the other end hangs up
	server   string   // who is called; empty is the PBX
	tcp      bool
}

const sippHead = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="a call">
`

// sippINVITE has the extension, CSeq, further header lines and the body's direction.
const sippINVITE = `<send retrans="500"><![CDATA[
INVITE sip:%[1]s@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-%[3]d
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:%[1]s@[remote_ip]:[remote_port]>%[2]s
Call-ID: [call_id]
CSeq: %[3]d INVITE
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
%[4]sContent-Type: application/sdp
Content-Length: [len]

v=0
o=user1 8[pid]00[call_number] %[3]d IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP %[5]d 101
a=rtpmap:%[5]d %[6]s
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=%[7]s
]]></send>
`

// sippRequest has method, extension, CSeq, further lines and the branch.
const sippRequest = `
%[1]s sip:%[2]s@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-%[5]s
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:%[2]s@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: %[3]d %[1]s
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
%[4]s`

// sippAnswer has further lines and the body of a response to the last request.
const sippAnswer = `
SIP/2.0 %[1]s
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

`

var codecNames = map[int]string{0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 18: "G729/8000"}

// scenario writes the call as SIPp reads it.
func (c sippCall) scenario() string {
	var b strings.Builder
	b.WriteString(sippHead)
	cseq := 1
	invite := func(tag, headers, direction string) {
		fmt.Fprintf(&b, sippINVITE, c.to, tag, cseq, headers, c.codec, codecNames[c.codec], direction)
	}
	branch := ""
	request := func(method, headers string) {
		repeated := map[bool]string{true: ` retrans="500"`}[method != "ACK"]
		b.WriteString("<send" + repeated + "><![CDATA[" + fmt.Sprintf(sippRequest, method, c.to, cseq, headers, cmp.Or(branch, fmt.Sprint(cseq))) + "]]></send>\n")
	}
	answered := func(code int) {
		b.WriteString(`<recv response="100" optional="true"></recv><recv response="180" optional="true"></recv><recv response="183" optional="true"></recv>` + "\n")
		fmt.Fprintf(&b, "<recv response=\"%d\" rtd=\"true\"></recv>\n", code)
		if code == 200 { // only the ACK of a refusal belongs to the INVITE's transaction
			branch = fmt.Sprintf("%d-ack", cseq)
		}
		request("ACK", "Content-Length: 0\n\n")
		branch = ""
	}
	pause := func(ms int) { fmt.Fprintf(&b, "<pause milliseconds=\"%d\"/>\n", ms) }
	headers := ""
	if c.has("session timer") {
		headers = "Supported: timer\nSession-Expires: 90;refresher=uas\nMin-SE: 90\n"
	}
	invite("", headers, "sendrecv")
	if c.answer > 200 {
		answered(c.answer)
		b.WriteString("</scenario>\n")
		return b.String()
	}
	answered(200)
	if !c.has("keys") && !c.has("silent") { // keys are sent from another port
		fmt.Fprintf(&b, `<nop><action><exec rtp_stream="tone.raw,-1,%d"/></action></nop>`+"\n", c.codec)
	}
	pause(1000 * c.seconds)
	for _, m := range c.meanings {
		cseq++
		switch m {
		case "hold":
			b.WriteString(`<nop><action><exec rtp_stream="pause"/></action></nop>` + "\n")
			invite("[peer_tag_param]", "", "sendonly")
			answered(200)
			pause(3000)
			cseq++
			invite("[peer_tag_param]", "", "sendrecv")
			answered(200)
			b.WriteString(`<nop><action><exec rtp_stream="resume"/></action></nop>` + "\n")
			pause(3000)
		case "INFO":
			request("INFO", "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=5\nDuration=160\n")
			b.WriteString(`<recv response="200"></recv>` + "\n")
			pause(1000)
		case "keys": // as RTP events, whatever was agreed on
			for _, k := range []string{"1", "2", "3"} {
				b.WriteString(`<nop><action><exec play_pcap_audio="pcap/dtmf_2833_` + k + `.pcap"/></action></nop>` + "\n")
				pause(700)
			}
		case "REFER":
			request("REFER", "Refer-To: <sip:601@[remote_ip]:[remote_port]>\nContent-Length: 0\n\n")
			b.WriteString(`<recv response="603"></recv>` + "\n")
		case "T.38":
			b.WriteString(`<recv request="INVITE" crlf="true"></recv>` + "\n<send retrans=\"500\"><![CDATA[" + fmt.Sprintf(sippAnswer, "488 Not Acceptable Here") + "]]></send>\n<recv request=\"ACK\"></recv>\n")
		}
	}
	cseq++
	if c.noBye {
		b.WriteString(`<recv request="BYE"></recv>` + "\n<send><![CDATA[" + fmt.Sprintf(sippAnswer, "200 OK") + "]]></send>\n")
	} else {
		request("BYE", "Content-Length: 0\n\n")
		b.WriteString(`<recv response="200"></recv>` + "\n")
	}
	b.WriteString("</scenario>\n")
	if c.has("keys") {
		return strings.ReplaceAll(b.String(), "[rtpstream_audio_port]", "[media_port]")
	}
	return b.String()
}

func (c sippCall) has(meaning string) bool {
	for _, m := range c.meanings {
		if m == meaning {
			return true
		}
	}
	return false
}

// calls places the call from the office's phone and waits for its end.
func (o *telephony) calls(t *testing.T, c sippCall) {
	t.Helper()
	if err := o.placed(t, c); err != nil {
		t.Fatal(err)
	}
}

// placed is calls for one that may fail.
func (o *telephony) placed(t *testing.T, c sippCall) error {
	t.Helper()
	dir := t.TempDir()
	// Half a second of sound in whatever codec of 64 kbit/s.
	tone := bytes.Repeat([]byte("\xd5\x5a\x34\xb2\x80\x31\xb5\x55"), 500)
	for name, b := range map[string][]byte{"tone.raw": tone, "call.xml": []byte(c.scenario())} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/usr/share/sip-tester", filepath.Join(dir, "pcap")); err != nil {
		t.Fatal(err)
	}
	cmd := o.Phone.Command(t.Context(), "sipp", "-sf", "call.xml", "-i", lab.PhoneAddr, "-p", "5070", "-mp", "16000", "-m", "1", "-nostdin",
		"-trace_err", "-error_file", "errors", "-timeout", "60s", "-timeout_error", cmp.Or(c.server, lab.SIPServerAddr)+":5060")
	if c.tcp {
		cmd.Args = append(cmd.Args, "-t", "t1")
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "errors"))
		return fmt.Errorf("sipp: %w\n%s\n%.600s", err, said, out)
	}
	return nil
}
