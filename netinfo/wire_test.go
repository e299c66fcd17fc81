package netinfo

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNATPMPAnswers(t *testing.T) {
	tests := map[string]struct {
		packet string
		want   string
		err    error
	}{
		"the outer address":                      {packet: "00 80 0000 00000e10 cb007101", want: "203.0.113.1"},
		"a router that is offline":               {packet: "00 80 0000 00000e10 00000000", want: "0.0.0.0"},
		"port mapping switched off":              {packet: "00 80 0002 00000e10", err: errNoMappings},
		"out of resources":                       {packet: "00 80 0004 00000e10", err: errOtherResult},
		"a PCP server that knows no NAT-PMP":     {packet: "02 80 0001 00000000 00000000", err: errNotPortMap},
		"our own question thrown back":           {packet: "00 00", err: errNotPortMap},
		"success that ends before its address":   {packet: "00 80 0000 00000e10 cb00", err: errNotPortMap},
		"the answer to a mapping we did not ask": {packet: "00 81 0000 00000e10 13c413c4 00000e10", err: errNotPortMap},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseNATPMP(unhex(t, tt.packet))
			if !errors.Is(err, tt.err) || err == nil && got.String() != tt.want {
				t.Errorf("got %v, %v; want %s, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestPCPAnnounce(t *testing.T) {
	want := unhex(t, "02 00 0000 00000000 00000000000000000000ffffc0a8580a")
	if diff := cmp.Diff(want, pcpAnnounce(netip.MustParseAddr("192.168.88.10"))); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		packet string
		want   int
		err    error
	}{
		"understood":               {packet: "02 80 00 00 00000000 00000e10 000000000000000000000000", want: 0},
		"address mismatch":         {packet: "02 80 00 0c 00000000 00000001 000000000000000000000000", want: 12},
		"a NAT-PMP server":         {packet: "00 80 0001 00000000", err: errNotPortMap},
		"a request, not an answer": {packet: "02 00 00 00 00000000 00000e10 000000000000000000000000", err: errNotPortMap},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parsePCP(unhex(t, tt.packet))
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// An answer of net-snmp 5.9 with sysDescr and sysObjectID of a RouterOS box.
const snmpPacket = "30 4c 020101 0406 7075626c6963 a2 3f 020101 020100 020100 30 34" +
	" 301d 0608 2b06010201010100 0411 526f757465724f53205242373530477233" +
	" 3013 0608 2b06010201010200 0607 2b06010401f50c"

func TestSNMPAnswers(t *testing.T) {
	request := "30 34 020101 0406 7075626c6963 a0 27 020101 020100 020100 30 1c" +
		" 300c 0608 2b06010201010100 0500 300c 0608 2b06010201010200 0500"
	if diff := cmp.Diff(strings.ReplaceAll(request, " ", ""), hex.EncodeToString(snmpRequest(1))); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		packet        string
		descr, object string
		err           error
	}{
		"a RouterOS box":                 {packet: snmpPacket, descr: "RouterOS RB750Gr3", object: "1.3.6.1.4.1.14988"},
		"lengths in the long form":       {packet: strings.Replace(snmpPacket, "30 4c", "30 82004c", 1), descr: "RouterOS RB750Gr3", object: "1.3.6.1.4.1.14988"},
		"an agent without these objects": {packet: "30 33 020101 0406 7075626c6963 a2 26 020101 020100 020100 30 1b 300c 0608 2b06010201010100 8000 300b 0607 2b060102010102 8100"},
		"the answer to another question": {packet: strings.Replace(snmpPacket, "a2 3f 020101", "a2 3f 020102", 1), err: errNotSNMP},
		"our own question thrown back":   {packet: request, err: errNotSNMP},
		"a packet that was cut off":      {packet: snmpPacket[:120], err: errNotSNMP},
		"nothing":                        {err: errNotSNMP},
	} {
		t.Run(name, func(t *testing.T) {
			descr, object, err := parseSNMP(unhex(t, tt.packet), 1)
			if descr != tt.descr || object != tt.object || !errors.Is(err, tt.err) {
				t.Errorf("%q %q %v", descr, object, err)
			}
		})
	}
}

func TestObjectIdentifiers(t *testing.T) {
	for packed, want := range map[string]string{"2b06010401f50c01": "1.3.6.1.4.1.14988.1", "8837": "2.999", "": "", "2b86": "", "2bffffffffffff7f": ""} {
		if got := oidText(unhex(t, packed)); got != want {
			t.Errorf("%s is %q, want %q", packed, got, want)
		}
	}
}

func FuzzSNMP(f *testing.F) {
	f.Add(unhex(f, snmpPacket))
	f.Add(snmpRequest(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		descr, object, _ := parseSNMP(b, 1)
		if !utf8.ValidString(descr) || len([]rune(descr)) > maxPlain+1 || strings.Trim(object, "0123456789.") != "" {
			t.Errorf("%q %q", descr, object)
		}
	})
}

func FuzzPortMap(f *testing.F) {
	f.Add(unhex(f, "0080000000000e10cb007101"))
	f.Add(unhex(f, "0280000000000000000e10000000000000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseNATPMP(b); err == nil && !a.Is4() {
			t.Errorf("address %v", a)
		}
		if r, err := parsePCP(b); err == nil && (r < 0 || r > 255) {
			t.Errorf("result %d", r)
		}
	})
}

// The fields of an announcement as RouterOS 7.15 sends them.
const mndpPacket = "6100 0000" +
	" 0001 0006 744d28910d2f" +
	" 0005 0008 4d696b726f54696b" +
	" 0007 000f 372e31352e332028737461626c6529" +
	" 0008 0008 4d696b726f54696b" +
	" 000a 0004 dc150000" +
	" 000b 0009 483739322d4d584a33" +
	" 000c 0010 5242443532472d354861634432486e44" +
	" 000e 0001 00" +
	" 0010 000d 6272696467652f657468657232" +
	" 0011 0004 c0a85801"

func TestMNDPAnnouncement(t *testing.T) {
	got, err := parseMNDP(unhex(t, mndpPacket))
	if err != nil {
		t.Fatal(err)
	}
	want := mndpDevice{MAC: "74:4d:28:91:0d:2f", Identity: "MikroTik", Version: "7.15.3 (stable)", Platform: "MikroTik", Board: "RBD52G-5HacD2HnD"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("device (-want +got):\n%s", diff)
	}
	for name, packet := range map[string]string{
		"our own question":                 "00000000",
		"a field longer than the datagram": "61000000 0005 00ff 41",
		"a field's header cut in two":      "61000000 0005 0001 41 00",
		"no field that says what it is":    "61000000 0005 0001 41",
		"nothing":                          "",
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := parseMNDP(unhex(t, packet)); !errors.Is(err, errNotMNDP) {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

func FuzzMNDP(f *testing.F) {
	f.Add(unhex(f, mndpPacket))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseMNDP(b)
		for _, s := range []string{d.Identity, d.Version, d.Platform, d.Board} {
			isPlain(t, s)
		}
		if err == nil && d.Version+d.Platform+d.Board == "" {
			t.Error("a device without a name")
		}
	})
}

// isPlain demands one short line of printable text.
func isPlain(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\r\n\t") || utf8.RuneCountInString(s) > maxPlain {
		t.Errorf("not plain: %q", s)
	}
}

func TestSSDPAnswer(t *testing.T) {
	got, err := parseSSDP([]byte("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + ssdpGatewayType + "\r\nEXT:\r\n" +
		"SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\nLOCATION: http://192.168.88.1:36249/rootDesc.xml\r\n\r\n"))
	want := ssdpReply{Location: "http://192.168.88.1:36249/rootDesc.xml", Server: "Debian/12 UPnP/1.1 MiniUPnPd/2.3.1"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, packet := range map[string]string{
		"somebody else's search": string(ssdpSearch("239.255.255.250", ssdpRootDevice)),
		"a refusal":              "HTTP/1.1 412 Precondition Failed\r\n\r\n",
		"noise":                  "\x00\x01\x02",
		"nothing":                "",
	} {
		if r, err := parseSSDP([]byte(packet)); err == nil {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major></specVersion>
<device><friendlyName>Office  router</friendlyName><manufacturer>Keenetic Ltd.</manufacturer>
<modelName>Keenetic</modelName><modelNumber>Giga (KN-1010)</modelNumber><modelDescription>Router</modelDescription>
<deviceList><device><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl/IPConn</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>http://10.0.0.9/ctl</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType><controlURL>/ctl/L3F</controlURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>`

func TestUPnPDescription(t *testing.T) {
	base, _ := url.Parse("http://192.168.1.1:1900/rootDesc.xml")
	d, err := parseUPnP([]byte(description), base)
	if err != nil {
		t.Fatal(err)
	}
	if d.Manufacturer != "Keenetic Ltd." || d.ModelNumber != "Giga (KN-1010)" || d.FriendlyName != "Office router" {
		t.Errorf("device %+v", d)
	}
	// The control URL on another host is left out.
	if len(d.WAN) != 1 || d.WAN[0].Control.String() != "http://192.168.1.1:1900/ctl/IPConn" {
		t.Errorf("services %+v", d.WAN)
	}
	for name, page := range map[string]string{"a login page": "<html><body>login</body></html>", "cut off": description[:400], "nothing": ""} {
		if d, err := parseUPnP([]byte(page), base); err == nil {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}

// A description that lists services without end is no order to ask them all.
func TestFewServicesAreAsked(t *testing.T) {
	const service = "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/c</controlURL></service>"
	base, _ := url.Parse("http://192.168.88.1/desc.xml")
	for services, want := range map[int]int{1: 1, 8: 8, 9: 8, 1500: 8} {
		d, err := parseUPnP([]byte("<root><device><serviceList>"+strings.Repeat(service, services)+"</serviceList></device></root>"), base)
		if err != nil || len(d.WAN) != want {
			t.Errorf("%d of %d services are asked: %v", len(d.WAN), services, err)
		}
	}
}

func TestExternalAddressOverUPnP(t *testing.T) {
	envelope := func(addr string) []byte {
		return []byte(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
			`<u:GetExternalIPAddressResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"><NewExternalIPAddress>` + addr +
			`</NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body></s:Envelope>`)
	}
	if a, err := parseExternalAddress(envelope("100.64.0.10")); err != nil || a.String() != "100.64.0.10" {
		t.Errorf("got %v, %v", a, err)
	}
	for name, addr := range map[string]string{"offline": "0.0.0.0", "empty": "", "a name": "wan.example", "an address with a zone": "fe80::1%eth0"} {
		if a, err := parseExternalAddress(envelope(addr)); err == nil {
			t.Errorf("%s: got %v", name, a)
		}
	}
}

func FuzzUPnP(f *testing.F) {
	f.Add([]byte(description))
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1/\r\n\r\n"))
	base, _ := url.Parse("http://192.168.1.1:1900/rootDesc.xml")
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _ := parseUPnP(b, base)
		for _, s := range []string{d.Manufacturer, d.ModelName, d.ModelNumber, d.FriendlyName} {
			isPlain(t, s)
		}
		for _, s := range d.WAN {
			if s.Control.Hostname() != "192.168.1.1" {
				t.Errorf("leads to %s", s.Control)
			}
		}
		r, _ := parseSSDP(b)
		isPlain(t, r.Server)
		_, _ = parseExternalAddress(b)
		name, version := parseBoxInfo(b)
		isPlain(t, name)
		isPlain(t, version)
	})
}

func TestTitlesOfFrontPages(t *testing.T) {
	for name, tt := range map[string]struct{ page, want string }{
		"plain":                        {"<html><head><title>RouterOS router configuration page</title>", "RouterOS router configuration page"},
		"capitals, attributes, breaks": {"<TITLE id=x>\n  FRITZ!Box\t7590 </TITLE>", "FRITZ!Box 7590"},
		"entities":                     {"<title>A&amp;B &lt;LuCI&gt;</title>", "A&B <LuCI>"},
		"terminal codes and bad bytes": {"<title>\x1b[31mred\x00\xff\u202e</title>", "[31mred"},
		"never closed":                 {"<title>Login", ""},
		"none":                         {"<p>hello</p>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := htmlTitle([]byte(tt.page)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefreshStaysOnTheRouter(t *testing.T) {
	base, _ := url.Parse("http://192.168.1.1/")
	for page, want := range map[string]string{
		`<meta http-equiv="refresh" content="0; URL=cgi-bin/luci/" />`:                "http://192.168.1.1/cgi-bin/luci/",
		`<META content='1;url="/login.htm"' HTTP-EQUIV=refresh>`:                      "http://192.168.1.1/login.htm",
		`<meta http-equiv="refresh" content="0; url=http://203.0.113.9/">`:            "",
		`<meta http-equiv="refresh" content="0; url=//203.0.113.9/">`:                 "",
		`<meta http-equiv="refresh" content="0; url=file:///etc/passwd">`:             "",
		`<meta name="viewport" content="x"><a href="?url=http://192.168.1.1/x">y</a>`: "",
	} {
		got := ""
		if u := htmlRefresh([]byte(page), base); u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", page, got, want)
		}
	}
}

func TestRealms(t *testing.T) {
	h := http.Header{"Www-Authenticate": {`Basic realm="NETGEAR R7000"`, `Digest qop="auth", realm=level_15_access, nonce="x"`, `Negotiate`}}
	if diff := cmp.Diff([]string{"NETGEAR R7000", "level_15_access"}, realms(h)); diff != "" {
		t.Errorf("realms (-want +got):\n%s", diff)
	}
}

func FuzzFrontPage(f *testing.F) {
	f.Add("<title>x</title>", `<meta http-equiv="refresh" content="0; URL=cgi-bin/luci/">`, `Basic realm="x"`)
	base, _ := url.Parse("http://192.168.1.1/")
	f.Fuzz(func(t *testing.T, title, meta, auth string) {
		isPlain(t, htmlTitle([]byte(title)))
		if u := htmlRefresh([]byte(meta), base); u != nil && u.Host != base.Host {
			t.Errorf("leads to %s", u)
		}
		for _, r := range realms(http.Header{"Www-Authenticate": {auth}}) {
			isPlain(t, r)
		}
	})
}

func TestFritzBoxInfo(t *testing.T) {
	name, version := parseBoxInfo([]byte(`<?xml version="1.0"?><j:BoxInfo xmlns:j="http://jason.avm.de/updatecheck/"><j:Name>FRITZ!Box 7590</j:Name><j:HW>226</j:HW><j:Version>154.07.57</j:Version></j:BoxInfo>`))
	if name != "FRITZ!Box 7590" || version != "154.07.57" {
		t.Errorf("got %q, %q", name, version)
	}
	if name, _ := parseBoxInfo([]byte("<html></html>")); name != "" {
		t.Errorf("a web page is called %q", name)
	}
}
