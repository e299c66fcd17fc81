package asterisk

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

func settings(files map[string]string) *Settings {
	data := map[string][]byte{}
	for name, text := range files {
		data["/etc/asterisk/"+name] = []byte(text)
	}
	return ReadSettings(platform.SavedFiles(data), "/etc/asterisk")
}

// Every option keeps the place it was written at: that of its template, of the
// file that was included, of the section that "(+)" adds to.
func TestEveryOptionKeepsItsPlace(t *testing.T) {
	s := settings(map[string]string{
		"pjsip.conf":        "[phone](!)\ntype=endpoint\nallow=alaw\n[201](phone)\ncontext=a\n#include more.conf\n[201](+)\nallow+=,ulaw\n",
		"more.conf":         "callerid=Anna\n",
		"pjsip_wizard.conf": "[t]\ntype=wizard\noutbound_auth/password=x1\nremote_hosts=198.51.100.9\n",
	})
	var got []string
	for _, o := range s.PJSIP[1].Options {
		got = append(got, o.At()+" "+o.Name+"="+o.Value)
	}
	want := []string{
		"/etc/asterisk/pjsip.conf:2 type=endpoint", "/etc/asterisk/pjsip.conf:8 allow=alaw,ulaw", "/etc/asterisk/pjsip.conf:5 context=a",
		"/etc/asterisk/more.conf:1 callerid=Anna",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s.PJSIP[1].Inherits[0] != "phone" || s.Wizard[0].Find("remote_hosts").Value != "198.51.100.9" || s.Wizard[0].Find("outbound_auth/password").Value != "" {
		t.Errorf("%+v %+v", s.PJSIP[1], s.Wizard[0])
	}
}

// A program that would add to a file is not run, and the file is not all.
func TestWhatIsNotAllOfAFile(t *testing.T) {
	s := settings(map[string]string{"pjsip.conf": "[a]\n#exec /bin/more\n", "sip.conf": "[general]\n#tryinclude gone.conf\n", "rtp.conf": "[general]\n#include gone.conf\n"})
	for file, whole := range map[string]bool{"pjsip.conf": false, "sip.conf": true, "rtp.conf": false, "acl.conf": false} {
		if s.Whole(file) != whole {
			t.Errorf("%s: %v", file, s.Whole(file))
		}
	}
	if len(s.Broken) != 1 || s.Broken[0].At != "/etc/asterisk/rtp.conf:2" {
		t.Errorf("%+v", s.Broken)
	}
}

func TestWhatIsToldOfAPassword(t *testing.T) {
	s := settings(map[string]string{"pjsip.conf": `[201]
type=auth
username=anna
password=ANNA
[202-auth]
type=auth
password=202
[203]
type=auth
password=Zm31gwmxrTq7
[204]
type=auth
password=Zm31gwmxrTq7
[205]
type=auth
password=
[206]
type=auth
password=[removed]
[207]
type=auth
md5_cred=0123456789ABCDEF0123456789abcdef
[208]
type=auth
md5_cred=0123456789abcdef0123456789abcde
[209]
type=auth
password=9182736450
`, "sip.conf": "[general]\nregister => tcp://me:geheim1@198.51.100.9\nregister => me:geheim1@198.51.100.9\n"})
	var got []string
	for _, x := range s.PJSIP {
		for _, o := range x.Options {
			if o.Secret != nil {
				got = append(got, x.Name+" "+string(o.Secret.Weak)+strings.Repeat("+", o.Secret.Group))
			}
			if o.Secret != nil && o.Value != "" {
				t.Errorf("%s keeps its password", x.Name)
			}
		}
	}
	want := []string{"201 same+", "202-auth same++", "203 +++", "204 +++", "205 empty", "206 ", "207 ", "208 length", "209 digits++++"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if o := s.SIP[0].Options; o[0].Value != "tcp://" || o[1].Value != "" {
		t.Errorf("%+v", o)
	}
}

func TestURIsLoseTheirPasswords(t *testing.T) {
	for from, want := range map[string]string{
		"sip:a:pw@198.51.100.9": "sip:a@198.51.100.9", "sip:a@198.51.100.9:5060": "sip:a@198.51.100.9:5060", "198.51.100.9:5060": "198.51.100.9:5060", "sip:198.51.100.9:5060;lr": "sip:198.51.100.9:5060;lr",
		"sip:a:p@w@198.51.100.9": "sip:a@198.51.100.9", "<sips:a:pw@x>": "<sips:a@x>", "sip:a:p,w@x": ",w@x", "sip:a:p@x,sip:b:q@y": "sip:a@x,sip:b@y", "[2001:db8::1]:5060": "[2001:db8::1]:5060",
		"sip:[2001:db8::1]:5060": "sip:[2001:db8::1]:5060", "tcp://a:pw@x": "tcp://a@x", "a:pw@x": "a@x", "202/sip:u:pw@x": "202/sip:u@x", "": "",
	} {
		if got := withoutPassword(from); got != want {
			t.Errorf("%s became %s, not %s", from, got, want)
		}
	}
}

func TestWhatTheDialplanCalls(t *testing.T) {
	s := settings(map[string]string{"extensions.conf": `[globals]
X=SIP/5
[a]
exten => 1,1,Dial(SIP/201&PJSIP/202/sip:u:pw7@198.51.100.9,30,g)
 same => n,Set(Y=pjsip/203)
exten => 2,hint,SIP/201&Custom:DND
exten => 3,n,NoOp(GOSSIP/9)
exten => 4,3(label),NoOp()
exten => 5,2,NoOp()
exten => _6X.,n,NoOp()
exten => _6X.,1,NoOp()
include => b,9:00-17:00,*,*,*
[b](+)
[A]
exten => 7,1,Dial(IAX2/201)
`, "extensions.lua": "extensions = {\n  [\"lua-in\"] = {\n", "extensions.ael": "context ael-in {\n}\n", "res_parking.conf": "[default]\ncontext => parkedcalls\n"})
	d := s.Dialplan
	var dials []string
	for _, x := range d.Dials {
		dials = append(dials, x.Tech+" "+x.Target)
	}
	if diff := cmp.Diff([]string{"SIP 201", "PJSIP 202/sip:u@198.51.100.9", "PJSIP 203", "SIP 201"}, dials); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var first []string
	for _, x := range d.Contexts[0].NoFirst {
		first = append(first, x.Name)
	}
	if diff := cmp.Diff([]string{"3", "5"}, first); diff != "" {
		t.Errorf("no first priority (-want +got)\n%s", diff)
	}
	if d.Contexts[0].Hints != 1 || d.Contexts[0].Includes[0].Context != "b" || d.Contexts[0].Extensions != 6 {
		t.Errorf("%+v", d.Contexts[0])
	}
	has := func(name string) bool {
		same := func(x string) bool { return strings.EqualFold(x, name) }
		return slices.ContainsFunc(d.Contexts, func(c Context) bool { return same(c.Name) }) || slices.ContainsFunc(d.Elsewhere, same)
	}
	for name, there := range map[string]bool{"a": true, "A": true, "lua-in": true, "ael-in": true, "parkedcalls": true, "globals": false, "c": false} {
		if has(name) != there {
			t.Errorf("%s: %v", name, has(name))
		}
	}
}

func TestWhatIsLoaded(t *testing.T) {
	for text, want := range map[string]bool{
		"[modules]\nautoload=yes\n": true, "[modules]\nautoload=no\n": false, "[modules]\nautoload=no\nload => chan_sip.so\n": true, "[modules]\nautoload=no\nrequire = chan_sip\n": true,
		"[modules]\nautoload=yes\nnoload => chan_sip\n": false, "[modules]\nload=chan_sip.so\nnoload=chan_sip.so\n": false, "[modules]\nnoload => [removed]\n": true, "[other]\nautoload=no\n": true,
	} {
		s := settings(map[string]string{"modules.conf": text})
		if got, _ := s.Modules.Loads("chan_sip"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestTheNearestOption(t *testing.T) {
	for _, tt := range []struct{ kind, name, want string }{
		{"endpoint", "aor", "aors"}, {"endpoint", "setvar", "set_var"}, {"endpoint", "dtmfmode", "dtmf_mode"}, {"endpoint", "rewrite_contcat", "rewrite_contact"},
		{"endpoint", "awesomeness", ""}, {"aor", "max_contact", "max_contacts"}, {"aor", "qualify", "qualify_frequency"}, {"auth", "secret", "password"},
		{"transport", "localnet", "local_net"}, {"transport", "external_media_adress", "external_media_address"}, {"registration", "server", "server_uri"}, {"endpoint", "x", ""},
		{"endpoint", strings.Repeat("a", 100), ""},
	} {
		if got := NearestPJSIP(tt.kind, tt.name); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.name, got, tt.want)
		}
	}
	for name, want := range map[string]string{"externadr": "externaddr", "canrienvite": "canreinvite", "ournote": "", "secrt": "secret"} {
		if got := NearestChanSIP(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Two changes of a letter are a slip from six letters on, one from three.
func TestHowNearASlipIs(t *testing.T) {
	for _, tt := range []struct{ name, word, want string }{
		{"abcdef", "abcdef", "abcdef"}, {"abcdxy", "abcdef", "abcdef"}, {"abcxyz", "abcdef", ""}, {"abdcef", "abcdef", "abcdef"}, {"abcde", "abcxx", ""}, {"abx", "abc", "abc"}, {"ab", "ac", ""}, {"", "a", ""},
	} {
		if got := Nearest(tt.name, []string{tt.word}); got != tt.want {
			t.Errorf("%s for %s: %q", tt.name, tt.word, got)
		}
	}
	if got := Nearest("abx", []string{"abc", "abd"}); got != "" {
		t.Errorf("of two that are as near it takes %q", got)
	}
}

func TestWhichReleaseHasAnOption(t *testing.T) {
	for _, tt := range []struct{ option, version, want string }{
		{"overlap_context", "18.16.9", "18.17.0"}, {"overlap_context", "18.17.0", ""}, {"overlap_context", "20.1.0", "20.2.0"}, {"overlap_context", "22.10.1+dfsg", ""},
		{"overlap_context", "16.28.0~dfsg-0+deb11u4", "18.17.0"}, {"overlap_context", "", ""}, {"overlap_context", "certified/18.9-cert5", "18.17.0"}, {"overlap_context", "19.8.0", ""},
		{"context", "16.0.0", ""},
	} {
		if got := Since("endpoint", tt.option, tt.version); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.option, tt.version, got, tt.want)
		}
	}
}

// The options are those of Asterisk: no type is empty, names are spelt as its
// files spell them, and what chan_sip calls otherwise leads to one that exists.
func TestTheOptionsAreSound(t *testing.T) {
	v := vocab()
	for kind, options := range v.pjsip {
		if len(options) < 2 || options["type"] != nil {
			t.Errorf("%s: %v", kind, options)
		}
		for name, since := range options {
			if name != strings.ToLower(name) || strings.ContainsAny(name, "=;,") {
				t.Errorf("%s/%s", kind, name)
			}
			for _, r := range since {
				if len(release(r)) != 3 {
					t.Errorf("%s/%s since %q", kind, name, r)
				}
			}
		}
	}
	for kind, names := range v.renamed {
		for from, to := range names {
			if KnowsPJSIP(kind, from) || !KnowsPJSIP(kind, to) {
				t.Errorf("%s: %s for %s", kind, to, from)
			}
		}
	}
	if len(v.chanSIP) < 200 || !v.chanSIP["externaddr"] || len(v.codecs) < 40 || IsPJSIPType("Endpoint") || !IsPJSIPType("endpoint") {
		t.Error("options are missing")
	}
}

// Whatever a file says, reading it ends, and nothing of a password comes out.
func FuzzSettings(f *testing.F) {
	f.Add("[a](!)\ntype=auth\npassword=hunter2000\n[b](a,+)\nallow+=x\n#include pjsip.conf\n", "[c]\nexten => 1,1,Dial(SIP/a:hunter2000@x)\n same => n(y),Z\n")
	f.Add("[a]\npassword\t=> hunter2000 ;-- x\n--;\nregister => a:hunter2000@b\ncontact=sip:a:hunter2000@b\n", "[modules]\nnoload=>x\n")
	f.Add("[general]\nauth=x:hunter2000@y\nsecrt=hunter2000\n", "[a]\nexten=>1,hint,PJSIP/\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := settings(map[string]string{"pjsip.conf": a, "sip.conf": a, "pjsip_wizard.conf": a, "rtp.conf": b, "extensions.conf": b, "modules.conf": b, "sorcery.conf": b, "extensions.lua": b})
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Settings
		if err := json.Unmarshal(raw, &again); err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]*Section{s.PJSIP, s.SIP, s.Wizard} {
			for _, x := range list {
				for _, o := range x.Options {
					if isSecretOption(strings.ToLower(o.Name)) && o.Value != "" {
						t.Errorf("%s of %s is kept", o.Name, x.Name)
					}
				}
			}
		}
		for _, d := range s.Dialplan.Dials {
			if len(d.Target) > maxTarget {
				t.Errorf("%q", d.Target)
			}
		}
	})
}

// A file that multiplies itself, lengthens a value line by line or looks for what is
// not there costs no more than a large one: each of these took minutes or all memory.
func TestAFileThatGrowsIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"a section that inherits itself": "[b]\na=1\n" + strings.Repeat("[b](b,+)\n", 40),
		"a value that grows":             "[b]\na=x\n" + strings.Repeat("a+=xxxxxxxx\n", 30_000),
		"values that do not exist":       "[b]\n" + strings.Repeat("a=\n", 30_000) + strings.Repeat("z=\nb+=x\n", 15_000),
	} {
		size := 0
		for _, o := range settings(map[string]string{"pjsip.conf": text}).PJSIP[0].Options {
			size += 1 + len(o.Value)
		}
		if size > maxConfigOptions+maxAppended {
			t.Errorf("%s: %d", name, size)
		}
	}
}

// "+=" lengthens the value that there is, which then stands once.
func TestWhatIsAddedToAValue(t *testing.T) {
	s := settings(map[string]string{"pjsip.conf": "[t](!)\nallow=ulaw\n[100](t)\ntype=endpoint\nallow += ,alaw\nALLOW+=gsm\nmailboxes+= 100\n"})
	o := s.PJSIP[1].Options
	if len(o) != 4 || o[0].Value != "ulaw ,alaw" || o[0].Line != 5 || o[2].Value != "gsm" || o[3].Value != "100" || s.PJSIP[0].Options[0].Value != "ulaw" {
		t.Errorf("%+v", o)
	}
}

// A list of thousands of addresses in one line is kept once, not once for each.
func TestALongAccessList(t *testing.T) {
	var l ACLList
	l.append(true, Option{Name: "permit", Value: strings.Repeat("192.0.2.1,", 20_000) + "192.0.2.2"})
	if len(l.Rules) != 20_001 || len(l.Rules[0].Text) > 2*maxRow || !strings.HasPrefix(l.Rules[0].Text, "permit=192.0.2.1,") {
		t.Errorf("%d rules, %d bytes of each", len(l.Rules), len(l.Rules[0].Text))
	}
}
