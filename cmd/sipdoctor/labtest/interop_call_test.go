package labtest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// Calls that go well, each through a real Asterisk that sends audio of its own: the
// usual, over TCP, one between two phones, hold and its end, DTMF in both ways that phones have,
// session timers, and a fax that is refused T.38. None of them raises anything.
func TestInteropCallsThatGoWell(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "sipp")
		start(t, o.Responder, "sipp", "-sn", "uas", "-i", lab.ResponderAddr, "-p", "5060", "-rtp_echo", "-mp", "18000", "-nostdin")
		for name, c := range map[string]sippCall{
			"echo":           {to: "600", codec: 8, seconds: 5},
			"TCP":            {to: "600", codec: 8, seconds: 2, tcp: true},
			"another phone":  {to: "200", codec: 0, seconds: 4},
			"hold":           {to: "601", codec: 8, seconds: 3, meanings: []string{"hold"}},
			"DTMF":           {to: "602", codec: 0, seconds: 4, meanings: []string{"INFO"}},
			"session timers": {to: "600", codec: 8, seconds: 3, meanings: []string{"session timer"}},
			"no T.38":        {to: "605", codec: 8, meanings: []string{"T.38"}, noBye: true},
		} {
			if f.sip && c.noBye {
				continue // it goes back to audio by one more re-INVITE
			}
			t.Run(name, func(t *testing.T) {
				atPhone, atPBX := o.seen(t, func() { o.calls(t, c) })
				atPhone.isClean(t)
				atPBX.isClean(t)
			})
		}
	})
}

// Calls that a real Asterisk refuses. That somebody is busy is no fault.
func TestInteropCallsThatAreRefused(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "sipp")
		for name, c := range map[string]struct {
			call   sippCall
			exit   int
			status checks.Status
			found  string
		}{
			"no codec in common": {sippCall{to: "600", codec: 18, answer: 488}, 1, checks.Fail, "capture.no-codec|capture.refused critical"},
			"no such extension":  {sippCall{to: "777", codec: 8, answer: 404}, 1, checks.Fail, "capture.refused critical"},
			"the called is busy": {sippCall{to: "604", codec: 8, answer: 486}, 0, checks.Pass, "capture.refused info"},
		} {
			t.Run(name, func(t *testing.T) {
				_, atPBX := o.seen(t, func() { o.calls(t, c.call) })
				atPBX.says(t, c.exit, c.status, c.found)
			})
		}
	})
}

// The kernel's SIP helper in the router: the captures at the phone and at Asterisk
// prove it, as does one on the router alone, and that there is none where it is off.
func TestInteropTheRoutersHelper(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		for scene, c := range map[string]struct {
			exit            int
			status          checks.Status
			found, onRouter []string
		}{
			"clean":   {0, checks.Pass, nil, nil},
			"sip-alg": {1, checks.Fail, []string{"capture.rewritten critical"}, []string{"capture.rewritten/inside critical"}},
		} {
			t.Run(scene, func(t *testing.T) {
				o := openTelephony(t, scene, f, "sipp")
				router := tap(t, o.Routers[0])
				atPhone, atPBX := o.seen(t, func() { o.calls(t, sippCall{to: "600", codec: 8, seconds: 3}) })
				onRouter := o.diagnosed(t, router())
				keep(t, "-router.pcap", onRouter.file)
				both := o.diagnosed(t, atPhone.file, "--compare", atPBX.file)
				for _, d := range []*diagnosis{&onRouter, &both} { // signs within one side may stand beside the proof
					d.Findings = slices.DeleteFunc(d.Findings, func(f string) bool { return c.exit == 1 && strings.HasPrefix(f, "capture.alg-signs") })
				}
				onRouter.says(t, c.exit, c.status, c.onRouter...)
				both.says(t, c.exit, c.status, c.found...)
				if compared := facts(t, both.rep, "capture")["compared"].(map[string]any); c.exit == 1 && !slices.Contains(compared["codes"].([]any), any("SDP_CONNECTION")) {
					t.Errorf("%v", compared)
				}
			})
		}
	})
}

// A PBX between two captures writes SIP of its own on its other side: they have nothing
// in common, which says nothing of a SIP ALG.
func TestInteropAPBXBetweenTwoCaptures(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "sipp")
		start(t, o.Responder, "sipp", "-sn", "uas", "-i", lab.ResponderAddr, "-p", "5060", "-rtp_echo", "-mp", "18000", "-nostdin")
		called := tap(t, o.Responder)
		atPhone, _ := o.seen(t, func() { o.calls(t, sippCall{to: "200", codec: 0, seconds: 2}) })
		o.diagnosed(t, atPhone.file, "--compare", called()).says(t, 4, checks.Inconclusive)
	})
}

// The router drops Asterisk's audio, all of it or a tenth. The phone's capture shows
// it. That of the PBX shows both directions in order: the fault is not on its side.
func TestInteropAudioThatTheRouterDrops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule   string
		exit   int
		status checks.Status
		found  string
	}{
		"all of it": {"udp sport 12000-12100 drop", 1, checks.Fail, "capture.no-audio/caller critical"},
		"a tenth":   {"udp sport 12000-12100 numgen random mod 10 == 0 drop", 0, checks.Warn, "capture.poor-audio warning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openTelephony(t, "clean", pjsipSid, "sipp", "nft")
			shell(t, o.Routers[0], "nft 'add table ip f; add chain ip f forward { type filter hook forward priority 10; }; add rule ip f forward "+c.rule+"'")
			atPhone, atPBX := o.seen(t, func() { o.calls(t, sippCall{to: "601", codec: 8, seconds: 6}) })
			atPhone.says(t, c.exit, c.status, c.found)
			atPBX.isClean(t)
		})
	}
}

// callerConf is an Asterisk that calls the PBX in the office and plays a tone.
const callerConf = `[udp]
type=transport
protocol=udp
bind=0.0.0.0
[office]
type=endpoint
disallow=all
allow=alaw
aors=office
[office]
type=aor
contact=sip:203.0.113.1:5060
`

// A PBX behind a NAT that does not know its outside address puts its private one
// into the Contact of its 200 OK. The other end, a real Asterisk as well, sends its ACK
// there, so it is lost, as is its audio, and the call is torn down: the PBX's T1 is a fifth of the usual
// here, so it takes 6.4 s instead of 32.
func TestInteropAPrivateContact(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		need(t, "tcpdump", "tshark")
		s := scenario(t, "clean")
		s.Routers = slices.Clone(s.Routers)
		s.Routers[0].Forward = []lab.Forward{{Port: 5060, To: lab.PhoneAddr}, {Port: 12000, LastPort: 12100, To: lab.PhoneAddr}}
		office, err := lab.Build(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(office.Close)
		o := &telephony{Office: office, t: t}
		const trunk = "[trunk](phone)\naors=trunk\n[trunk]\ntype=aor\n[trunk]\ntype=identify\nendpoint=trunk\nmatch=198.51.100.20\n[system]\ntype=system\ntimer_t1=100\ntimer_b=6400\n"
		pbx := newAsterisk(t, f, office.Phone, map[string]string{
			"pjsip.conf": pjsipConf + trunk, "extensions.conf": extensionsConf,
			"sip.conf": strings.Replace(sipConf, "[phone](!)", "t1min=100\ntimert1=100\ntimerb=6400\n[phone](!)", 1) + "[trunk](phone)\nhost=198.51.100.20\ninsecure=port,invite\n",
		})
		caller := newAsterisk(t, pjsipSid, office.SIPServer, map[string]string{"pjsip.conf": callerConf, "extensions.conf": "[x]\n"})
		pbx.types(map[bool]string{true: "sip set debug on", false: "pjsip set logger on"}[f.sip])
		inOffice, atCaller := o.seen(t, func() {
			caller.types("channel originate PJSIP/601@office application Milliwatt")
			time.Sleep(9 * time.Second)
		})
		o.diagnosed(t, filepath.Join(pbx.dir, "log", "full")).says(t, 1, checks.Fail, "capture.ack-lost/none critical")
		leads(t, weighs(t, o.Phone, "calls drop after 30 seconds", inOffice.rep, atCaller.rep), map[bool]string{true: "ack-lost", false: "ack-lost pbx-nat"}[f.sip])
		if f.sip { // it sends no audio before the ACK
			inOffice.says(t, 1, checks.Fail, "capture.ack-lost/none critical")
			atCaller.says(t, 1, checks.Fail, "capture.ack-lost/private|capture.ack-lost/sent critical", "capture.no-audio/none critical")
			return
		}
		inOffice.says(t, 1, checks.Fail, "capture.ack-lost/none critical", "capture.no-audio/called critical")
		atCaller.says(t, 1, checks.Fail, "capture.ack-lost/private|capture.ack-lost/sent critical", "capture.no-audio/called critical")
	})
}
