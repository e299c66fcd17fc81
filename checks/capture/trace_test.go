package capture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// The same registration that is refused, as it is printed by each system.
var (
	traceRegister = []string{
		"REGISTER sip:198.51.100.2 SIP/2.0", "Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1;rport", "From: <sip:100@198.51.100.2>;tag=a",
		"To: <sip:100@198.51.100.2>", "Call-ID: trace@192.168.88.10", "CSeq: 2 REGISTER",
		`Authorization: Digest username="100", realm="asterisk", nonce="5f", uri="sip:198.51.100.2", response="00", algorithm=MD5`, "Content-Length: 0",
	}
	traceForbidden = []string{
		"SIP/2.0 403 Forbidden", "Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1;rport=5060;received=192.168.88.10", "From: <sip:100@198.51.100.2>;tag=a",
		"To: <sip:100@198.51.100.2>;tag=b", "Call-ID: trace@192.168.88.10", "CSeq: 2 REGISTER", "Content-Length: 0",
	}
)

// printed is both messages, each between what stands before and after, every line
// behind a prefix.
func printed(before [2]string, prefix, after string) string {
	var b strings.Builder
	for i, m := range [][]string{traceRegister, traceForbidden} {
		b.WriteString(before[i])
		for _, line := range append(append([]string(nil), m...), "") {
			b.WriteString(prefix + line + "\n")
		}
		b.WriteString(after)
	}
	return b.String()
}

// oneLine is each message in one line.
func oneLine(before, end string) string {
	return before + strings.Join(traceRegister, end) + end + end + "\n" + before + strings.Join(traceForbidden, end) + end + end + "\n"
}

func readText(t *testing.T, text string) checks.Result {
	t.Helper()
	env := &checks.Env{Files: []checks.File{{Name: "trace.txt", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(text))), nil
	}}}}
	return checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
}

func TestATraceIsReadAsEachSystemPrintsIt(t *testing.T) {
	quoted := func(s string) string {
		return "> " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n> ") + "\n"
	}
	plain := printed([2]string{"", ""}, "", "")
	for name, text := range map[string]string{
		"the messages alone":      plain,
		"with Windows' line ends": strings.ReplaceAll(plain, "\n", "\r\n"),
		"quoted in a mail":        "Dear support,\n\nthis is what I see:\n" + quoted(plain) + "\nRegards\n",
		"quoted twice":            quoted(quoted(plain)),
		"broken by a mailer":      strings.ReplaceAll(plain, `uri="sip:`, "uri=\"sip:\n"),
		"Asterisk, pjsip set logger on": printed([2]string{
			"<--- Received SIP request (551 bytes) from UDP:192.168.88.10:5060 --->\n", "<--- Transmitting SIP response (499 bytes) to UDP:192.168.88.10:5060 --->\n",
		}, "", "\n"),
		"Asterisk's log file": printed([2]string{
			"[2026-01-02 10:00:00] VERBOSE[12] res_pjsip_logger.c: <--- Received SIP request (551 bytes) from UDP:192.168.88.10:5060 --->\n",
			"[2026-01-02 10:00:00] VERBOSE[12] res_pjsip_logger.c: <--- Transmitting SIP response (499 bytes) to UDP:192.168.88.10:5060 --->\n",
		}, "", "\n[2026-01-02 10:00:01] NOTICE[12] chan: something else\n"),
		"Asterisk's console as script records it": strings.ReplaceAll(printed([2]string{
			"\r\x1b[Kpbx*CLI> \r\x1b[0K<--- Received SIP request (551 bytes) from UDP:192.168.88.10:5060 --->\n",
			"\r\x1b[Kpbx*CLI> \r\x1b[0K<--- Transmitting SIP response (499 bytes) to UDP:192.168.88.10:5060 --->\n",
		}, "", "\n\r\x1b[Kpbx*CLI> \r\x1b[0K\x1b[1;30m    -- \x1b[0mRemote UNIX connection\n"), "\n", "\r\r\n"),
		"Kamailio, xlog of $si:$sp -> $Ri:$Rp and $mb": printed([2]string{
			" 1(71) NOTICE: <script>: 192.168.88.10:5060 -> 198.51.100.2:5060\n", " 2(72) NOTICE: <script>: 198.51.100.2:5060 -> 192.168.88.10:5060\n",
		}, "", "\n"),
		"Asterisk, sip set debug on": printed([2]string{
			"<--- SIP read from UDP:192.168.88.10:5060 --->\n", "<--- Transmitting (NAT) to 192.168.88.10:5060 --->\n",
		}, "", "<------------->\n--- (8 headers 0 lines) ---\n"),
		"FreeSWITCH, sofia global siptrace on": printed([2]string{
			"recv 551 bytes from udp/[192.168.88.10]:5060 at 10:00:00.123456:\n   ------------------------------------------------------------------------\n",
			"send 499 bytes to udp/[192.168.88.10]:5060 at 10:00:00.130000:\n   ------------------------------------------------------------------------\n",
		}, "   ", "   ------------------------------------------------------------------------\n"),
		"sngrep": printed([2]string{
			"2026/01/02 10:00:00.123456 192.168.88.10:5060 -> 198.51.100.2:5060\n", "2026/01/02 10:00:00.130000 198.51.100.2:5060 -> 192.168.88.10:5060\n",
		}, "", "\n"),
		"Homer": printed([2]string{
			"proto:UDP 2026-01-02T10:00:00.123456Z  192.168.88.10:5060 ---> 198.51.100.2:5060\n\n", "proto:UDP 2026-01-02T10:00:00.13Z  198.51.100.2:5060 ---> 192.168.88.10:5060\n\n",
		}, "", "\n"),
		"ngrep -W byline": printed([2]string{
			"U 2026/01/02 10:00:00.123456 192.168.88.10:5060 -> 198.51.100.2:5060 #1\n", "U 2026/01/02 10:00:00.130000 198.51.100.2:5060 -> 192.168.88.10:5060 #2\n",
		}, "", "\n"),
		"Cisco, debug ccsip messages": printed([2]string{
			"*Jan  2 10:00:00.123: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\nReceived: \n", "*Jan  2 10:00:00.130: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\nSent: \n",
		}, "", "\n"),
		"Avaya IP Office": printed([2]string{
			"670286mS SIP Rx: UDP 192.168.88.10:5060 -> 198.51.100.2:5060\n", "670294mS SIP Tx: UDP 198.51.100.2:5060 -> 192.168.88.10:5060\n",
		}, "    ", "670301mS RES: Thu 15/3/2012 FreeMem=75513804\n"),
		"a web page without line ends": strings.ReplaceAll(printed([2]string{
			"<--- Received SIP request (551 bytes) from UDP:192.168.88.10:5060 --->\n", "<--- Transmitting SIP response (499 bytes) to UDP:192.168.88.10:5060 --->\n",
		}, "", ""), "\n", " ") + "\n",
		"Kamailio's xlog of $mb, by rsyslog":  oneLine("Jan  2 10:00:00 proxy kamailio[12]: INFO: <script>: ", "#015#012"),
		"a logger that escapes line ends":     oneLine(`{"time":"2026-01-02T10:00:00Z","msg":"`, `\r\n`),
		"OpenSIPS, xlog of $mb, as it stands": printed([2]string{"", ""}, "", "\nJan  2 10:00:01 proxy opensips[12]: something else\n"),
		"a phone's syslog":                    printed([2]string{"", ""}, "<134>Jan  2 10:00:00 phone sua [1234]: ", ""),
	} {
		t.Run(name, func(t *testing.T) {
			r := readText(t, text)
			f := factsOf(t, r)
			if f.SIPMessages != 2 {
				t.Fatalf("%d messages", f.SIPMessages)
			}
			c := f.Calls[0]
			got := fmt.Sprint(c.Method, " ", c.Outcome, " ", c.FinalCode, " from ", c.Client)
			if want := "REGISTER rejected 403 from 192.168.88.10:5060"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.ID+" "+string(f.Severity))
			}
			if diff := cmp.Diff([]string{"capture.credentials-refused critical"}, found); diff != "" || r.Status != checks.Fail {
				t.Error(r.Status, diff)
			}
			if e := r.Findings[0].Evidence; !strings.Contains(fmt.Sprint(e[0].Says["name"]), "line") {
				t.Errorf("the evidence names no line: %+v", e)
			}
		})
	}
}

// A call as Wireshark exports it, before version 3 with names.
func TestWiresharksTextIsACapture(t *testing.T) {
	const text = `No.     Time           Source                Destination           Protocol Length Info
      7 0.000000       192.168.88.10         198.51.100.2          SIP/SDP  700    Request: INVITE sip:200@198.51.100.2 |

Frame 7: 700 bytes on wire (5600 bits), 700 bytes captured (5600 bits)
    Epoch Time: 1764400000.250000000 seconds
Ethernet II, Src: aa:bb:cc:00:00:01, Dst: aa:bb:cc:00:00:02
Internet Protocol Version 4, Src: phone.example.net (192.168.88.10), Dst: 198.51.100.2 (198.51.100.2)
User Datagram Protocol, Src Port: sip (5060), Dst Port: 5062
Session Initiation Protocol (INVITE)
    Request-Line: INVITE sip:200@198.51.100.2 SIP/2.0
        Method: INVITE
    Message Header
        Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1
            Transport: UDP
        From: <sip:100@198.51.100.2>;tag=a
            SIP from address: sip:100@198.51.100.2
        To: <sip:200@198.51.100.2>
        Call-ID: exported@192.168.88.10
        [Generated Call-ID: exported@192.168.88.10]
        CSeq: 1 INVITE
            Sequence Number: 1
        Content-Type: application/sdp
        Content-Length: 120
    Message Body
        Session Description Protocol
            Session Description Protocol Version (v): 0
            Owner/Creator, Session Id (o): - 1 1 IN IP4 192.168.88.10
                Owner Username: -
            Connection Information (c): IN IP4 192.168.88.10
            Media Description, name and address (m): audio 4000 RTP/AVP 8
                Media Port: 4000
            Media Attribute (a): rtpmap:8 PCMA/8000

Frame 9: 400 bytes on wire (3200 bits), 400 bytes captured (3200 bits)
    Epoch Time: 1764400000.500000000 seconds
Internet Protocol Version 4, Src: 198.51.100.2, Dst: 192.168.88.10
User Datagram Protocol, Src Port: 5062, Dst Port: 5060
Session Initiation Protocol (488)
    Status-Line: SIP/2.0 488 Not Acceptable Here
    Message Header
        Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1
        From: <sip:100@198.51.100.2>;tag=a
        To: <sip:200@198.51.100.2>;tag=b
        Call-ID: exported@192.168.88.10
        CSeq: 1 INVITE
        Content-Length: 0
`
	r := readText(t, text)
	c := factsOf(t, r).Calls[0]
	if got, want := fmt.Sprintln(c.Frame, c.Outcome, c.FinalCode, c.Client, c.Server, c.LengthS), "7 rejected 488 192.168.88.10:5060 198.51.100.2:5062 0.25\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	o, err := observe(context.Background(), &checks.Env{Files: []checks.File{{Name: "export.txt", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	offer := o.Dialogs[0].Messages[0]
	if at, ok := offer.SDP.Media[0].at(); !ok || at != netip.MustParseAddrPort("192.168.88.10:4000") || offer.Line {
		t.Errorf("%+v", offer)
	}
}

// What real systems wrote of the same: a password that is refused, an extension that is
// not there, and a call that goes well ("make interop").
func TestRealTracesAreRead(t *testing.T) {
	calls := []string{"INVITE rejected 404", "INVITE answered 200"}
	for name, want := range map[string][]string{
		"asterisk-16-sip-set-debug.log": append([]string{"REGISTER rejected 403"}, calls...),
		"asterisk-22-console.txt":       append([]string{"REGISTER unauthorised 401"}, calls...),
		"kamailio-xlog.log":             calls,
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range factsOf(t, readText(t, string(text))).Calls {
				got = append(got, fmt.Sprint(c.Method, " ", c.Outcome, " ", c.FinalCode))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Texts say when a message was, or do not; what was sent again shows all the same.
func TestWhatATraceSaysIsSentAgain(t *testing.T) {
	ok := strings.Join([]string{
		"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1", "From: <sip:100@198.51.100.2>;tag=a", "To: <sip:200@198.51.100.2>;tag=b",
		"Call-ID: again@192.168.88.10", "CSeq: 1 INVITE", "Content-Length: 0", "", "",
	}, "\n")
	for name, c := range map[string]struct {
		before [3]string
		again  int
		last   int64 // microseconds
	}{
		"without any time":             {[3]string{"", "", ""}, 2, 0},
		"Asterisk's log":               {[3]string{"[Nov 29 10:06:30]", "[Nov 29 10:06:30]", "[Nov 29 10:06:31]"}, 2, 1_000_000},
		"with a date of its own":       {[3]string{"[2026-11-29 10:06:30.100]", "[2026-11-29 10:06:30.600]", "[2026-11-29 10:06:31.600]"}, 2, 1_500_000},
		"one packet that shows twice":  {[3]string{"[2026-11-29 10:06:30.100]", "[2026-11-29 10:06:30.101]", "[2026-11-29 10:06:30.102]"}, 0, 0},
		"the time is on a line before": {[3]string{"*Nov 29 10:06:30.1: SIP/Msg:\n", "*Nov 29 10:06:30.6: SIP/Msg:\n", "*Nov 29 10:06:31.6: SIP/Msg:\n"}, 2, 1_500_000},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, stamp := range c.before {
				b.WriteString(stamp + " <--- Transmitting SIP response (300 bytes) to UDP:192.168.88.10:5060 --->\n" + ok)
			}
			var o Observed
			r := newReading(&o)
			if _, err := r.trace(t.Context(), strings.NewReader(b.String())); err != nil {
				t.Fatal(err)
			}
			r.finish()
			if m := o.Dialogs[0].Messages[0]; m.Again != c.again || max(0, m.Last-m.At) != c.last {
				t.Errorf("sent again %d times within %d µs, want %d, %d", m.Again, m.Last-m.At, c.again, c.last)
			}
		})
	}
}

func TestABodyIsReadToItsEnd(t *testing.T) {
	invite := strings.Join([]string{
		"INVITE sip:200@198.51.100.2 SIP/2.0", "Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1", "From: <sip:100@x>;tag=a", "To: <sip:200@x>", "Call-ID: body", "CSeq: 1 INVITE",
		"Content-Type: application/sdp", "", "v=0", "o=- 1 1 IN IP4 10.0.0.1", "s=-", "c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 8", "a=sendrecv", "",
		"Is this right? The phone says: not found.", "",
	}, "\n")
	for name, text := range map[string]string{
		"as it is":                 invite,
		"the empty line was lost":  strings.Replace(invite, "sdp\n\nv=0", "sdp\nv=0", 1),
		"with an empty line more":  strings.Replace(invite, "sdp\n\nv=0", "sdp\n\n\nv=0", 1),
		"nothing after the body":   strings.Split(invite, "\nIs this")[0],
		"another message after it": strings.Split(invite, "\nIs this")[0] + "\n" + strings.Join(traceForbidden, "\n") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			var o Observed
			r := newReading(&o)
			if _, err := r.trace(t.Context(), strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			r.finish()
			m := o.Dialogs[0].Messages[0]
			if m.SDP == nil || len(m.SDP.Media) != 1 || m.SDP.Media[0].Addr != "10.0.0.1" || m.SDP.Media[0].Port != 4000 {
				t.Errorf("%+v", m.SDP)
			}
			if want := netip.MustParseAddrPort("198.51.100.2:5060"); m.Dst != want {
				t.Errorf("sent to %s, want %s", m.Dst, want)
			}
		})
	}
}

func TestProseIsNoTrace(t *testing.T) {
	for _, text := range []string{
		"hello, world\n", "The server answered SIP/2.0 404 Not Found to us.\n", "INVITE sip:200@pbx SIP/2.0 is what the phone sends.\n", strings.Repeat("x", 200_000),
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		r := readText(t, text)
		if r.Status != checks.Inconclusive || factsOf(t, r).SIPMessages != 0 {
			t.Errorf("%.40q: %s, %d messages", text, r.Status, factsOf(t, r).SIPMessages)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add(printed([2]string{"<--- SIP read from UDP:192.168.88.10:5060 --->\n", "x"}, "  ", "<--->\n"))
	f.Fuzz(func(t *testing.T, text string) {
		var o Observed
		r := newReading(&o)
		_, _ = r.trace(t.Context(), strings.NewReader(text))
		r.finish()
		judge(o, nil)
	})
}
