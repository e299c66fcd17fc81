package labtest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// answers is a SIPp scenario of who answers a call with what the caller offers, and
// sends back whatever he hears.
const answers = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answers">
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 8 101
    a=rtpmap:8 PCMA/8000
    a=rtpmap:101 telephone-event/8000

  ]]></send>
  <recv request="ACK" optional="true"/>
  <recv request="BYE"/>
  <send><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
`

// A call with audio across a router: what the phone's side of it shows, and the
// server's.
func TestAudioOfACall(t *testing.T) {
	t.Parallel()
	need(t, "sipp", "tcpdump")
	const recordings = "/usr/share/sip-tester" // of the package that SIPp comes with
	if _, err := os.Stat(filepath.Join(recordings, "g711a.pcap")); err != nil {
		need(t, filepath.Join(recordings, "g711a.pcap"))
	}
	for name, tt := range map[string]struct {
		echo          bool
		phone, server []string
	}{
		"clean":              {true, nil, nil},
		"lossy":              {true, []string{"capture.poor-audio"}, nil},
		"rtp-return-blocked": {true, []string{"capture.no-audio"}, nil},
		"nobody speaks":      {false, []string{"capture.no-audio"}, []string{"capture.no-audio"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			office := name
			if !tt.echo {
				office = "clean"
			}
			o, err := lab.Build(t.Context(), scenario(t, office))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "answers.xml"), []byte(answers), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(recordings, filepath.Join(dir, "pcap")); err != nil {
				t.Fatal(err)
			}
			atPhone, atServer := tap(t, o.Phone), tap(t, o.SIPServer)
			args := []string{"-sf", filepath.Join(dir, "answers.xml"), "-i", lab.SIPServerAddr, "-p", "5060", "-mi", lab.SIPServerAddr, "-mp", "20002", "-nostdin"}
			if tt.echo {
				args = append(args, "-rtp_echo")
			}
			start(t, o.SIPServer, "sipp", args...)
			time.Sleep(500 * time.Millisecond)
			for tries := 1; ; tries++ { // a lossy line may lose what SIPp cannot do without
				call := o.Phone.Command(t.Context(), "sipp", "-sn", "uac_pcap", "-i", lab.PhoneAddr, "-p", "5060", "-mi", lab.PhoneAddr, "-mp", "30000", "-m", "1", "-nostdin", lab.SIPServerAddr+":5060")
				call.Dir = dir
				out, err := call.CombinedOutput()
				if err == nil {
					break
				}
				if name != "lossy" || tries == 3 {
					t.Fatalf("sipp: %v\n%s", err, out)
				}
			}
			phone, server := atPhone(), atServer()
			for at, want := range map[string][]string{phone: tt.phone, server: tt.server} {
				rep, _ := run(t, o.Phone, "capture", at, "--format", "json")
				if got := findings(rep); name != "lossy" && !slices.Equal(got, want) || name == "lossy" && at == phone && !slices.Contains(got, want[0]) {
					t.Errorf("%s: findings %v, want %v\n%s", at, got, want, explain(rep))
				}
			}
		})
	}
}
