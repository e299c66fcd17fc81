package firewall

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// running is a PBX whose Asterisk runs with an RTP range, while rtp.conf has
// one, too.
func running(runs, conf string, rules ...string) *pbxtest.PBX {
	p := legacy(rules...)
	first, last, _ := strings.Cut(runs, "-")
	from, to, _ := strings.Cut(conf, "-")
	p.Files["/etc/asterisk/rtp.conf"] = "[general]\nrtpstart=" + from + "\nrtpend=" + to + "\n"
	p.Prints["asterisk -rx core show version"] = "Asterisk 20.9.0 built by root @ pbx on a x86_64 running Linux on 2026-01-01 00:00:00 UTC\n"
	p.Prints["asterisk -rx rtp show settings"] = "\nGeneral Settings:\n----------------\n  Port start:      " + first + "\n  Port end:        " + last + "\n  Strict RTP:      Yes\n"
	for _, c := range []string{"core show settings", "logger show channels", "pjsip show transports", "pjsip show contacts", "pjsip show registrations", "database show registrar", "sip show settings", "sip show peers", "sip show registry"} {
		p.Prints["asterisk -rx "+c] = "\n"
	}
	return p
}

func finding(r checks.Result, id string) *checks.Finding {
	for i := range r.Findings {
		if r.Findings[i].ID == id {
			return &r.Findings[i]
		}
	}
	return nil
}

// rtp.conf was changed and not read: to open the range that runs would open
// what nobody wants.
func TestRTPConfThatAsteriskHasNotRead(t *testing.T) {
	const sip = "-A INPUT -p udp --dport 5060 -j ACCEPT"
	for _, tt := range []struct {
		name       string
		runs, conf string
		opens      string
		differ     bool
		closed     bool // a finding that the firewall closes the range
	}{
		{"both say the same", "21000-21019", "21000-21019", "21000:21019", false, false},
		{"the firewall opens what rtp.conf says", "10000-10800", "21000-21019", "21000:21019", true, false},
		{"the firewall opens what runs", "10000-10800", "21000-21019", "10000:10800", true, false},
		{"the firewall opens neither", "10000-10800", "21000-21019", "30000:30001", true, true},
		{"the firewall opens a part of what rtp.conf says", "10000-10800", "21000-21019", "21000:21009", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := running(tt.runs, tt.conf, sip, "-A INPUT -p udp --dport "+tt.opens+" -j ACCEPT", "-A INPUT -p udp -j DROP").Look(t, Check(), checks.Inputs{})
			f := finding(r, "firewall.rtp-not-reloaded")
			if (f != nil) != tt.differ || (finding(r, "firewall.rtp-closed") != nil) != tt.closed {
				t.Fatalf("%s: %+v", r.Summary, r.Findings)
			}
			if f == nil {
				return
			}
			if r.Status != checks.Warn || f.Title != "rtp.conf says "+tt.conf+", the running Asterisk uses "+tt.runs || f.Fixes[0].Commands[0] != "asterisk -rx 'module reload res_rtp_asterisk.so'" {
				t.Errorf("%s: %q %+v", r.Status, f.Title, f.Fixes)
			}
		})
	}
}

// udp writes /proc/net/udp for sockets on all addresses.
func udp(ports ...int) string {
	var b strings.Builder
	b.WriteString("   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n")
	for i, p := range ports {
		fmt.Fprintf(&b, "%5d: 00000000:%04X 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n", i, p)
	}
	return b.String()
}

func span(first, last int) (ports []int) {
	for p := first; p <= last; p++ {
		ports = append(ports, p)
	}
	return ports
}

// A call takes an even port and the next one. Where next to no pair is free,
// calls fail, whoever holds the ports.
func TestRTPPortsThatAreAllInUse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		held  []int
		calls string
		says  string // in the title; empty: no such finding
		leak  bool
	}{
		{"none is held", []int{5060}, "0 active calls\n", "", false},
		{"all are held and no call is up", span(21000, 21039), "0 active channels\n0 active calls\n", "40 of 40 RTP ports are in use, 0 calls", true},
		{"all are held by calls", span(21000, 21039), "20 active channels\n10 active calls\n", "40 of 40 RTP ports are in use, 10 calls", false},
		{"Asterisk does not say how many calls are up", span(21000, 21039), "", "40 of 40 RTP ports are in use, number of calls not known", false},
		{"one pair of twenty is free", span(21002, 21039), "0 active calls\n", "38 of 40", true},
		{"two pairs of twenty are free", span(21004, 21039), "0 active calls\n", "", false},
		{"half of each pair is held", []int{21001, 21003, 21005, 21007, 21009, 21011, 21013, 21015, 21017, 21019, 21021, 21023, 21025, 21027, 21029, 21031, 21033, 21035, 21037, 21039}, "0 active calls\n", "20 of 40", true},
		{"ports outside the range do not count", span(22000, 22039), "0 active calls\n", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := running("21000-21039", "21000-21039")
			p.Files["/proc/net/udp"] = udp(tt.held...)
			p.Prints["asterisk -rx core show channels count"] = tt.calls
			r := p.Look(t, Check(), checks.Inputs{})
			f := finding(r, "firewall.rtp-in-use")
			switch {
			case tt.says == "" && f == nil && r.Status == checks.Pass:
			case f == nil || tt.says == "" || r.Status != checks.Warn || !strings.Contains(f.Title, tt.says) || strings.Contains(f.Explanation, "leaked") != tt.leak:
				t.Errorf("%s, %s: %+v", r.Status, r.Summary, r.Findings)
			}
		})
	}
}
