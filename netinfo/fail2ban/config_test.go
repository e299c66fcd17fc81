package fail2ban

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A FreePBX: jails in jail.local, an action that closes TCP only, a log that
// Asterisk does not write, and the stock file's tricks.
func freePBX() map[string]string {
	return map[string]string{
		"/etc/fail2ban/jail.conf": `[INCLUDES]
before = paths.conf

[DEFAULT]
# comment
ignoreip = 127.0.0.1/8 ; inline
findtime  = 10m
bantime   = 10m
maxretry = 5
backend = auto
enabled = false
filter = %(__name__)s[mode=%(mode)s]
mode = normal
port = 0:65535
protocol = tcp
chain = INPUT
banaction = iptables-multiport
action_ = %(banaction)s[port="%(port)s", protocol="%(protocol)s", chain="%(chain)s"]
action_mw = %(action_)s
            sendmail-whois[dest="root@localhost"]
action = %(action_)s

[asterisk]
port     = 5060,5061
action_  = %(default/action_)s[name=%(__name__)s-tcp, protocol="tcp"]
           %(default/action_)s[name=%(__name__)s-udp, protocol="udp"]
logpath  = %(asterisk_log)s
maxretry = 10

[sshd]
port = ssh
logpath = %(known/nothing)s
`,
		"/etc/fail2ban/paths.conf":       "[DEFAULT]\nasterisk_log = /var/log/asterisk/messages\n",
		"/etc/fail2ban/jail.d/voip.conf": "[asterisk]\nenabled = true\nbantime = 1d 12h\n",
		"/etc/fail2ban/jail.d/zz.local":  "[asterisk]\nmaxretry = 7\nignoreip = %(known/ignoreip)s 192.0.2.0/24\n\t203.0.113.9\n",
		"/etc/fail2ban/jail.local": `[DEFAULT]
ignoreip = 127.0.0.1 10.0.0.0/8

[asterisk-iptables]
enabled: yes
filter = asterisk-security
action = iptables-multiport[name=SIP, port="5060", protocol=tcp]
         sendmail[name=SIP, dest=root@localhost]
logpath = /var/log/asterisk/fail2ban
bantime = -1

[mail-only]
enabled = true
logpath = /var/log/mail.log
action = sendmail[name=MAIL]

[recidive]
enabled = true
logpath = /var/log/fail2ban.log*
findtime = 86400
action = iptables-allports[name=recidive, protocol=all]
`,
		"/etc/fail2ban/action.d/iptables-multiport.conf": "[INCLUDES]\nbefore = iptables.conf\n[Definition]\ntype = multiport\n",
		"/etc/fail2ban/action.d/iptables-allports.conf":  "[INCLUDES]\nbefore = iptables.conf\n[Definition]\ntype = allports\n",
		"/etc/fail2ban/action.d/iptables.conf":           "[Definition]\nactionban = <iptables> -I f2b-<name> 1 -s <ip> -j <blocktype>\n[Init]\nport = ssh\nprotocol = tcp\n",
		"/etc/fail2ban/action.d/sendmail.conf":           "[Definition]\nactionban = printf x | /usr/sbin/sendmail <dest>\n",
		"/etc/asterisk/asterisk.conf":                    "[directories]\nastlogdir => /var/log/asterisk\n",
		"/etc/asterisk/logger.conf":                      "[general]\n#include logger_general.conf\n[logfiles]\n#include \"logger_logfiles.conf\"\n",
		"/etc/asterisk/logger_logfiles.conf":             "full => verbose,notice,warning,error ; all of it\nmessages => error,warning\n",
		"/var/log/asterisk/fail2ban":                     "",
		"/var/log/asterisk/full":                         "[2026-11-22 11:00:00] VERBOSE[1] x.c: hello\n",
		"/var/log/asterisk/messages":                     "[2026-11-22 11:00:00] WARNING[1] x.c: hello\n",
		"/var/log/fail2ban.log":                          "2026-11-22 11:00:00,000 fail2ban.server [1]: INFO x\n",
	}
}

func readFiles(t *testing.T, files map[string]string, o Options) *State {
	t.Helper()
	return Read(t.Context(), newPBX(files), o)
}

func TestTheJailsOfAFreePBX(t *testing.T) {
	s := readFiles(t, freePBX(), Options{})
	if len(s.Notes) != 3 || !s.Installed || s.Running || s.Source != FromConfig {
		t.Errorf("notes %v, source %q", s.Notes, s.Source)
	}
	var got []string
	for _, j := range s.Jails {
		got = append(got, j.Name)
	}
	if diff := cmp.Diff([]string{"asterisk", "asterisk-iptables", "mail-only", "recidive"}, got); diff != "" {
		t.Fatalf("enabled jails (-want +got):\n%s", diff)
	}
	want := Jail{
		Name: "asterisk", Enabled: true, Filter: "asterisk", Backend: "auto", Port: "5060,5061", Protocol: "tcp", SIP: true,
		MaxRetry: 7, FindTime: 600, BanTime: 36 * 3600, IgnoreIP: []string{"127.0.0.1", "10.0.0.0/8", "192.0.2.0/24", "203.0.113.9"},
		Actions: []Action{
			{Name: "iptables-multiport-tcp", File: "iptables-multiport", Object: "asterisk-tcp", Port: "5060,5061", Protocol: "tcp", Blocks: true},
			{Name: "iptables-multiport-udp", File: "iptables-multiport", Object: "asterisk-udp", Port: "5060,5061", Protocol: "udp", Blocks: true},
		},
		Logs:   []Log{{Path: "/var/log/asterisk/messages", Size: 44}},
		Faults: []Fault{{Code: LogNoFailures, Detail: "/var/log/asterisk/messages", Where: Origin{"/etc/fail2ban/jail.conf", 27}}},
	}
	j := s.Jails[0]
	set := j.Set
	j.Set = nil
	if diff := cmp.Diff(want, j); diff != "" {
		t.Errorf("the stock jail (-want +got):\n%s", diff)
	}
	for option, at := range map[string]Origin{
		"enabled": {"/etc/fail2ban/jail.d/voip.conf", 2}, "maxretry": {"/etc/fail2ban/jail.d/zz.local", 2}, "ignoreip": {"/etc/fail2ban/jail.d/zz.local", 3},
		"findtime": {"/etc/fail2ban/jail.conf", 7}, "bantime": {"/etc/fail2ban/jail.d/voip.conf", 3},
	} {
		if set[option] != at {
			t.Errorf("%s is set at %v, want %v", option, set[option], at)
		}
	}
}

func TestWhatIsWrongWithTheJails(t *testing.T) {
	s := readFiles(t, freePBX(), Options{Ignored: prefixes("192.0.2.0/28", "198.51.100.7")})
	local := "/etc/fail2ban/jail.local"
	want := map[string][]Fault{
		"asterisk": {
			{LogNoFailures, "/var/log/asterisk/messages", Origin{"/etc/fail2ban/jail.conf", 27}},
			{NotIgnored, "198.51.100.7", Origin{"/etc/fail2ban/jail.d/zz.local", 3}},
		},
		"asterisk-iptables": {
			{LogEmpty, "/var/log/asterisk/fail2ban", Origin{local, 9}},
			{LogNotWritten, "/var/log/asterisk/fail2ban", Origin{local, 9}},
			{PortsOpen, "udp/5060", Origin{"/etc/fail2ban/jail.conf", 14}},
			{PortsOpen, "tcp/5061", Origin{"/etc/fail2ban/jail.conf", 14}},
			{NotIgnored, "192.0.2.0/28", Origin{local, 2}},
			{NotIgnored, "198.51.100.7", Origin{local, 2}},
		},
		"mail-only": {
			{NoAction, "", Origin{local, 15}},
			{LogMissing, "/var/log/mail.log", Origin{local, 14}},
			{NoLogs, "/var/log/mail.log", Origin{local, 14}},
		},
	}
	got := map[string][]Fault{}
	for _, j := range s.Jails {
		if j.Faults != nil {
			got[j.Name] = j.Faults
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	for object, jails := range map[string][]string{
		"f2b-SIP": {"asterisk-iptables"}, "fail2ban-SIP": {"asterisk-iptables"}, "addr-set-asterisk-udp": {"asterisk"},
		"f2b-recidive": {"recidive"}, "f2b-asterisk-udp6": {"asterisk"}, "f2b-other": nil, "SIP": nil,
	} {
		if diff := cmp.Diff(jails, s.JailsOf(object)); diff != "" {
			t.Errorf("%s belongs to (-want +got):\n%s", object, diff)
		}
	}
}

func TestTimesAsFail2banWritesThem(t *testing.T) {
	for text, want := range map[string]int64{
		"600": 600, "10m": 600, "1h": 3600, "1h 30m": 5400, "1d": 86400, "1w": 604800, "-1": -1, "60 * 60": 3600, "2 hours": 7200, "1mo": 2628000, "1y": 31536000, "30 s": 30, "5min": 300,
		"9223372036854775807": math.MaxInt64, strings.Repeat("999999999y ", 200): 1 << 40,
	} {
		if got, ok := seconds(text); got != want || !ok {
			t.Errorf("%q is %d s, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "soon", "1x", "%(x)s"} {
		if got, ok := seconds(text); ok {
			t.Errorf("%q is %d s", text, got)
		}
	}
}

// A configuration that names itself, or that is not one, ends.
func TestHostileConfigurations(t *testing.T) {
	for name, text := range map[string]string{
		"names itself":     "[x]\nenabled = true\naction = %(action)s%(action)s\nlogpath = %(a)s\na = %(b)s%(b)s\nb = %(a)s%(a)s\n",
		"includes itself":  "[INCLUDES]\nbefore = jail.conf\nafter = jail.conf\n[x]\nenabled = true\n",
		"an action's end":  "[x]\nenabled = true\naction = iptables[name=\"a\n",
		"an action's path": "[x]\nenabled = true\naction = ../../etc/passwd[a=b]\n",
		"no section":       "enabled = true\n",
		"no option":        "[x]\nenabled\n",
		"bytes":            "[\xff\xfe]\nenabled = \x00\n",
	} {
		t.Run(name, func(t *testing.T) {
			_ = readFiles(t, map[string]string{"/etc/fail2ban/jail.conf": text}, Options{})
		})
	}
	s := readFiles(t, map[string]string{"/etc/fail2ban/jail.conf": "[x]\nenabled\n"}, Options{})
	if s.Notes[0].What != words.Quote("/etc/fail2ban/jail.conf:2") {
		t.Errorf("a line that makes fail2ban refuse the file: %v", s.Notes)
	}
}

func FuzzINI(f *testing.F) {
	for _, text := range freePBX() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = readFiles(t, map[string]string{"/etc/fail2ban/jail.conf": text, "/etc/fail2ban/action.d/a.conf": text, "/etc/asterisk/logger.conf": text}, Options{})
		seconds(text)
		portListed(text, 5060)
	})
}
