package labtest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// outcomes are the calls of a report by Call-ID: "REGISTER accepted 200".
func outcomes(t *testing.T, rep *checks.Report) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, c := range facts(t, rep, "capture")["calls"].([]any) {
		m := c.(map[string]any)
		out[m["call_id"].(string)] = fmt.Sprint(m["method"], " ", m["outcome"], " ", m["final_code"])
	}
	return out
}

// sameAs compares another form of a capture with it: the same calls with the same
// outcomes, and the same findings.
func (d diagnosis) sameAs(t *testing.T, capture diagnosis, form string) {
	t.Helper()
	if diff := cmp.Diff(outcomes(t, capture.rep), outcomes(t, d.rep)); diff != "" {
		t.Errorf("%s tells otherwise (+) than the capture:\n%s", form, diff)
	}
	faults := func(list []string) []string { // what is only told depends on the place
		return slices.DeleteFunc(slices.Clone(list), func(f string) bool { return strings.HasSuffix(f, " info") })
	}
	if !slices.Equal(faults(d.Findings), faults(capture.Findings)) || d.Exit != capture.Exit {
		t.Errorf("%s: exit %d, %q, want %d, %q", form, d.Exit, d.Findings, capture.Exit, capture.Findings)
	}
}

// messages is how many SIP messages a report counts.
func messages(t *testing.T, d diagnosis) (n float64) {
	t.Helper()
	return facts(t, d.rep, "capture")["sip_messages"].(float64)
}

// aDay is what the traces are of: registrations and calls that go well and that do
// not. It returns the diagnosis of a capture at the PBX.
func (o *telephony) aDay(t *testing.T) diagnosis {
	t.Helper()
	_, atPBX := o.seen(t, func() {
		o.registers(t, 5080, "100", "right", 2, 401, 200)
		newPhone(t, o.Phone, lab.SIPServerAddr+":5060", 5081).register("100", "wrong", 2)
		o.calls(t, sippCall{to: "777", codec: 8, answer: 404})
		o.calls(t, sippCall{to: "600", codec: 8, seconds: 1})
	})
	return atPBX
}

// What Asterisk prints of its SIP, in its log and at its console with all its escape
// sequences, says the same as a capture.
func TestInteropTracesOfAsterisk(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "sipp", "script")
		console := filepath.Join(t.TempDir(), "console.txt")
		start(t, o.SIPServer, "script", "-qfc", "chroot "+o.pbx.root+" asterisk -C /mnt/asterisk.conf -rvvv", console)
		awaitText(t, console, "CLI>")
		o.pbx.types(map[bool]string{true: "sip set debug on", false: "pjsip set logger on"}[f.sip])
		atPBX := o.aDay(t)
		time.Sleep(500 * time.Millisecond) // for the log
		full := filepath.Join(o.pbx.dir, "log", "full")
		keep(t, "-full.txt", full)
		keep(t, "-console.txt", console)
		for _, file := range []string{full, console} {
			d := o.diagnosed(t, file)
			d.sameAs(t, atPBX, filepath.Base(file))
			if messages(t, d) != messages(t, atPBX) {
				t.Errorf("%s: %v messages, want %v", filepath.Base(file), messages(t, d), messages(t, atPBX))
			}
		}
	})
}

// awaitText waits until a file holds a text.
func awaitText(t *testing.T, name, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if b, _ := os.ReadFile(name); strings.Contains(string(b), text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never holds %q", name, text)
		}
	}
}

var dialogCount = regexp.MustCompile(`(?s).*Dialog count: (\d+)`)

// sngrep counts the same dialogs, and what it writes, as a capture and as a text, says
// the same.
func TestInteropSngrep(t *testing.T) {
	t.Parallel()
	o := openTelephony(t, "clean", pjsip16, "sipp", "sngrep", "script")
	atPBX := o.aDay(t)
	dir := t.TempDir()
	shell(t, o.Phone, "TERM=dumb sngrep -N -I "+atPBX.file+" >"+dir+"/said </dev/null", "TERM=dumb sngrep -N -q -I "+atPBX.file+" -O "+dir+"/out.pcap </dev/null")
	said, _ := os.ReadFile(filepath.Join(dir, "said"))
	if m := dialogCount.FindSubmatch(said); m == nil || string(m[1]) != fmt.Sprint(len(outcomes(t, atPBX.rep))) {
		t.Errorf("sngrep: %q, and we count %d calls", said, len(outcomes(t, atPBX.rep)))
	}
	o.diagnosed(t, filepath.Join(dir, "out.pcap")).sameAs(t, atPBX, "sngrep's capture")

	// F2, a name, five fields further to ".txt", and on to "Save".
	cmd := o.Phone.Command(t.Context(), "script", "-qfc", "stty rows 50 cols 160; sngrep -I "+atPBX.file, "/dev/null")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TERM=xterm")
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	for _, k := range []string{"\x1bOQ", "out", "\t", "\t", "\t", "\t", "\t", " ", "\t", "\r"} {
		_, _ = io.WriteString(keys, k)
		time.Sleep(300 * time.Millisecond)
	}
	awaitText(t, filepath.Join(dir, "out.txt"), "BYE")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	o.diagnosed(t, filepath.Join(dir, "out.txt")).sameAs(t, atPBX, "sngrep's text")
}

// What Asterisk sends to Homer by HEP says the same, and beside the SIP itself, in one
// capture at the PBX, it makes nothing look repeated.
func TestInteropHEPOfAsterisk(t *testing.T) {
	t.Parallel()
	for _, f := range []flavour{pjsip16, pjsipSid} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			o := openTelephony(t, "clean", f, "sipp")
			o.pbx.write("hep.conf", "[general]\nenabled=yes\ncapture_address="+lab.STUNServerAddr+":9060\ncapture_id=7\nuuid_type=call-id\n")
			for _, m := range []string{"res_hep", "res_hep_pjsip", "res_hep_rtcp"} {
				o.pbx.types("module load " + m)
			}
			homer := tap(t, o.STUNServer)
			phone := tap(t, o.Phone)
			server := tap(t, o.SIPServer)
			o.registers(t, 5080, "100", "right", 2, 401, 200)
			o.calls(t, sippCall{to: "777", codec: 8, answer: 404})
			o.calls(t, sippCall{to: "600", codec: 8, seconds: 1})
			atPhone, atHomer, both := o.diagnosed(t, phone()), o.diagnosed(t, homer()), o.diagnosed(t, server())
			keep(t, "-homer.pcap", atHomer.file)
			keep(t, "-both.pcap", both.file)
			atHomer.sameAs(t, atPhone, "HEP")
			both.sameAs(t, atPhone, "SIP with HEP")
		})
	}
}

const kamailioProxy = `
debug=2
log_stderror=yes
children=2
listen=udp:198.51.100.2:5060
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "rr.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "xlog.so"
loadmodule "siptrace.so"
modparam("siptrace", "duplicate_uri", "sip:198.51.100.30:9060")
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "hep_capture_id", 7)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
request_route {
	xlog("L_NOTICE", "$si:$sp -> $Ri:$Rp\n$mb");
	if (is_method("ACK")) { t_check_trans(); } # which ends here what answers a refusal
	if (is_method("INVITE")) { record_route(); }
	$ru = "sip:" + $rU + "@198.51.100.20:5060";
	t_on_reply("1");
	t_relay();
}
onreply_route[1] {
	xlog("L_NOTICE", "$si:$sp -> $Ri:$Rp\n$mb");
}
`

// A call through Kamailio, which writes every message that comes to its log and sends
// all to Homer: all forms say the same. Two captures, before it and behind it, show a
// proxy, and no SIP ALG.
func TestInteropTracesOfKamailio(t *testing.T) {
	t.Parallel()
	need(t, "kamailio")
	o := openTelephony(t, "clean", pjsip16, "sipp")
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	start(t, o.Responder, "sh", "-c", "exec kamailio -DD -E -Y "+dir+" -P "+dir+"/pid -f "+file(t, "kamailio.cfg", kamailioProxy)+" -m 32 -M 4 2>"+log)
	awaitText(t, log, "INFO: <core>")
	time.Sleep(time.Second)
	homer, proxy, phone, server := tap(t, o.STUNServer), tap(t, o.Responder), tap(t, o.Phone), tap(t, o.SIPServer)
	o.calls(t, sippCall{to: "777", codec: 8, answer: 404, server: lab.ResponderAddr})
	o.calls(t, sippCall{to: "600", codec: 8, seconds: 1, server: lab.ResponderAddr})
	atProxy, atHomer := o.diagnosed(t, proxy()), o.diagnosed(t, homer())
	for name, f := range map[string]string{"-proxy.pcap": atProxy.file, "-homer.pcap": atHomer.file, "-log.txt": log} {
		keep(t, name, f)
	}
	atProxy.says(t, 1, checks.Fail, "capture.refused critical")
	atHomer.sameAs(t, atProxy, "HEP")
	o.diagnosed(t, log).sameAs(t, atProxy, "the log")
	atPhone, atPBX := o.diagnosed(t, phone()), o.diagnosed(t, server())
	keep(t, "-phone.pcap", atPhone.file)
	keep(t, "-pbx.pcap", atPBX.file)
	agrees(t, atPhone.file, atPhone.rep)
	agrees(t, atPBX.file, atPBX.rep)
	o.diagnosed(t, atPhone.file, "--compare", atPBX.file).says(t, 1, checks.Fail, "capture.refused critical", "capture.proxied info")
}
