package platform

import (
	"strings"
	"testing"
)

func TestWhatMayGoIntoABundle(t *testing.T) {
	for _, tt := range []struct{ name, place, why string }{
		{"/etc/asterisk/sip.conf", "/etc/asterisk/sip.conf", ""},
		{"/etc/asterisk/sip.conf", "/var/www/html/admin/modules/core/etc/sip.conf", ""}, // as FreePBX installs it
		{"/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin", ""},
		{"/var/log/asterisk/full", "/data/log/asterisk/full", ""}, // logs on a disk of their own
		{"/var/log/asterisk/full", "/var/log/asterisk/full (deleted)", ""},
		{"/proc/net/udp", "/proc/812/task/815/net/udp", ""},
		{"/proc/sys/net/netfilter/nf_conntrack_max", "/proc/sys/net/netfilter/nf_conntrack_max", ""},

		{"/etc/asterisk/sip.conf", "/root/.ssh/id_rsa", "it leads to /root/.ssh/id_rsa, a private place"},
		{"/etc/asterisk/sip.conf", "/root/sip.conf", "a private place"},
		{"/etc/asterisk/sip.conf", "/home/anna/asterisk/sip.conf", "a private place"},
		{"/etc/asterisk/sip.conf", "/etc/shadow", "a private place"},
		{"/etc/asterisk/sip.conf", "/etc/shadow-", "a private place"},
		{"/etc/asterisk/sip.conf", "/etc/asterisk/keys/asterisk.key", "a private place"},
		{"/etc/asterisk/sip.conf", "/var/log/server.PEM", "a private place"},
		{"/etc/asterisk/sip.conf", "/var/lib/asterisk/.gnupg/secring", "a private place"},
		{"/etc/asterisk/sip.conf", "/etc/mysql/debian.cnf", "outside the directories"},
		{"/etc/asterisk/sip.conf", "/etc/asterisk2/sip.conf", "outside the directories"},
		{"/etc/asterisk/sip.conf", "/proc/1/environ", "outside the directories"},
		{"/etc/asterisk/sip.conf", "/proc/1/root/etc/asterisk/x", "outside the directories"},
		{"/etc/asterisk/sip.conf", "/var/lib/mysql/asterisk/users.ibd", "outside the directories"}, // FreePBX's database
		{"/etc/asterisk/sip.conf", "", "outside the directories"},
		// No link, but named by an #include or a logpath.
		{"/srv/customers.txt", "/srv/customers.txt", "it is outside the directories"},
		{"/root/.ssh/id_rsa", "/root/.ssh/id_rsa", "it is a private place"},
		{"/etc/asterisk/../../root/x", "/root/x", "it is a private place"},
	} {
		got := notForBundles(tt.name, tt.place)
		if tt.why == "" && got != "" || !strings.Contains(got, tt.why) {
			t.Errorf("%s, in truth %s: %q, not %q", tt.name, tt.place, got, tt.why)
		}
	}
}

// A hard link or a copy has no name that gives it away.
func TestKeysAreKnownByTheirContent(t *testing.T) {
	const shadow = "root:$6$salt$hash:19700:0:99999:7:::\n"
	for text, why := range map[string]string{
		"[general]\nsecret=x\n": "",
		"; paste your -----BEGIN RSA PRIVATE KEY----- elsewhere\n": "",
		"-----BEGIN CERTIFICATE-----\nMII\n":                       "",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3B\n":               "private key",
		"[x]\nfoo=bar\n-----BEGIN PRIVATE KEY-----\nMII\n":         "private key",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n":                  "private key",
		shadow: "password hashes",
		"daemon:*:19700:0:99999:7:::\nanna:!" + shadow[5:]: "password hashes",
		"exten => _X.,1,Set(X=${A}:${B}:5)\n":              "",
	} {
		got := holdsKeys([]byte(text))
		if why == "" && got != "" || !strings.Contains(got, why) {
			t.Errorf("%q: %q, not %q", text, got, why)
		}
	}
}
