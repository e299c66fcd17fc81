package labtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// telephony is an office with a real PBX behind its router, on the Internet.
type telephony struct {
	*lab.Office
	t   *testing.T
	pbx *asterisk
}

// openTelephony builds it. Programs are what the story needs besides.
func openTelephony(t *testing.T, scene string, f flavour, programs ...string) *telephony {
	t.Helper()
	need(t, append([]string{"tcpdump", "tshark"}, programs...)...)
	o, err := lab.Build(t.Context(), scenario(t, scene))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return &telephony{Office: o, t: t, pbx: newPBX(t, f, o.SIPServer)}
}

// diagnosis is what the program says of a capture.
type diagnosis struct {
	Exit     int
	Status   checks.Status
	Findings []string // ID, variant, severity
	rep      *checks.Report
	file     string
	tshark   counts
}

// diagnosed reads a file with the program.
func (o *telephony) diagnosed(t *testing.T, file string, args ...string) diagnosis {
	t.Helper()
	rep, exit := run(t, o.Phone, append([]string{"capture", file, "--format", "json"}, args...)...)
	d := diagnosis{Exit: exit, Status: rep.Result("capture").Status, rep: rep, file: file}
	for _, f := range rep.Result("capture").Findings {
		id := f.ID
		if f.Variant != "" {
			id += "/" + f.Variant
		}
		d.Findings = append(d.Findings, id+" "+string(f.Severity))
	}
	return d
}

// seen captures at both ends what happens, diagnoses it and lets tshark count it.
func (o *telephony) seen(t *testing.T, happens func()) (atPhone, atPBX diagnosis) {
	t.Helper()
	phone, server := tap(t, o.Phone), tap(t, o.SIPServer)
	happens()
	atPhone, atPBX = o.diagnosed(t, phone()), o.diagnosed(t, server())
	keep(t, "-phone.pcap", atPhone.file)
	keep(t, "-pbx.pcap", atPBX.file)
	atPhone.tshark, atPBX.tshark = agrees(t, atPhone.file, atPhone.rep), agrees(t, atPBX.file, atPBX.rep)
	return atPhone, atPBX
}

// says compares a diagnosis with what it should be: findings as "ID severity",
// "ID/variant severity" or "ID|ID severity" of which one is enough. What is only told
// (a private Contact behind NAT, a phone that knows no DTMF) is no fault.
func (d diagnosis) says(t *testing.T, exit int, status checks.Status, findings ...string) {
	t.Helper()
	var found []string
	for _, f := range d.Findings {
		id, severity, _ := strings.Cut(f, " ")
		bare, _, _ := strings.Cut(id, "/")
		name := f
		for _, want := range findings {
			ids, as, _ := strings.Cut(want, " ")
			if alternatives := strings.Split(ids, "|"); as == severity && (slices.Contains(alternatives, id) || slices.Contains(alternatives, bare)) {
				name = want
			}
		}
		if severity != string(checks.Info) || slices.Contains(findings, name) {
			found = append(found, name)
		}
	}
	if d.Exit != exit || d.Status != status || !slices.Equal(found, findings) {
		t.Errorf("exit %d, %s, %q; want %d, %s, %q\n%s", d.Exit, d.Status, d.Findings, exit, status, findings, explain(d.rep))
	}
}

// isClean is says for a call that goes well. On a busy machine SIPp or Asterisk may
// stop for a moment: audio is poor then, if tshark finds so as well.
func (d diagnosis) isClean(t *testing.T) {
	t.Helper()
	for _, s := range d.tshark.Streams {
		if s.poor() {
			t.Logf("this machine had no time: %+v", s)
			d.Findings = slices.DeleteFunc(d.Findings, func(f string) bool { return strings.HasPrefix(f, "capture.poor-audio") })
			d.Status = checks.Pass
		}
	}
	d.says(t, 0, checks.Pass)
}

// registers is one registration, with the answers that it gets.
func (o *telephony) registers(t *testing.T, port uint16, user, password string, tries int, want ...int) []reply {
	t.Helper()
	list := newPhone(t, o.Phone, lab.SIPServerAddr+":5060", port).register(user, password, tries)
	if d := cmp.Diff(want, codes(list)); d != "" {
		t.Fatalf("%s with the password %q is answered otherwise:\n%s", user, password, d)
	}
	return list
}

// A phone registers at each kind of Asterisk: with the right password, with a wrong
// one, under a name that is unknown, and where an ACL keeps it out. The last three
// are one on the wire: a real Asterisk has no word more for one of them than for the
// others, whatever the challenges look like (each of PJSIP has another opaque, also
// for a phone that is known), so the diagnosis may not claim to know which it was.
func TestInteropRegistrations(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "nft")
		refused := []int{401, 401, 401}
		if f.sip {
			refused = []int{401, 403}
		}
		var looks []map[string]bool
		for i, c := range []struct {
			name, user, password string
			answers              []int
			finding              bool
		}{
			{"the right password", "100", "right", []int{401, 200}, false},
			{"a wrong password", "100", "wrong", refused, true},
			{"an unknown name", "999", "right", refused, true},
			{"an ACL", "400", "right", refused, true},
		} {
			var list []reply
			atPhone, atPBX := o.seen(t, func() { list = o.registers(t, uint16(5080+i), c.user, c.password, 2, c.answers...) })
			for _, d := range []diagnosis{atPhone, atPBX} {
				if c.finding {
					d.says(t, 1, checks.Fail, "capture.credentials-refused critical")
				} else {
					d.says(t, 0, checks.Pass)
				}
			}
			looks = append(looks, lookOf(list))
		}
		for i, l := range looks[2:] {
			if d := cmp.Diff(looks[1], l); d != "" {
				t.Errorf("refusal %d does look otherwise than that of a wrong password: the diagnosis could use it\n%s", i+2, d)
			}
		}
	})
}

// lookOf is what an observer can tell of the answers without knowing the PBX. The nonce
// is no part of it: PJSIP's begins with the second in which it was made, and chan_sip's
// is always another.
func lookOf(list []reply) map[string]bool {
	out := map[string]bool{}
	for i, r := range list {
		out["opaque changes"] = out["opaque changes"] || i > 0 && r.param("opaque") != "" && r.param("opaque") != list[i-1].param("opaque")
		out["stale"] = out["stale"] || r.param("stale") == "true"
		for name := range r.header {
			out[name] = true
		}
	}
	return out
}

// Where the AOR takes no contact, PJSIP refuses although the password is right.
func TestInteropNoMaxContacts(t *testing.T) {
	t.Parallel()
	for _, f := range []flavour{pjsip16, pjsipSid} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			o := openTelephony(t, "clean", f)
			_, atPBX := o.seen(t, func() { o.registers(t, 5090, "300", "right", 2, 401, 403) })
			atPBX.says(t, 1, checks.Fail, "capture.credentials-refused critical")
		})
	}
}

// A registration that is refreshed with a nonce that has grown old is asked again,
// and works: that is how it should be.
func TestInteropStaleNonce(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f)
		_, atPBX := o.seen(t, func() {
			p := newPhone(t, o.Phone, lab.SIPServerAddr+":5060", 5090)
			list := p.register("500", "right", 3) // a machine that is busy may need more than a second
			if last := list[len(list)-1]; last.code != 200 {
				t.Fatalf("it is not registered: %d", last.code)
			}
			time.Sleep(2500 * time.Millisecond) // more than the nonce_lifetime of the story
			r := p.ask("500", 4*time.Second, p.answer("500", "right", list[len(list)-2]))
			if r.code != 401 || r.param("stale") != "true" {
				t.Fatalf("%d with %q", r.code, r.header["Www-Authenticate"])
			}
			for tries := 3; tries > 0 && r.code == 401; tries-- {
				r = p.ask("500", 4*time.Second, p.answer("500", "right", r))
			}
			if r.code != 200 {
				t.Fatalf("it is not registered again: %d", r.code)
			}
		})
		atPBX.says(t, 0, checks.Pass)
	})
}

// fail2ban reads the real log and bans whoever fails three times. After that the right
// password has no answer either: the packets arrive at the PBX's interface, and nothing
// comes back. "why" tells on the PBX which lines of the log it was.
func TestInteropABannedPhone(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		need(t, "fail2ban-server", "iptables", "ip", "mount")
		o := openTelephony(t, "clean", f)
		p := &pbx{t: t, node: o.SIPServer, outside: o.Internet}
		ownFiles(t, p.node)
		p.fail2ban("[DEFAULT]\nbackend = polling\nfilter = asterisk\nbantime = 1h\n[asterisk]\nenabled = true\nmaxretry = 3\nlogpath=" + o.pbx.dir + "/log/full\n" +
			"action = iptables-allports[name=asterisk, protocol=all]\n")
		p.until("fail2ban", func() bool { return strings.Contains(p.client("status"), "asterisk") })
		for i := range 3 {
			newPhone(t, o.Phone, lab.SIPServerAddr+":5060", uint16(5080+i)).register("100", "wrong", 1)
		}
		const office = "203.0.113.1"
		p.until("the ban", func() bool { return strings.Contains(p.client("get", "asterisk", "banip"), office) })
		time.Sleep(time.Second) // the action runs after the answer
		atPhone, atPBX := o.seen(t, func() { o.registers(t, 5090, "100", "right", 1, 0) })
		atPhone.says(t, 1, checks.Fail, "capture.no-answer critical")
		atPBX.says(t, 1, checks.Fail, "capture.no-answer critical")
		w := p.why(office)
		if b := w.block("fail2ban", "asterisk"); w.exit != 1 || b == nil || !b.Effective || len(b.Reasons) == 0 {
			t.Errorf("why it is banned:\n%s", w.text())
		}
	})
}
