package checks_test

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// checkLine is the line under "check again" of a run that was asked in.
func checkLine(t *testing.T, command, line string, in checks.Inputs) (verify, advice string) {
	t.Helper()
	judge := func(saw, *netinfo.Host) checks.Judgement {
		return checks.Judgement{Findings: []checks.Finding{{
			ID: "a.b", Severity: checks.Critical, Title: "It is broken",
			Advice: []string{"See what else it does: " + line},
			Fixes:  []fixes.Fix{{ID: "f", Verify: []string{line, "Call yourself"}}},
		}}}
	}
	list := []*checks.Check{say("a", sees("x", 0), judge)}
	r := checks.Run(t.Context(), list, &checks.Env{Inputs: in}, checks.Meta{Command: command})
	again, err := checks.Rejudge(r, list) // twice is no more than once
	if err != nil {
		t.Fatal(err)
	}
	f := again.Results[0].Findings[0]
	if f.Fixes[0].Verify[1] != "Call yourself" {
		t.Errorf("a sentence became %q", f.Fixes[0].Verify[1])
	}
	return f.Fixes[0].Verify[0], f.Advice[0]
}

func TestTheLineThatChecksAgainAsksWhatTheRunAsked(t *testing.T) {
	for name, c := range map[string]struct {
		command, line string
		in            checks.Inputs
		want          string
	}{
		"nothing was asked":              {"check", "sipdoctor check dns", checks.Inputs{}, "sipdoctor check dns"},
		"only checks were named":         {"check", "sipdoctor check dns", checks.Inputs{Checks: []string{"dns"}, Skip: []string{"nat"}}, "sipdoctor check dns"},
		"a server was named":             {"check", "sipdoctor check dns", checks.Inputs{SIPServers: []string{"pbx.example.net"}}, "sipdoctor check dns --again"},
		"a responder":                    {"check", "sipdoctor check sip-alg", checks.Inputs{Responder: "vps.example.net"}, "sipdoctor check sip-alg --again"},
		"a provider":                     {"check", "sipdoctor check allow-list", checks.Inputs{Profile: "mango"}, "sipdoctor check allow-list --again"},
		"a STUN server":                  {"check", "sipdoctor check nat", checks.Inputs{STUN: []string{"stun.example.net:3478"}}, "sipdoctor check nat --again"},
		"an address to send from":        {"check", "sipdoctor check nat", checks.Inputs{Bind: netip.MustParseAddr("192.0.2.7")}, "sipdoctor check nat --again"},
		"no public servers":              {"check", "sipdoctor check nat", checks.Inputs{NoPublic: true}, "sipdoctor check nat --again"},
		"no lookups":                     {"check", "sipdoctor check nat", checks.Inputs{NoLookup: true}, "sipdoctor check nat --again"},
		"every probe":                    {"check", "sipdoctor check media --deep", checks.Inputs{Deep: true}, "sipdoctor check media --deep --again"},
		"silences":                       {"check", "sipdoctor check nat-lifetime", checks.Inputs{Ladder: []int{30}}, "sipdoctor check nat-lifetime --again"},
		"a time server":                  {"check", "sipdoctor check signalling", checks.Inputs{NTP: "ntp.example.net"}, "sipdoctor check signalling --again"},
		"a range of ports":               {"check", "sipdoctor check rtp-ports", checks.Inputs{RTPRange: "10000-20000"}, "sipdoctor check rtp-ports --again"},
		"every port":                     {"check", "sipdoctor check rtp-ports", checks.Inputs{Full: true}, "sipdoctor check rtp-ports --again"},
		"quickly":                        {"check", "sipdoctor check rtp-ports", checks.Inputs{Fast: true}, "sipdoctor check rtp-ports --again"},
		"so many entries":                {"check", "sipdoctor check rtp-ports", checks.Inputs{RouterEntries: 1}, "sipdoctor check rtp-ports --again"},
		"at a rate":                      {"check", "sipdoctor check rtp-ports", checks.Inputs{Rate: 1}, "sipdoctor check rtp-ports --again"},
		"from outside":                   {"check", "sipdoctor check rtp-ports --inbound", checks.Inputs{Inbound: true}, "sipdoctor check rtp-ports --inbound --again"},
		"with sudo":                      {"check", "sipdoctor check dns", checks.Inputs{Sudo: true}, "sudo sipdoctor check dns"},
		"a PBX, with a provider":         {"pbx", "sipdoctor pbx firewall", checks.Inputs{Profile: "my provider.yaml", UDPPorts: "5060,10000-20000", TCPPorts: "5061"}, "sipdoctor pbx firewall --profile 'my provider.yaml' --udp 5060,10000-20000 --tcp 5061"},
		"an address on a PBX":            {"pbx", "sipdoctor why 198.51.100.7", checks.Inputs{Profile: "mango", UDPPorts: "5070", Sudo: true}, "sudo sipdoctor why 198.51.100.7 --udp 5070"},
		"why":                            {"why", "sipdoctor why 198.51.100.7", checks.Inputs{TCPPorts: "5061", Root: "bundle.tar.gz"}, "sipdoctor why 198.51.100.7 --tcp 5061"},
		"another command than the run":   {"pbx", "sipdoctor check rtp-ports --inbound", checks.Inputs{Profile: "mango"}, "sipdoctor check rtp-ports --inbound"},
		"a value that breaks the line":   {"why", "sipdoctor why 198.51.100.7", checks.Inputs{UDPPorts: "5060\nrm"}, "sipdoctor why 198.51.100.7"},
		"why, told by an office's check": {"check", "sipdoctor why 198.51.100.7", checks.Inputs{UDPPorts: "5070", Sudo: true}, "sipdoctor why 198.51.100.7"},
		"a PBX's check, told by why":     {"why", "sipdoctor pbx firewall", checks.Inputs{UDPPorts: "5070", Sudo: true}, "sipdoctor pbx firewall"},
		"help, on a PBX":                 {"pbx", "sipdoctor help", checks.Inputs{UDPPorts: "5070", Sudo: true}, "sipdoctor help"},
		"it says so already":             {"check", "sipdoctor check dns --again", checks.Inputs{Deep: true}, "sipdoctor check dns --again"},
		"it names the ports already":     {"why", "sipdoctor why 198.51.100.7 --udp 5060", checks.Inputs{UDPPorts: "5070"}, "sipdoctor why 198.51.100.7 --udp 5060"},
		"all checks":                     {"check", "sipdoctor check", checks.Inputs{Deep: true}, "sipdoctor check --again"},
		"another program of that kind":   {"check", "nmap check pbx.example.net", checks.Inputs{Deep: true, Sudo: true}, "nmap check pbx.example.net"},
		"another program":                {"check", "dig pbx.example.net", checks.Inputs{Deep: true, Sudo: true}, "dig pbx.example.net"},
		"the program's name by itself":   {"check", "sipdoctor", checks.Inputs{Deep: true, Sudo: true}, "sipdoctor"},
	} {
		t.Run(name, func(t *testing.T) {
			verify, advice := checkLine(t, c.command, c.line, c.in)
			if verify != c.want {
				t.Errorf("verify %q, want %q", verify, c.want)
			}
			if want := "See what else it does: " + c.want; advice != want {
				t.Errorf("advice %q, want %q", advice, want)
			}
		})
	}
}
