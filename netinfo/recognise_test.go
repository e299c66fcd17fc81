package netinfo

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRouterRulesAreSound(t *testing.T) {
	rules := routerRules()
	seen := map[string]bool{}
	pageTexts := []string{
		"<h1>RouterOS v6.49.7</h1>", `content="0; URL=cgi-bin/luci/"`, "TP-LINK Technologies Co.", "Rubicon Communications, LLC", "/Main_Login.asp",
		"/tomato.js", "/+CSCOE+/logon.html", "Palo Alto Networks", "DrayTek Corp.",
	}
	methods := map[string]bool{
		"oui": true, "upnp": true, "upnp-server": true, "http-title": true, "http-server": true, "http-realm": true,
		"http-body": true, "tls-subject": true, "boxinfo": true, "mndp": true, "snmp": true, "snmp-object": true, "lldp": true, "cdp": true,
	}
	for _, r := range rules {
		if seen[r.Platform] || r.Vendor == "" || len(r.Clues) == 0 {
			t.Errorf("%s: stands twice, or has no vendor or no clues", r.Platform)
		}
		seen[r.Platform] = true
		for _, c := range r.Clues {
			if c.Source == "" || c.Weight < 1 || c.Weight > 3 {
				t.Errorf("%s: a clue on %q needs a source and a weight of 1 to 3", r.Platform, c.On)
			}
			if !methods[c.On] {
				t.Errorf("%s: nobody makes a clue by %q", r.Platform, c.On)
			}
			if c.On == "http-body" && !slices.ContainsFunc(pageTexts, func(s string) bool { return c.pattern.MatchString(pageNames.FindString(s)) }) {
				t.Errorf("%s: no page is searched for %q", r.Platform, c.Match)
			}
		}
	}
}

func TestRoutersAreRecognised(t *testing.T) {
	clues := func(pairs ...string) (list []Clue) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, Clue{Method: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	tests := map[string]struct {
		clues        []Clue
		platform     string
		confidence   string
		alternatives []string
	}{
		"a MikroTik with everything but MNDP closed": {clues("oui", "MikroTik", "mndp", "MikroTik RB750Gr3 7.15.3 (stable) office"), "mikrotik", certain, nil},
		"a MikroTik known by its hardware address":   {clues("oui", "MikroTik"), "mikrotik", likely, nil},
		"OpenWrt on a TP-Link takes OpenWrt's commands": {
			clues("oui", "TP-LINK TECHNOLOGIES CO.,LTD.", "http-body", "cgi-bin/luci", "http-title", "OpenWrt - LuCI"), "openwrt", certain, nil},
		"Tomato on an ASUS, which has more to say": {
			clues("oui", "ASUSTek COMPUTER INC.", "http-realm", "RT-N16", "http-body", "tomato.js"), "tomato", certain, nil},
		"a FRITZ!Box":                      {clues("oui", "AVM", "http-title", "FRITZ!Box", "boxinfo", "FRITZ!Box 7590 154.07.57"), "fritzbox", certain, nil},
		"Ubiquiti makes two kinds":         {clues("oui", "Ubiquiti Inc"), "unifi", possible, []string{"edgerouter"}},
		"an EdgeRouter that names itself":  {clues("oui", "Ubiquiti Inc", "http-title", "EdgeOS"), "edgerouter", certain, nil},
		"Cisco makes two kinds":            {clues("oui", "Cisco Systems, Inc"), "cisco-ios", possible, []string{"cisco-asa"}},
		"Cisco IOS by its realm":           {clues("oui", "Cisco Systems, Inc", "http-realm", "level_15_access", "http-server", "cisco-IOS"), "cisco-ios", certain, nil},
		"a FortiGate hides its name":       {clues("oui", "Fortinet, Inc.", "http-server", "xxxxxxxx-xxxxx"), "fortigate", certain, nil},
		"pfSense on a PC":                  {clues("oui", "Intel Corporate", "http-title", "pfSense - Login"), "pfsense", certain, nil},
		"OPNsense":                         {clues("http-server", "OPNsense", "http-title", "Login | OPNsense"), "opnsense", certain, nil},
		"a Keenetic":                       {clues("oui", "Keenetic Limited", "upnp", "Keenetic Ltd. Keenetic Giga (KN-1010) Keenetic"), "keenetic", certain, nil},
		"a DrayTek":                        {clues("oui", "DrayTek Corp.", "http-title", "Vigor Login Page"), "draytek", certain, nil},
		"a NETGEAR asks for a password":    {clues("http-realm", "NETGEAR R7000"), "netgear", certain, nil},
		"a mainboard by ASUS is no proof":  {clues("oui", "ASUSTek COMPUTER INC."), "asus", possible, nil},
		"a Debian box with miniupnpd":      {clues("upnp-server", "Debian/12 UPnP/1.1 MiniUPnPd/2.3.1"), "linux-nftables", possible, nil},
		"a MikroTik that says so by SNMP":  {clues("snmp", "RouterOS RB750Gr3", "snmp-object", "1.3.6.1.4.1.14988.1"), "mikrotik", certain, nil},
		"a FortiGate by its serial number": {clues("tls-subject", "CN=FGT60E4Q16012345,OU=FortiGate"), "fortigate", certain, nil},
		"a server whose name begins alike": {clues("tls-subject", "CN=fgateway.example.net,O=FG Services"), "", "", nil},
		"a firewall by Barracuda":          {clues("oui", "Barracuda Networks, Inc.", "snmp", "Barracuda Firewall", "snmp-object", "1.3.6.1.4.1.10704.1.10"), "barracuda", certain, nil},
		"a box by Barracuda":               {clues("oui", "Barracuda Networks, Inc."), "barracuda", possible, nil},
		"Barracuda who measure":            {clues("oui", "Barracuda Measurement Solutions"), "", "", nil},
		"a cable modem by Ubee":            {clues("oui", Vendor("0c:b9:37:00:00:01")), "ubee", possible, nil},
		"a DSL router by Comtrend":         {clues("oui", Vendor("00:1d:20:00:00:01")), "comtrend", possible, nil},
		"a DSL router by Billion":          {clues("oui", Vendor("00:04:ed:00:00:01")), "billion", possible, nil},
		"Billionton makes no routers":      {clues("oui", "BILLIONTON SYSTEMS, INC."), "", "", nil},
		"a FortiGate by its product":       {clues("snmp-object", "1.3.6.1.4.1.12356.101.1.504"), "fortigate", certain, nil},
		"a Cisco ASA by SNMP":              {clues("oui", "Cisco Systems, Inc", "snmp", "Cisco Adaptive Security Appliance Version 9.8(2)", "snmp-object", "1.3.6.1.4.1.9.1.2114"), "cisco-asa", certain, nil},
		"enterprise 149880 is another's":   {clues("snmp-object", "1.3.6.1.4.1.149880.1"), "", "", nil},
		"a PC that says nothing":           {clues("oui", "Intel Corporate"), "", "", nil},
		"two front pages that disagree":    {clues("http-title", "pfSense - Login", "http-title", "OpenWrt - LuCI"), "openwrt", possible, []string{"pfsense"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Router{Clues: tt.clues}
			r.recognise()
			got := []any{r.Platform, r.Confidence, r.Alternatives}
			if diff := cmp.Diff([]any{tt.platform, tt.confidence, tt.alternatives}, got); diff != "" {
				t.Errorf("platform, confidence, alternatives (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVendorOfAHardwareAddress(t *testing.T) {
	for mac, want := range map[string]string{
		"4c:5e:0c:01:02:03": "MikroTik",
		"00-0C-42-AA-BB-CC": "MikroTik",
		"c8:0e:14:00:00:01": "AVM",
		"00:00:00:00:00:01": "XEROX CORPORATION",
		"70:b3:d5:f2:f1:02": "TELEPLATFORMS",    // MA-S
		"20:85:93:b1:02:03": "IOG Products LLC", // MA-M
		"20:85:93:d1:02:03": "Shanghai Kenmyond Industrial Network Equipment Co.,Ltd",
		"20:85:93:f0:00:00": "", // of a block that the IEEE gives away in parts
		"02:60:8c:01:02:03": "", // made up by a program: 3Com's old prefix looks the same
		"":                  "",
	} {
		if got := Vendor(mac); got != want {
			t.Errorf("Vendor(%q) = %q, want %q", mac, got, want)
		}
	}
}

func BenchmarkVendor(b *testing.B) {
	for b.Loop() {
		Vendor("4c:5e:0c:01:02:03")
	}
}
