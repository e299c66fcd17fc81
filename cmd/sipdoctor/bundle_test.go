package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/checks/conntrack"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
	"github.com/sipdoctor/sipdoctor/checks/firewall"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// Passwords as they stand in the files of a PBX: each of these lines holds
// "hunter" and a number.
func secretFiles() map[string]string {
	return map[string]string{
		"/etc/asterisk/sip.conf": `[general]
register => trunk:hunter1@sip.example.net/100
register => tls://trunk:hunt@er2hunter2@sip.example.net:5061
;register=old:hunter3@sip.example.net
secret=
context=from-trunk ; not a password
[110]
secret=hunter4
 remotesecret = hunter5
md5secret=hunter6
auth=110:hunter7@asterisk
; secret=hunter8
` + "callerid=Andr\xe9 <110>\nsecret=hunter9\n", // Latin-1, as old files are
		"/etc/asterisk/pjsip.conf":     "[110]\ntype=auth\npassword=hunter10\nmd5_cred = hunter11\nrefresh_token=hunter12\noauth_secret=hunter13\nturnpassword=hunter14\r\n",
		"/etc/asterisk/manager.conf":   "[admin]\nsecret = hunter15\npermit=192.0.2.0/255.255.255.0\n",
		"/etc/asterisk/voicemail.conf": "[default]\n110 => hunter16,Anna,anna@example.net\n111=>hunter17,Bo\n",
		"/etc/asterisk/res_odbc.conf":  "[asterisk]\nusername => asterisk\npassword => hunter18\n",
		"/etc/asterisk/ari.conf":       "[u]\ntype=user\npassword=hunter19\npassword_format=plain hunter20\n",
		"/etc/asterisk/extconfig.conf": "sippeers => odbc,mysql://user:hunter21@db/asterisk\n",
		"/etc/amportal.conf":           "AMPDBPASS=hunter22\nAMPMGRPASS=hunter23\nFOPPASSWORD=hunter24\nARI_ADMIN_PASSWORD=hunter25\n",
		"/etc/freepbx.conf":            "<?php\n$amp_conf['AMPDBUSER'] = 'freepbx';\n$amp_conf[\"AMPDBPASS\"] = \"hunter26\";\n$amp_conf['AMPDBPASS']='hunter27';\n",
		"/etc/fail2ban/jail.local": `[asterisk]
enabled = true
action = iptables-allports[name=asterisk]
         sendmail-smtp[dest="a@example.net", smtp_password="hunter28", sender=x]
         cloudflare[cfuser=me, cftoken=hunter29]
         abuseipdb[abuseipdb_apikey="hunter30"]
[mail]
smtp_pass =
    hunter31
`,
		"/etc/crowdsec/local_api_credentials.yaml": "url: http://127.0.0.1:8080\nlogin: me\npassword: hunter32\napi_key: \"hunter33\"\n",
		"/var/log/asterisk/full": "[2026-11-22 09:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:110@192.0.2.1>' failed for '198.51.100.7:5062' (callid: x) - Wrong password\n" +
			"Authorization: Basic hunter34\n" +
			"[2026-11-22 09:00:01] SECURITY[1] res_security_log.c: SecurityEvent=\"ChallengeResponseFailed\",Severity=\"Error\",Response=\"0badc0de0badc0de\",ExpectedResponse=\"0badc0de0badc0de\",RemoteAddress=\"IPV4/UDP/198.51.100.7/5062\"\n" +
			"ReceivedHash=\"0badc0de0badc0de0badc0de0badc0de\"\n" + strings.Repeat("\x00", 20) + "\nsecret=hunter35\n",
	}
}

// secretPrints are what programs show of them.
func secretPrints() map[string]string {
	return map[string]string{
		"fail2ban-client -d": "['set', 'asterisk', 'action', 'cloudflare', [['cftoken', 'hunter40'], ['cfuser', 'me']]]\n",
		"curl settings":      `{"api_key": "hunter41", "password":"hunter42", "name": "x"}` + "\n",
	}
}

func TestNoPasswordGetsIntoABundle(t *testing.T) {
	secret := regexp.MustCompile(`hunter\d+|hunt@|0badc0de`)
	for name, text := range secretFiles() {
		got := newCleaner(false).Clean(name, []byte(text))
		if found := secret.FindAll(got, -1); found != nil {
			t.Errorf("%s still holds %q:\n%s", name, found, got)
		}
		if a, b := strings.Count(text, "\n"), bytes.Count(got, []byte("\n")); a != b {
			t.Errorf("%s had %d lines and has %d", name, a, b)
		}
	}
	for line, text := range secretPrints() {
		if got := newCleaner(false).Clean("$ "+line, []byte(text)); secret.Match(got) {
			t.Errorf("what %s prints still holds %q", line, got)
		}
	}
}

// What looks like a password and is none stays: answers hang on it.
func TestOnlyPasswordsAreTakenOut(t *testing.T) {
	for _, line := range []string{
		"context=from-trunk", "bypass = yes", "passthrough=1", "deny=0.0.0.0/0.0.0.0", "failregex = ^Wrong password for '<HOST>'$",
		"-A INPUT -p udp -m string --string \"token\" -j DROP", "10.0.0.0/8 dev eth0", "secret=", "password=\nusername=x",
		"[2026-11-22 09:00:00] NOTICE[1] chan_sip.c: Registration from '<sip:110@192.0.2.1>' failed for '198.51.100.7:5062' - Wrong password",
		`"expr": {"match": {"left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 5060}}`,
	} {
		if got := string(newCleaner(false).Clean("/etc/asterisk/x.conf", []byte(line))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// bannedPBX is a server with every kind of place an address stands in.
func bannedPBX() *pbxtest.PBX {
	files := secretFiles()
	files["/etc/hostname"] = "pbx7.customer.example\n"
	files["/etc/asterisk/acl.conf"] = "[office]\ndeny=0.0.0.0/0\npermit=198.51.100.0/24\n"
	files["/proc/net/udp"] = "  sl  local_address rem_address   st\n  1: 076433C6:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0\n"
	files["/etc/asterisk/rtp.conf"] = "[general]\nrtpstart=10000\nrtpend=10100\n"
	files["/var/log/asterisk/full"] += "[2026-11-22 09:00:02] VERBOSE[7][C-1] pbx.c: Executing Dial(\"PJSIP/110\", \"+15550123456@trunk\")\n" +
		"<--- SIP read from UDP:198.51.100.7:5062 --->\nFrom: <sip:110@pbx7.customer.example>\n"
	return &pbxtest.PBX{
		Files: files,
		Prints: map[string]string{
			"ip -j route show table all": `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0"}]`,
			"nft -j list tables":         `{"nftables": []}`,
			"ip6tables-nft-save -c":      "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 2001:db8:5:6::7/128 -j DROP\nCOMMIT\n",
			"iptables-nft-save -c": "*filter\n:INPUT ACCEPT [0:0]\n:f2b-sip - [0:0]\n-A INPUT -p udp --dport 5060 -j f2b-sip\n" +
				"-A INPUT -m iprange --src-range 203.0.113.10-203.0.113.20 -j DROP\n-A INPUT -m set --match-set bad src -j DROP\n-A INPUT -m mac --mac-source 00:0b:82:aa:bb:cc -j ACCEPT\n-A f2b-sip -s 198.51.100.7/32 -j REJECT\n-A f2b-sip -j RETURN\nCOMMIT\n",
			"ipset save":                    "create bad hash:net family inet\nadd bad 198.51.77.0/24\nadd bad 10.20.30.40\n",
			"arp -an":                       "? (192.0.2.9) at 00:0b:82:aa:bb:cc [ether] on eth0\n? at 00-0b-82-aa-bb-cc\nhost-198-51-100-7.isp.example\n",
			"csf -g 198.51.100.7":           "Chain DENYIN 198.51.100.7 from 2001:db8:5:6::7: denied\n",
			"asterisk -rx database show":    "/registrar/contact/110;@x : {\"uri\":\"sip:110@198.51.100.7:5062\",\"via_addr\":\"10.20.30.40\"}\n",
			"asterisk -rx core show things": "ab:cd:198.51.100.7 x f2b_198.51.100.7_x\n",
		},
	}
}

// collect writes a bundle of a machine and opens it again, as a file and as a
// folder.
func collect(t *testing.T, p *pbxtest.PBX, redact bool) (file, folder platform.System, raw []byte) {
	t.Helper()
	c := platform.Collect(p, "1.2.3")
	lookAt(t, c, "198.51.100.7", "203.0.113.15", "192.0.2.50")
	for name := range p.Files {
		if f, err := c.Open(name); err == nil {
			f.Close()
		}
	}
	for line := range p.Prints {
		w := strings.Fields(line)
		_, _ = c.Run(t.Context(), w[0], w[1:]...)
	}
	var b bytes.Buffer
	name := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := errors.Join(c.Write(&b, redact, newCleaner(redact)), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	file, err := platform.OpenBundle(name)
	if err != nil {
		t.Fatal(err)
	}
	tree := untar(t, b.Bytes())
	folder, err = platform.OpenBundle(tree)
	if err != nil {
		t.Fatal(err)
	}
	return file, folder, allOf(t, tree)
}

// lookAt runs the PBX checks and returns their facts and statuses.
func lookAt(t *testing.T, sys platform.System, addresses ...string) string {
	t.Helper()
	in := checks.Inputs{UDPPorts: "5060,10000-10100"}
	for _, a := range addresses {
		p, err := parseAddress(a)
		if err != nil {
			t.Fatal(err)
		}
		in.Addresses = append(in.Addresses, p)
	}
	r := runServer(t.Context(), "pbx", []*checks.Check{blocked.Check(), firewall.Check(), fail2ban.Check(), conntrack.Check()}, in, sys, nil)
	var b bytes.Buffer
	for _, res := range r.Results {
		facts, err := json.MarshalIndent(res.Facts, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(res.Check + " " + string(res.Status) + " " + res.Summary + "\n" + string(facts) + "\n")
	}
	return b.String()
}

// The bundle says on a laptop what the machine said.
func TestABundleGivesTheAnswersOfTheMachine(t *testing.T) {
	p := bannedPBX()
	want := lookAt(t, p, "198.51.100.7", "203.0.113.15", "192.0.2.50")
	if !strings.Contains(want, `"verdict": "blocked"`) {
		t.Fatalf("the machine blocks nobody:\n%s", want)
	}
	file, folder, _ := collect(t, p, false)
	for name, s := range map[string]platform.System{"file": file, "folder": folder} {
		if diff := cmp.Diff(want, lookAt(t, s, "198.51.100.7", "203.0.113.15", "192.0.2.50")); diff != "" {
			t.Errorf("the bundle as a %s says something else (-machine +bundle)\n%s", name, diff)
		}
	}
}

// Redacted, nothing of the customer is left, and the answers are the same about
// the stand-ins.
func TestARedactedBundleShowsNobody(t *testing.T) {
	file, _, raw := collect(t, bannedPBX(), true)
	for _, planted := range []string{
		"198.51.100.7", "198.51.77.", "203.0.113.", "10.20.30.", "192.0.2.", "2001:db8:5:6", "198-51-100-7", "076433C6",
		"00:0b:82:aa:bb:cc", "00-0b-82-aa-bb-cc", "aa:bb:cc", "pbx7", "customer.example", "15550123456", "sip.example.net",
	} {
		if i := bytes.Index(bytes.ToLower(raw), []byte(strings.ToLower(planted))); i >= 0 {
			t.Errorf("%s is still in it: %q", planted, raw[max(0, i-60):min(len(raw), i+60)])
		}
	}
	if !platform.IsRedacted(file) {
		t.Error("it does not say so")
	}
	// Who is banned is asked about by the name that the bundle gives him.
	rules, err := file.Run(t.Context(), "iptables-nft-save", "-c")
	if err != nil {
		t.Fatal(err)
	}
	banned := regexp.MustCompile(`f2b-sip -s ([\d.]+)/32`).FindSubmatch(rules)
	within := regexp.MustCompile(`src-range ([\d.]+)-`).FindSubmatch(rules)
	if banned == nil || within == nil {
		t.Fatalf("the rules are gone:\n%s", rules)
	}
	middle := netip.MustParseAddr(string(within[1]))
	for range 5 {
		middle = middle.Next()
	}
	for _, a := range []string{string(banned[1]), middle.String()} {
		if got := lookAt(t, file, a); !strings.Contains(got, `"verdict": "blocked"`) && !strings.Contains(got, `"verdict": "partly"`) {
			t.Errorf("%s is not blocked any more:\n%s", a, got)
		}
	}
	if out, err := file.Run(t.Context(), "csf", "-g", string(banned[1])); err != nil || !bytes.Contains(out, banned[1]) {
		t.Errorf("asked by its stand-in, csf says %q, %v", out, err)
	}
}

func TestStandInsOfAddresses(t *testing.T) {
	m := newAddressMasker()
	mask := func(s string) netip.Addr { return m.mask(netip.MustParseAddr(s)) }
	for _, p := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10", "2000::/3"} {
		net := netip.MustParsePrefix(p)
		inside := net.Addr().Next()
		if got := mask(inside.String()); !net.Contains(got) {
			t.Errorf("%s of %s became %s", inside, p, got)
		}
	}
	for _, a := range []string{"8.8.8.8", "198.51.100.7", "193.0.0.1", "11.1.1.1", "172.32.0.1", "192.169.1.1", "223.255.255.1", "1.1.1.1", "101.1.1.1"} {
		got := mask(a)
		if got.IsPrivate() || got.IsMulticast() || got.IsLoopback() || got.As4()[0] >= 224 || got.As4()[0] == 0 {
			t.Errorf("%s, a public address, became %s", a, got)
		}
		if got.As4()[3] != netip.MustParseAddr(a).As4()[3] {
			t.Errorf("%s became %s: its place in its network is lost", a, got)
		}
	}
	for _, a := range []string{"0.0.0.0", "127.0.0.1", "255.255.255.0", "224.0.0.1", "::", "::1", "ff02::1", "240.255.255.254"} {
		if got := mask(a); got.String() != a {
			t.Errorf("%s became %s", a, got)
		}
	}
	// Two addresses share as many bits afterwards as before.
	for _, c := range []struct {
		a, b string
		bits int
	}{{"198.51.100.7", "198.51.100.200", 24}, {"198.51.100.7", "198.51.101.7", 23}, {"198.51.100.7", "198.52.0.1", 13}, {"2001:db8::7", "2001:db8:0:1::7", 63}} {
		a, b := mask(c.a), mask(c.b)
		same, _ := a.Prefix(c.bits)
		longer, _ := a.Prefix(c.bits + 1)
		if !same.Contains(b) || c.bits < 24 && longer.Contains(b) {
			t.Errorf("%s and %s shared %d bits, %s and %s do not", c.a, c.b, c.bits, a, b)
		}
	}
	if mask("198.51.100.7") == newAddressMasker().mask(netip.MustParseAddr("198.51.100.7")) && mask("203.0.113.9") == newAddressMasker().mask(netip.MustParseAddr("203.0.113.9")) {
		t.Error("two bundles have the same stand-ins")
	}
	for range 2000 { // one in 256 keys turns nothing in 192.168
		if other := newAddressMasker(); other.mask(netip.MustParseAddr(lab.PhoneAddr)) == netip.MustParseAddr(lab.PhoneAddr) {
			t.Fatal("the office's network stayed as it was")
		}
	}
	for _, word := range []string{"10:20:30", "12:34", "::ffff", "1.2.3", "2026-11-22", "999.1.1.1", "a::b::c", "1:2:3:4:5:6:7:8:9"} {
		_ = m.standIn(word) // must come back
	}
}

func FuzzCleaner(f *testing.F) {
	for _, text := range secretFiles() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newCleaner(true)
		c.Learn("/etc/x", data)
		out := c.Clean("/etc/x", data)
		if out != nil && bytes.Count(out, []byte("\n")) != bytes.Count(data, []byte("\n")) {
			t.Errorf("lines were lost: %q became %q", data, out)
		}
	})
}
