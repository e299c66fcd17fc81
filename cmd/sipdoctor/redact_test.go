package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// Names of a customer, of whom nothing may be seen.
var customer = []string{
	"sip.provider.example", "provider", "pbx7.customer.example", "customer.example", "Jane Doe", "janedoe", "jane.doe@mail.customer.example",
	"Kreuzberg", "Wedding", "+4930123456789", "Guestnet", "4c:5e:0c:11:22:33",
}

// addressForms are the ways in which an address is written.
func addressForms(a netip.Addr) []string {
	if !a.Is4() {
		return []string{a.String(), a.StringExpanded(), nibblesOf(a)}
	}
	b := a.As4()
	reversed := []byte{b[3], b[2], b[1], b[0]}
	return []string{
		a.String(), strings.ReplaceAll(a.String(), ".", "-"), strings.ReplaceAll(a.String(), ".", "_"),
		fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]), fmt.Sprintf("%X:13C4", reversed),
	}
}

func nibblesOf(a netip.Addr) string {
	digits := strings.Split(hex.EncodeToString(a.AsSlice()), "")
	slices.Reverse(digits)
	return strings.Join(digits, ".") + ".ip6.arpa"
}

// certificateOf is a certificate of a host, in PEM.
func certificateOf(t testing.TB, host string, a netip.Addr) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host, Organization: []string{"Kreuzberg"}}, DNSNames: []string{host}, IPAddresses: nil}
	template.IPAddresses = append(template.IPAddresses, a.AsSlice())
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// found lists which of the texts are in out, in plain or within base64.
func found(out []byte, texts []string) (list []string) {
	all := bytes.ToLower(out)
	for _, run := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`).FindAll(out, -1) {
		if raw, err := base64.StdEncoding.DecodeString(string(run)); err == nil {
			all = append(append(all, '\n'), bytes.ToLower(raw)...)
		}
	}
	for _, text := range texts {
		if !bytes.Contains(all, []byte(strings.ToLower(text))) {
			continue
		}
		at := regexp.MustCompile(`(?:^|[^0-9a-z])` + regexp.QuoteMeta(strings.ToLower(text)) + `(?:$|[^0-9a-z])`).FindIndex(all)
		if at != nil {
			list = append(list, fmt.Sprintf("%s in %q", text, all[max(0, at[0]-60):min(len(all), at[1]+60)]))
		}
	}
	return list
}

// addressesOf are the addresses and hardware addresses in a report that say
// something about somebody. The network of carrier-grade NATs does not: our own words
// name it.
func addressesOf(t testing.TB, r *checks.Report) (list []netip.Addr, hardware []string) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}`).FindAllString(string(raw), -1) {
		if a, err := netip.ParseAddr(m); err == nil && !a.IsLoopback() && !a.IsMulticast() && a.As4()[0] != 0 && a.As4()[0] < 224 && m != "100.64.0.0" && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list, regexp.MustCompile(`\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b`).FindAllString(string(raw), -1)
}

// A report of every office of the lab, in every format: none of the addresses
// that went in comes out.
func TestRedactedReportsOfEveryOffice(t *testing.T) {
	for _, scenario := range lab.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o labOptions
				r, err := o.checkInMemory(t.Context(), streams{}, scenario)
				if err != nil {
					t.Fatal(err)
				}
				addresses, hidden := addressesOf(t, r)
				if len(addresses) < 3 || len(hidden) == 0 {
					t.Fatalf("only %v and %v went in", addresses, hidden)
				}
				for _, a := range addresses {
					hidden = append(hidden, addressForms(a)...)
				}
				hidden = append(hidden, plantInReport(t, r, addresses[0])...)
				for _, format := range formats() {
					var b bytes.Buffer
					show := reporting{format: format, color: "never", verbose: true, redact: true}
					if err := show.show(t.Context(), streams{Out: &b}, r); err != nil {
						t.Fatal(err)
					}
					for _, left := range found(b.Bytes(), hidden) {
						t.Errorf("as %s: %s", format, left)
					}
				}
			})
		})
	}
}

// plantInReport adds what a PBX's report may quote, and returns what must not be
// seen of it.
func plantInReport(t testing.TB, r *checks.Report, a netip.Addr) []string {
	t.Helper()
	six := netip.MustParseAddr("2001:db8:7:8::9")
	cert := certificateOf(t, "pbx7.customer.example", a)
	block, _ := pem.Decode([]byte(cert))
	quotes := []string{
		"_sip._udp.sip.provider.example", "_sips._tcp.SIP.Provider.Example.", "sips:+4930123456789@sip.provider.example;transport=tls",
		`"Jane Doe" <sip:janedoe@sip.provider.example>`, `callerid="Jane Doe" <100>`, "f2b_pbx7.customer.example_x", "jane.doe@mail.customer.example",
		`-A INPUT -s ` + a.String() + `/32 -m comment --comment "office Kreuzberg" -j DROP`, `ip saddr 192.0.2.9 drop comment "office Kreuzberg"`,
		"/home/janedoe/sip.yaml", cert, "4c:5e:0c:11:22:33 and 4C-5E-0C-11-22-33", six.String(),
	}
	for _, form := range append(addressForms(a), addressForms(six)...) {
		if !strings.HasSuffix(form, ":13C4") {
			quotes = append(quotes, "seen at "+form)
		}
	}
	observed := map[string]any{
		"quotes": quotes, "raw": base64.StdEncoding.EncodeToString([]byte("INVITE sip:janedoe@sip.provider.example SIP/2.0\r\nVia: SIP/2.0/UDP " + a.String() + "\r\n")),
		"certificate": base64.StdEncoding.EncodeToString(block.Bytes), "sip.provider.example": 1,
		"blocks": []any{map[string]any{"layer": "csf", "reasons": []string{"depot Wedding"}}},
	}
	raw, err := json.Marshal(observed)
	if err != nil {
		t.Fatal(err)
	}
	var evidence []checks.Evidence
	for _, q := range quotes {
		evidence = append(evidence, checks.Evidence{Name: "line", Got: q})
	}
	r.Results = append(r.Results, checks.Result{
		Check: "planted", Status: checks.Warn, Summary: "it says " + strings.Join(quotes[:9], ", "), Observed: raw, Facts: observed,
		Findings: []checks.Finding{{ID: "planted.quotes", Severity: checks.Warning, Title: "The rule says depot Wedding", Evidence: evidence}},
	})
	hidden := append(addressForms(a), addressForms(six)...)
	for _, name := range customer {
		if name != "provider" && name != "Guestnet" { // a word of the program's own; not in a report
			hidden = append(hidden, name)
		}
	}
	return append(hidden, "4c-5e-0c-11-22-33")
}

// plantInBundle is a PBX in the office of a scenario that has everything in
// every form, and what must not be seen of it.
func plantInBundle(t testing.TB, scenario lab.Scenario) (p *pbxtest.PBX, hidden []string) {
	t.Helper()
	p = bannedPBX()
	addresses := []netip.Addr{netip.MustParseAddr("2001:db8:7:8::9")}
	for _, a := range []string{lab.PhoneAddr, lab.RouterAddr, lab.WANAddr, lab.CGNAddr, lab.ResponderAddr, lab.SIPServerAddr, lab.STUNServerAddr} {
		addresses = append(addresses, netip.MustParseAddr(a))
	}
	var lines []string
	for _, a := range addresses {
		for _, form := range addressForms(a) {
			hidden = append(hidden, form)
			lines = append(lines, "[2026-11-22 09:00:00] NOTICE[1] chan_sip.c: seen "+form+" "+base64.StdEncoding.EncodeToString([]byte("From: <sip:janedoe@"+form+">")))
		}
	}
	p.Files["/etc/hostname"] = "pbx7.customer.example\n"
	p.Files["/etc/asterisk/pjsip.conf"] = `[janedoe]
type=endpoint
callerid="Jane Doe" <100>
[reg-provider]
type=registration
server_uri=sip:sip.provider.example
client_uri=sip:+4930123456789@sip.provider.example
contact=sip:janedoe@` + lab.PhoneAddr + `
[transport-udp]
type=transport
bind=` + lab.PhoneAddr + `
external_media_address=pbx7.customer.example
`
	p.Files["/var/log/asterisk/full"] += strings.Join(lines, "\n") + `
[2026-11-22 09:00:00] NOTICE[1] chan_sip.c: Registration from '"Jane Doe" <sip:janedoe@sip.provider.example>' failed for '198.51.100.7:5062' - Wrong password
[2026-11-22 09:00:00] NOTICE[1] chan_sip.c: No registration for peer 'janedoe' (from 198.51.100.7)
[2026-11-22 09:00:00] WARNING[1] dnsmgr.c: _sip._udp.sip.provider.example and _sips._tcp.Sip.Provider.Example. and example.provider.sip do not answer
[2026-11-22 09:00:00] WARNING[1] mail.c: jane.doe@mail.customer.example, /home/janedoe/x, SSID=Guestnet, tel:+4930123456789
[2026-11-22 09:00:00] SECURITY[1] SecurityEvent="FailedACL",AccountID="janedoe",RemoteAddress="IPV4/UDP/198.51.100.7/5062"
4c:5e:0c:11:22:33 4C-5E-0C-11-22-33 4c5e.0c11.2233
` + certificateOf(t, "pbx7.customer.example", addresses[1])
	p.Files["/etc/csf/csf.conf"] = "TESTING = \"0\"\n"
	p.Files["/etc/csf/csf.allow"] = "tcp|in|d=5060|s=" + lab.WANAddr + " # branch office Kreuzberg, depot Wedding\n"
	p.Files["/etc/ufw/user.rules"] = "### tuple ### allow udp 5060 0.0.0.0/0 any " + lab.WANAddr + " in comment=" + hex.EncodeToString([]byte("office Kreuzberg")) + "\n"
	p.Files["/etc/firewalld/zones/x.xml"] = "<zone><short>Kreuzberg</short><description>Jane Doe</description><source address=\"" + lab.WANAddr + "\"/></zone>\n"
	p.Prints["ip -j neigh show "+lab.RouterAddr] = `[{"dst":"` + lab.RouterAddr + `","lladdr":"4c:5e:0c:11:22:33"}]`
	p.Prints["host -t SRV _sip._udp.sip.provider.example"] = "_sip._udp.sip.provider.example has SRV record 0 0 5060 sip.provider.example.\n"
	p.Prints["iptables-nft-save -c"] = strings.Replace(p.Prints["iptables-nft-save -c"], "-s 198.51.100.7/32 -j", `-s 198.51.100.7/32 -m comment --comment "office Kreuzberg" -j`, 1)
	p.Prints["ipset save"] = "create bad hash:net family inet comment\nadd bad 198.51.77.0/24 comment \"office Kreuzberg\"\n"
	p.Prints["echo "+scenario.Name] = streams{}.say("say.scenario."+scenario.Name+".title", nil) + "\n"
	return p, append(hidden, append(customer, "4c-5e-0c-11-22-33", "4c5e.0c11.2233", hex.EncodeToString([]byte("office Kreuzberg")))...)
}

// A bundle of a PBX in every office of the lab: nothing of the customer comes
// out, in the members or their names.
func TestRedactedBundlesOfEveryOffice(t *testing.T) {
	for _, scenario := range lab.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			p, hidden := plantInBundle(t, scenario)
			_, _, plain := collect(t, p, false)
			for _, h := range hidden {
				if h != "example.provider.sip" && len(found(plain, []string{h})) == 0 {
					t.Fatalf("%s never went in", h)
				}
			}
			file, _, raw := collect(t, p, true)
			for _, left := range found(raw, hidden) {
				t.Error(left)
			}
			rules, err := file.Run(t.Context(), "iptables-nft-save", "-c")
			if err != nil || !bytes.Contains(rules, []byte(`--comment "comment-`)) || !bytes.Contains(rules, []byte("--dport 5060")) {
				t.Errorf("the rules became %q, %v", rules, err)
			}
		})
	}
}

// What stays is what --help says: numbers of extensions, ports, names of jails,
// chains and programs.
func TestWhatStaysOfARedactedBundle(t *testing.T) {
	for line, want := range map[string]string{
		"[101]\ntype=endpoint\ncallerid=\"Jane Doe\" <101>\n":      "[101]\ntype=endpoint\ncallerid=\"name-1\" <101>\n",
		"[transport-udp]\ntype=transport\nbind=0.0.0.0:5060\n":     "[transport-udp]\ntype=transport\nbind=0.0.0.0:5060\n",
		"contact=sip:101@10.1.2.3:5060\n":                          "contact=sip:101@10.",
		"context=from-trunk\nqualify=yes\n":                        "context=from-trunk\nqualify=yes\n",
		"server_uri=sip:_sip._udp.sip.provider.example\n":          "server_uri=sip:_sip._udp.host-",
		"from_user=acme-office\nfrom_domain=office.acme.example\n": "from_user=user-2\nfrom_domain=host-1.invalid\n",
	} {
		c := newCleaner(true)
		c.Learn("/etc/asterisk/pjsip.conf", []byte(line))
		if got := string(c.Clean("/etc/asterisk/pjsip.conf", []byte(line))); !strings.HasPrefix(got, want) {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{
		"2026-11-22 09:00:00,123 fail2ban.actions [12]: NOTICE [asterisk] Ban 0.0.0.1\n", "res_pjsip.so loaded by /etc/asterisk/modules.conf\n",
		"[2026-11-22 09:00:00] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:101@0.0.0.1>' failed for '0.0.0.2:5060' (callid: x) - Wrong password\n",
		"SecurityEvent=\"ChallengeResponseFailed\",AccountID=\"101\"\n", ":f2b-asterisk - [0:0]\n-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-asterisk\n",
	} {
		c := newCleaner(true)
		c.Learn("/var/log/fail2ban.log", []byte(line))
		if got := string(c.Clean("/var/log/fail2ban.log", []byte(line))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}
