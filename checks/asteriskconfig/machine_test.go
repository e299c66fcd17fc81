package asteriskconfig

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform"
)

// settingsOf are the settings that files make.
func settingsOf(t testing.TB, files map[string]string) *asterisk.Settings {
	t.Helper()
	data := map[string][]byte{}
	for name, text := range files {
		data[confDir+name] = []byte(text)
	}
	return asterisk.ReadSettings(platform.SavedFiles(data), "/etc/asterisk")
}

// machine is a server that has the files.
func machine(files map[string]string) *pbxtest.PBX {
	p := &pbxtest.PBX{Files: map[string]string{}, Prints: map[string]string{
		"ip -j -d address":               `[{"ifname":"eth0","flags":["UP"],"addr_info":[{"family":"inet","local":"192.168.1.5","prefixlen":24,"scope":"global"}]}]`,
		"ip -j route show table all":     `[{"type":"local","dst":"192.168.1.5","dev":"eth0","table":"local"},{"dst":"default","gateway":"192.168.1.1","dev":"eth0"},{"dst":"192.168.1.0/24","dev":"eth0","prefsrc":"192.168.1.5"},{"dst":"172.17.0.0/16","dev":"docker0","prefsrc":"172.17.0.1"}]`,
		"asterisk -rx core show version": "Asterisk 18.10.0 built by x @ y on a x86_64 running Linux on 2026-01-01 10:00:00 UTC\n",
	}}
	for name, text := range files {
		p.Files[confDir+name] = text
	}
	return p
}

func TestAMachineWithoutAsterisk(t *testing.T) {
	if r := machine(nil).Look(t, Check(), checks.Inputs{}); r.Status != checks.Skip {
		t.Errorf("%s %s", r.Status, r.Summary)
	}
}

func TestWhatOnlyRootMayRead(t *testing.T) {
	p := machine(good())
	p.NotRoot, p.Denied = true, []string{confDir + pj, confDir + dp, confDir + rtp}
	if r := p.Look(t, Check(), checks.Inputs{}); r.Status != checks.Inconclusive || !strings.Contains(r.Reason, "pjsip.conf") {
		t.Errorf("%s %s: %s", r.Status, r.Summary, r.Reason)
	}
	p.Denied = []string{confDir + pj}
	if r := p.Look(t, Check(), checks.Inputs{}); r.Status != checks.Inconclusive {
		t.Errorf("a part: %s %s: %s", r.Status, r.Summary, r.Reason)
	}
}

// The version of the server tells which options it knows.
func TestAnOptionOfALaterRelease(t *testing.T) {
	for version, want := range map[string]bool{"18.10.0": true, "20.20.0": false, "22.10.1": false, "21.1.0": false} {
		p := machine(changed(t, change{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\noverlap_context=x"}))
		p.Prints["asterisk -rx core show version"] = "Asterisk " + version + " built by x\n"
		r := p.Look(t, Check(), checks.Inputs{})
		var got bool
		for _, f := range r.Findings {
			got = got || f.Words() == "asterisk-config.unknown-option.newer"
		}
		if got != want {
			t.Errorf("%s: %v", version, found(r))
		}
	}
}

// A digest without its type is one to releases that have password_digest.
func TestADigestInLaterReleases(t *testing.T) {
	for version, want := range map[string]string{"18.10.0": "auth-incomplete.type bad-value", "22.10.1": ""} {
		p := machine(changed(t, change{pj, "password=Xk29fkqlwPz8", "md5_cred=0123456789abcdef0123456789abcdef"}, change{pj, "auth_type=userpass\n", ""}, change{pj, "username=202", "username=202\nauth_type=digest"},
			change{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}))
		p.Prints["asterisk -rx core show version"] = "Asterisk " + version + " built by x\n"
		if got := strings.Join(found(p.Look(t, Check(), checks.Inputs{})), " "); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
}

// The fix of a machine is commands, with their undo; where FreePBX writes the
// files it is lines for those that FreePBX keeps, and of copies it is lines too.
func TestFixesFitWhereTheFilesAre(t *testing.T) {
	wrong := change{pj, "max_contacts=1\n", ""}
	of := func(r checks.Result) (do, undo string, form string) {
		for _, f := range r.Findings {
			if f.Words() == "asterisk-config.no-max-contacts" && len(f.Fixes) == 1 {
				return strings.Join(f.Fixes[0].Commands, "\n"), strings.Join(f.Fixes[0].Undo, "\n"), f.Fixes[0].Form
			}
		}
		t.Fatalf("%v", found(r))
		return
	}
	do, undo, form := of(machine(changed(t, wrong)).Look(t, Check(), checks.Inputs{}))
	if form != "shell" || !strings.Contains(do, "sed -i 21a") || !strings.Contains(do, "max_contacts=1") || !strings.Contains(do, "module reload res_pjsip.so") || !strings.Contains(undo, "22d") {
		t.Errorf("%s\n%s\n%s", form, do, undo)
	}
	p := machine(changed(t, wrong))
	p.Files["/etc/freepbx.conf"] = "<?php"
	if do, _, form = of(p.Look(t, Check(), checks.Inputs{})); form != "advice" || !strings.Contains(do, "pjsip.aor_custom_post.conf: [place](+type=aor)") {
		t.Errorf("%s\n%s", form, do)
	}
	if do, undo, form = of(handOver(t, changed(t, wrong))); form != "advice" || !strings.Contains(do, "pjsip.conf:21: + max_contacts=1") || !strings.Contains(undo, "- max_contacts=1") {
		t.Errorf("%s\n%s\n%s", form, do, undo)
	}
}

// In a redacted report the faults are kept instead of what was read.
func TestASettledObservationSaysTheSame(t *testing.T) {
	p := machine(changed(t, change{pj, "max_contacts=1\n", ""}, change{pj, "auth=202", "auth=203"}))
	c := Check()
	r := p.Look(t, c, checks.Inputs{})
	settled := checks.Settle(&checks.Report{Results: []checks.Result{r}}, []*checks.Check{c})
	if strings.Contains(string(settled.Results[0].Observed), `"settings"`) {
		t.Error("what was read is still there")
	}
	again, err := checks.Rejudge(settled, []*checks.Check{c})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(found(again.Results[0]), " "), strings.Join(found(r), " "); got != want || want == "" {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestWhatAFileIs(t *testing.T) {
	for name, text := range map[string]string{
		"pjsip.conf": "", "customer_pjsip.conf": "", "C:\\backup\\pjsip.conf.txt": "", "sip.conf.sample": "", "notes.txt": "[201]\ntype = endpoint\n", "a": "; x\n[301]\ntype=friend\n",
		"b": "[ctx]\nexten => 201,1,Dial(PJSIP/201)\n", "c": "[general]\nrtpstart=1\n", "d": "[modules]\nautoload=yes\n", "e": "[sip]\nhello=world\n", "gossip.conf": "", "pjsip_wizard.conf": "",
	} {
		want := map[string]string{"pjsip.conf": pj, "customer_pjsip.conf": pj, "C:\\backup\\pjsip.conf.txt": pj, "sip.conf.sample": sip, "notes.txt": pj, "a": sip, "b": dp, "c": rtp, "d": md, "pjsip_wizard.conf": "pjsip_wizard.conf"}[name]
		if got := Kind(name, []byte(text)); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

// Several files that belong together, none of which is called pjsip.conf.
func TestPartsOfAConfiguration(t *testing.T) {
	cut := strings.Index(goodPJSIP, "[201](phone)")
	files := map[string]string{"1-templates.txt": goodPJSIP[:cut], "2-phones.txt": goodPJSIP[cut:]}
	if r := handOver(t, files); r.Status != checks.Pass {
		t.Errorf("%s %v %v", r.Status, found(r), r.Notes)
	}
}

// The networks of the machine are compared with local_net, not those of containers;
// the provider's come from the profile.
func TestTheNetworksOfAMachine(t *testing.T) {
	lans := func(local string, in checks.Inputs) []string {
		r := machine(changed(t, change{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + local})).Look(t, Check(), in)
		var o Observed
		if err := json.Unmarshal(r.Observed, &o); err != nil {
			t.Fatal(err)
		}
		if len(o.LANs) != 1 || o.LANs[0].Network.String() != "192.168.1.0/24" || len(o.Own) == 0 {
			t.Errorf("%+v", o)
		}
		return found(r)
	}
	if got := lans(office, checks.Inputs{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := lans("local_net=10.0.0.0/8\n", checks.Inputs{}); !slices.Equal(got, []string{"local-net-lan"}) {
		t.Errorf("%v", got)
	}
	if got := lans(office+"local_net=193.201.230.0/24\n", checks.Inputs{Profile: "megafon-vats"}); !slices.Equal(got, []string{"local-net-covers"}) {
		t.Errorf("the provider is local: %v", got)
	}
}

// A sip.conf that nobody reads is no fault, however bad it is.
func TestASipConfThatIsLeftOver(t *testing.T) {
	bad := "[general]\nexternaddr=198.51.100.9\n[301]\ntype=friend\nhost=dynamic\nsecrt=x\ntransport=tcp\n"
	for _, tt := range []struct {
		modules, version string
		clean            bool
	}{{"[modules]\nautoload=yes\n", "18.10.0", false}, {"[modules]\nautoload=yes\nnoload=chan_sip.so\n", "18.10.0", true}, {"[modules]\nautoload=yes\n", "21.0.0", true}} {
		files := good()
		files[sip], files[md] = bad, tt.modules
		p := machine(files)
		p.Prints["asterisk -rx core show version"] = "Asterisk " + tt.version + " built by x\n"
		var got []string
		for _, f := range p.Look(t, Check(), checks.Inputs{}).Findings {
			for _, e := range f.Evidence {
				if strings.Contains(e.Name, "sip.conf") && !strings.Contains(e.Name, "pjsip.conf") {
					got = append(got, f.Words())
				}
			}
		}
		if (len(got) == 0) != tt.clean {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// Thousands of mistakes of one kind are some dozens and a number, and found in no time.
func TestThousandsOfMistakes(t *testing.T) {
	many := func(n int, of string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(of, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	files := map[string]string{
		pj: many(5000, "[some#]\ntype=endpoint\naors=place-#\ncontext=office-#\nunknwn#=1\n[places-#]\ntype=aor\nmax_contacts=1\n[x#]\na=b\n"),
		dp: many(5000, "[offices-#]\nexten => 1,1,Dial(PJSIP/x)\nexten => 1,hint,PJSIP/x\n"),
	}
	begin := time.Now()
	r := handOver(t, files)
	if n := len(r.Findings); n > 6*mostAlike || time.Since(begin) > 30*time.Second {
		t.Errorf("%d findings in %s", n, time.Since(begin))
	}
	last := ""
	for _, f := range r.Findings {
		if f.Words() == "asterisk-config.missing-object" {
			last = f.Evidence[len(f.Evidence)-1].Got
		}
	}
	if last != "4950" {
		t.Errorf("the others are %q", last)
	}
}
