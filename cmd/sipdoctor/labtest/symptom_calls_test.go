package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// weighs has the program weigh saved reports for a complaint.
func weighs(t *testing.T, n *lab.Node, complaint string, reports ...*checks.Report) *checks.Symptom {
	t.Helper()
	args := append([]string{"symptom"}, strings.Fields(complaint)...)
	for _, r := range reports {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--report", file(t, "report.json", string(raw)))
	}
	rep, _ := run(t, n, append(args, "--format", "json")...)
	if rep.Symptom == nil || len(rep.Symptom.Causes) == 0 {
		t.Fatalf("%q was not weighed", complaint)
	}
	return rep.Symptom
}

// leads checks that a complaint is led to what is behind it, and to nothing else: the
// causes that are found, or the first that may be, with a "?".
func leads(t *testing.T, x *checks.Symptom, want string) {
	t.Helper()
	var found []string
	for _, c := range x.Causes {
		if c.State == checks.CauseFound {
			found = append(found, c.ID)
		}
	}
	got := strings.Join(found, " ")
	if got == "" {
		got = x.Causes[0].ID + "?"
	}
	if got != want {
		t.Errorf("%s is led to %s, want %s\n%+v", x.ID, got, want, x.Causes[:2])
	}
}

// atPBX diagnoses what the PBX saw and logged while something happened.
func (o *telephony) atPBX(t *testing.T, happens func()) (capture, log *checks.Report) {
	t.Helper()
	stop, before := tap(t, o.SIPServer), len(o.pbx.log())
	happens()
	d := o.diagnosed(t, stop())
	keep(t, fmt.Sprint(time.Now().Unix(), "-pbx.pcap"), d.file)
	capture = d.rep
	log, _ = run(t, o.Phone, "logs", file(t, "full", o.pbx.log()[before:]), "--format", "json")
	return capture, log
}

// What goes wrong with calls at a PBX: 100 is not registered, and Asterisk ends with
// congestion; 607 may not be called; of 608 all lines are taken. sipp may send no keys
// as RTP events, and not transfer, and is hung up on when nothing is heard of it.
const (
	troubled = `exten => 606,1,Dial(PJSIP/100,5)
 same => n,Congestion(1)
exten => 607,1,Hangup(21)
exten => 608,1,Hangup(34)
`
	limited = "[sipp](+)\ndtmf_mode=inband\nallow_transfer=no\nrtp_timeout=2\n"
)

// Each complaint about calls is provoked at a real Asterisk, and led to its cause by a
// capture taken there, or by what Asterisk logged.
func TestComplaintsAboutCallsAreLedToTheirCauses(t *testing.T) {
	t.Parallel()
	o := openTelephony(t, "clean", pjsip16, "sipp")
	o.pbx.write("extensions.conf", fmt.Sprintf(extensionsConf, "PJSIP")+troubled)
	o.pbx.write("pjsip.conf", pjsipConf+limited)
	o.pbx.types("core reload")
	for _, c := range []struct {
		call         sippCall
		complaint    string
		capture, log string // what they lead to; "" is that they say nothing of it
	}{
		{sippCall{to: "777", codec: 8, answer: 404}, "404 on outgoing calls", "dialplan", "dialplan"},
		{sippCall{to: "604", codec: 8, answer: 486}, "busy tone", "line-limit?", ""},
		{sippCall{to: "608", codec: 8, answer: 503}, "all circuits busy", "line-limit?", ""},
		{sippCall{to: "606", codec: 8, answer: 503}, "503", "server-trouble?", "phones-gone"},
		{sippCall{to: "607", codec: 8, answer: 403}, "403 when calling", "policy", ""},
		{sippCall{to: "600", codec: 18, answer: 488}, "cannot call out", "codec", "codec"},
		{sippCall{to: "600", codec: 8, meanings: []string{"keys"}}, "the voice menu ignores digits", "dtmf-mode", ""},
		{sippCall{to: "600", codec: 8, seconds: 1, meanings: []string{"REFER"}}, "cannot transfer", "transfer-refused", ""},
		{sippCall{to: "600", codec: 8, meanings: []string{"silent"}, noBye: true}, "calls drop", "silence-timeout", "silence-timeout"},
	} {
		t.Run(c.complaint, func(t *testing.T) {
			capture, log := o.atPBX(t, func() { o.calls(t, c.call) })
			leads(t, weighs(t, o.Phone, c.complaint, capture), c.capture)
			if c.log != "" {
				leads(t, weighs(t, o.Phone, c.complaint, log), c.log)
			}
		})
	}
	for _, c := range []struct {
		user, password string
		answers        []int
		complaint      string
		want           string
	}{
		{"300", "right", []int{401, 403}, "phones do not register, 403", "too-many-contacts"},
		{"100", "wrong", []int{401, 401, 401}, "phones do not register", "credentials"},
		{"400", "right", []int{401, 401, 401}, "401 when registering", "credentials"}, // only the log tells
	} {
		t.Run(c.user, func(t *testing.T) {
			capture, log := o.atPBX(t, func() { o.registers(t, 5090, c.user, c.password, 2, c.answers...) })
			leads(t, weighs(t, o.Phone, c.complaint, capture), c.want)
			if c.user == "400" {
				c.want = "acl"
			}
			leads(t, weighs(t, o.Phone, c.complaint, log), c.want)
		})
	}
	// The log there tells of the number that was not found as well.
	t.Run("on the PBX", func(t *testing.T) {
		rep := o.onPBX(t, "503")
		if leads(t, rep.Symptom, "phones-gone dialplan"); t.Failed() || rep.Result("logs") == nil || rep.Result("asterisk-state") == nil {
			t.Error(explain(rep))
		}
	})
}

// onPBX runs symptom on the PBX, whose console and log are in another root.
func (o *telephony) onPBX(t *testing.T, complaint string) *checks.Report {
	t.Helper()
	bin := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nexec chroot %s asterisk -C /mnt/asterisk.conf \"$@\"\n", o.pbx.root)
	if err := os.WriteFile(filepath.Join(bin, "asterisk"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := o.SIPServer.Command(t.Context(), "unshare", "-m", "sh", "-c",
		`mount -t tmpfs none /var/log && mkdir /var/log/asterisk && mount --bind "$1" /var/log/asterisk && PATH="$2:$PATH" exec "$3" symptom $4 --at pbx --format json`,
		"sh", filepath.Join(o.pbx.dir, "log"), bin, os.Getenv(programVar), complaint)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, _ := cmd.Output()
	rep, err := checks.ReadReport(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	return rep
}
