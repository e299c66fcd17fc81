package fail2ban

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// counting is a PBX whose fail2ban started an hour ago, with a jail that counted
// so many failures.
func counting(log, counted string) *pbx {
	p := newPBX(asteriskOnly(log))
	p.files["var/run/fail2ban/fail2ban.pid"] = &fstest.MapFile{Data: []byte("1"), ModTime: testNow.Add(-time.Hour)}
	p.socket = bannedSince(30)
	p.socket["status asterisk"] = `[0,[["Filter",[["Currently failed",0],["Total failed",` + counted + `],["File list",["/var/log/asterisk/messages"]]]],["Actions",[["Currently banned",0],["Total banned",0],["Banned IP list",[]]]]]]`
	return p
}

// A filter that does not fit the log counts nothing, and says nothing.
func TestFailuresThatAJailDoesNotCount(t *testing.T) {
	times := func(address string, minutes ...float64) (log string) {
		for _, m := range minutes {
			log += failedAt(m, "110", address)
		}
		return log
	}
	minutes := make([]float64, 40) // the newest two minutes ago
	for i := range minutes {
		minutes[i] = float64(41 - i)
	}
	for _, tt := range []struct {
		name    string
		log     string
		counted string
		want    int
	}{
		{"three since it started", times("192.0.2.7", 30, 20, 10), "0", 3},
		{"two may be lines that it rightly leaves out", times("192.0.2.7", 30, 20), "0", 0},
		{"it counted one of them", times("192.0.2.7", 30, 20, 10), "1", 0},
		{"it counted three of 24", times("192.0.2.7", minutes[:24]...), "3", 24},
		{"it counted four of 23, and missed 19", times("192.0.2.7", minutes[:23]...), "4", 0},
		{"it counted eight of 32, a quarter", times("192.0.2.7", minutes[:32]...), "8", 32},
		{"it counted nine of 32", times("192.0.2.7", minutes[:32]...), "9", 0},
		{"before it started", times("192.0.2.7", 90, 80, 70), "0", 0},
		{"in this second: it has not looked yet", times("192.0.2.7", 0.1, 0.1, 0.1), "0", 0},
		{"of this machine", times("192.0.2.1", 30, 20, 10), "0", 0},
		{"of an address that it ignores", times("127.0.0.1", 30, 20, 10), "0", 0},
		{"no failure", chatter + chatter + chatter, "0", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Read(t.Context(), counting(tt.log, tt.counted), Options{Own: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
			j := s.Jails[0]
			got := 0
			if j.Unseen != nil {
				got = j.Unseen.Count
			}
			fault := slices.ContainsFunc(j.Faults, func(f Fault) bool { return f.Code == NotSeen && f.Detail == "/var/log/asterisk/messages" })
			if got != tt.want || fault != (tt.want > 0) {
				t.Errorf("%d failures were not counted, want %d: %+v", got, tt.want, j.Faults)
			}
		})
	}
	p := counting(times("192.0.2.7", 30, 20, 10), "0")
	delete(p.files, "var/run/fail2ban/fail2ban.pid")
	if s := Read(t.Context(), p, Options{}); s.Jails[0].Unseen != nil {
		t.Errorf("since when it counts is not known: %+v", s.Jails[0].Unseen)
	}
}

func TestAJournalThatHasNothingForAJail(t *testing.T) {
	const ask = "journalctl -q --no-pager -o short-iso -n 1 _SYSTEMD_UNIT=asterisk.service"
	for _, tt := range []struct {
		name, backend string
		prints        map[string]string
		want          bool
	}{
		{"there is a line", "systemd", map[string]string{ask: "2026-11-22T10:00:00+0000 pbx asterisk[1]: x\n"}, false},
		{"there is none", "systemd", map[string]string{ask: ""}, true},
		{"with options", "systemd[journalflags=1]", map[string]string{ask: ""}, true},
		{"the journal cannot be asked", "systemd", nil, false},
		{"it reads files", "auto", map[string]string{ask: ""}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := counting("", "0")
			p.files["etc/fail2ban/jail.conf"] = &fstest.MapFile{Data: []byte("[asterisk]\nenabled = true\nbackend = " + tt.backend + "\nlogpath = /var/log/asterisk/messages\naction = iptables-allports[protocol=all]\njournalmatch = _SYSTEMD_UNIT=asterisk.service\n")}
			p.runs = tt.prints
			s := Read(t.Context(), p, Options{})
			if got := slices.ContainsFunc(s.Jails[0].Faults, func(f Fault) bool { return f.Code == EmptyJournal }); got != tt.want {
				t.Errorf("%v, want %v: %+v %v", got, tt.want, s.Jails[0].Faults, s.Notes)
			}
		})
	}
}

// fail2ban says itself why it does not start.
func TestWhyFail2banDoesNotStart(t *testing.T) {
	const ask = "fail2ban-client -q -t"
	for _, tt := range []struct {
		name, complaint string
		passes          bool
		tested          bool
		want            string
	}{
		{"a jail without a log", "2026-11-28 19:55:39,243 fail2ban                [1137]: ERROR   Failed during configuration: Have not found any log file for sshd jail", false, true, "Have not found any log file for sshd jail"},
		{"a filter that is not there", "2026-11-28 19:55:39,442 fail2ban.configreader   [1144]: ERROR   Found no accessible config files for 'filter.d/nope' under /etc/fail2ban", false, true, "Found no accessible config files for 'filter.d/nope' under /etc/fail2ban"},
		{"its configuration is in order", "", true, true, ""},
		{"an old one has no such test", "Usage: fail2ban-client [OPTIONS] <COMMAND>", false, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPBX(asteriskOnly(""))
			p.runs, p.fails = map[string]string{}, map[string]string{ask: tt.complaint}
			if tt.passes {
				p.runs[ask], p.fails = "OK: configuration test is successful", nil
			}
			if s := Read(t.Context(), p, Options{}); s.Refusal != tt.want || s.Tested != tt.tested {
				t.Errorf("%q, tested %v", s.Refusal, s.Tested)
			}
		})
	}
	p := counting("", "0")
	p.fails = map[string]string{ask: "x: ERROR   why"}
	if s := Read(t.Context(), p, Options{}); s.Tested {
		t.Error("all jails run, and fail2ban is tested")
	}
	p.socket["status"] = `[0,[["Number of jail",0],["Jail list",""]]]`
	if s := Read(t.Context(), p, Options{}); s.Refusal != "why" {
		t.Errorf("a jail that is on does not run: %q", s.Refusal)
	}
}

// Of a long list of bans both ends are kept: the oldest and the newest.
func TestBansThatAreKept(t *testing.T) {
	p := counting("", "0")
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`"192.0.2.%d"`, i))
	}
	p.socket["status asterisk"] = strings.Replace(strings.Replace(p.socket["status asterisk"], `"Banned IP list",[]`, `"Banned IP list",[`+strings.Join(list, ",")+`]`, 1), `"Currently banned",0`, `"Currently banned",100`, 1)
	s := Read(t.Context(), p, Options{})
	if j := s.Jails[0]; !j.BansKnown || j.Banned != 100 || len(j.Bans) != maxSampled || j.Bans[0].Addr().String() != "192.0.2.0" || j.Bans[maxSampled-1].Addr().String() != "192.0.2.99" {
		t.Errorf("%d of %d bans are kept, known %v", len(j.Bans), j.Banned, j.BansKnown)
	}
	silent := newPBX(asteriskOnly(""))
	if j := Read(t.Context(), silent, Options{}).Jails[0]; j.BansKnown {
		t.Error("nobody told the bans, and they are known")
	}
}

// A client that lists all bans at once tells how many each jail has.
func TestTheClientTellsHowManyAreBanned(t *testing.T) {
	p := newPBX(asteriskOnly(""))
	p.runs = map[string]string{
		"fail2ban-client status": "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n", "fail2ban-client version": "1.0.2\n",
		"fail2ban-client banned": "[{'asterisk': ['192.0.2.7', '192.0.2.8']}]\n",
	}
	if j := Read(t.Context(), p, Options{}).Jails[0]; !j.BansKnown || j.Banned != 2 || len(j.Bans) != 2 {
		t.Errorf("%d banned, known %v, %v", j.Banned, j.BansKnown, j.Bans)
	}
}

func TestAJailThatIgnoresNearlyEverybody(t *testing.T) {
	for list, want := range map[string]bool{"127.0.0.1/8 10.0.0.0/8": false, "127.0.0.1/8 0.0.0.0/0": true, "::/0": true, "224.0.0.0/4": true, "192.0.0.0/5": false} {
		files := asteriskOnly("")
		files["/etc/fail2ban/jail.conf"] += "ignoreip = " + list + "\n"
		s := Read(t.Context(), newPBX(files), Options{})
		if got := slices.ContainsFunc(s.Jails[0].Faults, func(f Fault) bool { return f.Code == IgnoresAll }); got != want {
			t.Errorf("ignoreip = %s: %v, want %v", list, got, want)
		}
	}
}

// A jail whose logs are all missing keeps fail2ban from starting, unless it
// reads the journal.
func TestAJailWithoutAnyLog(t *testing.T) {
	for conf, want := range map[string]bool{
		"logpath = /var/log/none\n":                                       true,
		"logpath = /var/log/none\nbackend = systemd\n":                    false,
		"logpath = /var/log/none\n          /var/log/asterisk/messages\n": false,
		"logpath = /var/log/asterisk/*.log\n":                             true,
		"logpath = /var/log/none\nbackend = systemd[journalfiles=x]\n":    false,
		"logpath = /var/log/asterisk/messages\nbackend = polling\n":       false,
	} {
		files := asteriskOnly("x\n")
		files["/etc/fail2ban/jail.conf"] = "[asterisk]\nenabled = true\naction = iptables-allports[protocol=all]\n" + conf
		s := Read(t.Context(), newPBX(files), Options{})
		if got := slices.ContainsFunc(s.Jails[0].Faults, func(f Fault) bool { return f.Code == NoLogs }); got != want {
			t.Errorf("%q: %v, want %v", conf, got, want)
		}
	}
}
