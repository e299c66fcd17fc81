package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A flavour is one SIP stack of a real Asterisk.
type flavour struct {
	name string
	root string // that testdata/asterisk-roots.sh made
	sip  bool   // chan_sip, not PJSIP
}

var (
	chanSIP16 = flavour{"Asterisk 16 with chan_sip", "asterisk16", true}
	pjsip16   = flavour{"Asterisk 16 with PJSIP", "asterisk16", false}
	pjsipSid  = flavour{"Asterisk of sid with PJSIP", "asterisk-sid", false}
)

// channel is what its channels are called in the dial plan.
func (f flavour) channel() string {
	if f.sip {
		return "SIP"
	}
	return "PJSIP"
}

// everyFlavour runs a story with each of them.
func everyFlavour(t *testing.T, story func(*testing.T, flavour)) {
	t.Parallel()
	for _, f := range []flavour{chanSIP16, pjsip16, pjsipSid} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			story(t, f)
		})
	}
}

// asterisk is one that runs on a node of the lab until the test ends.
type asterisk struct {
	t    *testing.T
	node *lab.Node
	root string
	dir  string // its configuration, logs and state; /mnt in the root
}

const asteriskConf = `[directories]
astetcdir => /mnt
astmoddir => %s
astvarlibdir => /mnt/lib
astdbdir => /mnt/lib
astkeydir => /mnt/lib
astdatadir => /usr/share/asterisk
astspooldir => /mnt/spool
astrundir => /mnt/run
astlogdir => /mnt/log
[options]
documentation_language = en_US
`

// asteriskLoads are the modules that the stories need: loading all that is
// installed takes ten times as long.
var asteriskLoads = []string{
	"res_sorcery_*", "res_pjproject", "res_pjsip", "res_pjsip_*", "res_rtp_asterisk", "res_timing_timerfd", "res_clioriginate", "res_fax", "res_fax_spandsp",
	"res_security_log", "res_musiconhold", "chan_pjsip", "chan_bridge_media", "bridge_*", "codec_a_mu", "codec_alaw", "codec_ulaw", "codec_g722", "codec_gsm",
	"format_gsm", "format_pcm", "format_wav", "pbx_config", "app_dial", "app_echo", "app_milliwatt", "app_playback", "app_senddtmf", "app_stack", "app_verbose",
	"func_callerid", "func_channel", "func_logic",
}

// asteriskLeaves out what depends on more.
var asteriskLeaves = []string{
	"res_pjsip_transport_websocket", "res_pjsip_phoneprov_provider", "res_pjsip_geolocation", "res_pjsip_stir_shaken", "res_pjsip_publish_asterisk",
	"res_sorcery_realtime", "res_sorcery_memory_cache", "res_pjsip_aoc", "res_pjsip_config_wizard",
}

// newAsterisk starts one with these configuration files, over those that every
// story has.
func newAsterisk(t *testing.T, f flavour, n *lab.Node, files map[string]string) *asterisk {
	t.Helper()
	need(t, "chroot", "mount")
	cache, err := os.UserCacheDir()
	root := filepath.Join(cache, "sipdoctor-lab", f.root)
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "recipe"))
	}
	if err != nil {
		missing(t, f.name+", which testdata/asterisk-roots.sh installs, is not there: "+err.Error())
	}
	a := &asterisk{t: t, node: n, root: root, dir: t.TempDir()}
	for _, d := range []string{"lib", "run", "log", "spool"} {
		if err := os.Mkdir(filepath.Join(a.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	modules := "/usr/lib/x86_64-linux-gnu/asterisk/modules"
	if list, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/asterisk/modules")); len(list) > 0 {
		modules = strings.TrimPrefix(list[0], root)
	} else {
		modules = "/usr/lib/asterisk/modules"
	}
	a.write("asterisk.conf", fmt.Sprintf(asteriskConf, modules))
	a.write("modules.conf", a.modules(modules, f))
	a.write("logger.conf", "[general]\n[logfiles]\nconsole => notice,warning,error,verbose\nfull => notice,warning,error,verbose,debug,dtmf,security\n")
	a.write("rtp.conf", "[general]\nrtpstart=12000\nrtpend=12100\n")
	a.write("musiconhold.conf", "")
	a.write("udptl.conf", "[general]\nudptlstart=14000\nudptlend=14100\n")
	for name, text := range files {
		a.write(name, text)
	}
	shell(t, n, "mount --bind "+a.dir+" "+root+"/mnt")
	start(t, n, "chroot", root, "asterisk", "-f", "-C", "/mnt/asterisk.conf")
	for end := time.Now().Add(60 * time.Second); !strings.Contains(a.tries("core waitfullybooted"), "fully booted"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not start:\n%s", f.name, a.log())
		}
	}
	t.Cleanup(func() {
		if t.Failed() && testing.Verbose() {
			t.Logf("%s logged:\n%.8000s", f.name, a.log())
		}
	})
	return a
}

func (a *asterisk) modules(dir string, f flavour) string {
	loads := slices.Clone(asteriskLoads)
	if f.sip {
		loads = slices.DeleteFunc(loads, func(s string) bool { return strings.Contains(s, "pjsip") })
		loads = append(loads, "chan_sip")
	}
	var b strings.Builder
	b.WriteString("[modules]\nautoload=no\n")
	for _, l := range loads {
		names, _ := filepath.Glob(filepath.Join(a.root, dir, l+".so"))
		for _, n := range names {
			if n = filepath.Base(n); !slices.Contains(asteriskLeaves, strings.TrimSuffix(n, ".so")) {
				fmt.Fprintf(&b, "load=%s\n", n)
			}
		}
	}
	return b.String()
}

func (a *asterisk) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// tries types a command at the CLI, also while nobody listens there.
func (a *asterisk) tries(command string) string {
	out, _ := a.node.Command(a.t.Context(), "chroot", a.root, "asterisk", "-C", "/mnt/asterisk.conf", "-rx", command).CombinedOutput()
	return string(out)
}

// types a command and returns what it prints.
func (a *asterisk) types(command string) string {
	a.t.Helper()
	out, err := a.node.Command(a.t.Context(), "chroot", a.root, "asterisk", "-C", "/mnt/asterisk.conf", "-rx", command).Output()
	if err != nil {
		a.t.Fatalf("asterisk -rx %q: %v\n%s", command, err, out)
	}
	return string(out)
}

func (a *asterisk) log() string {
	b, _ := os.ReadFile(filepath.Join(a.dir, "log", "full"))
	return string(b)
}

// The PBX of the stories. 100 is a phone with a password, 300 one whose AOR takes no
// contact, 400 one that an ACL keeps out, and 500 one whose nonces grow old soon; sipp
// needs no password, nor does 200, who is called.
const (
	pjsipConf = `[udp]
type=transport
protocol=udp
bind=0.0.0.0
[tcp]
type=transport
protocol=tcp
bind=0.0.0.0
[phone](!)
type=endpoint
context=phones
disallow=all
allow=alaw,ulaw
direct_media=no
rtp_symmetric=yes
force_rport=yes
rewrite_contact=yes
t38_udptl=yes
[100](phone)
auth=auth100
aors=100
[auth100]
type=auth
auth_type=userpass
username=100
password=right
[100]
type=aor
max_contacts=1
[300](phone)
auth=auth300
aors=300
[auth300]
type=auth
auth_type=userpass
username=300
password=right
[300]
type=aor
[400](phone)
auth=auth400
aors=400
deny=0.0.0.0/0
permit=10.0.0.0/8
[auth400]
type=auth
auth_type=userpass
username=400
password=right
[400]
type=aor
max_contacts=1
[500](phone)
auth=auth500
aors=500
[auth500]
type=auth
auth_type=userpass
username=500
password=right
nonce_lifetime=1
[500]
type=aor
max_contacts=1
[200](phone)
aors=200
[200]
type=aor
contact=sip:200@198.51.100.2:5060
[sipp](phone)
aors=sipp
[sipp]
type=aor
contact=sip:sipp@192.168.88.10:5070
`
	sipConf = `[general]
udpbindaddr=0.0.0.0:5060
tcpbindaddr=0.0.0.0:5060
context=nobody
allowguest=no
alwaysauthreject=yes
tcpenable=yes
nat=force_rport,comedia
t38pt_udptl=yes
[phone](!)
type=friend
host=dynamic
context=phones
disallow=all
allow=alaw,ulaw
directmedia=no
transport=udp,tcp
[100](phone)
secret=right
[400](phone)
secret=right
deny=0.0.0.0/0.0.0.0
permit=10.0.0.0/255.0.0.0
[500](phone)
secret=right
[200](phone)
host=198.51.100.2
[sipp](phone)
insecure=invite
host=203.0.113.1
port=5070
`
	extensionsConf = `[phones]
exten => 600,1,Answer()
 same => n,Echo()
exten => 601,1,Answer()
 same => n,Milliwatt()
exten => 602,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(12#)
 same => n,Milliwatt()
exten => 604,1,Busy(2)
exten => 605,1,Answer()
 same => n,Wait(1)
 same => n,ReceiveFAX(/mnt/spool/fax.tif)
exten => 200,1,Dial(%s/200,20)
`
)

// newPBX starts the PBX of the stories at the office's SIP server.
func newPBX(t *testing.T, f flavour, n *lab.Node) *asterisk {
	t.Helper()
	files := map[string]string{"extensions.conf": fmt.Sprintf(extensionsConf, f.channel()), "pjsip.conf": pjsipConf}
	if f.sip {
		files["sip.conf"] = sipConf
	}
	return newAsterisk(t, f, n, files)
}
