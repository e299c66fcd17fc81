package fail2ban

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		p, ok := nets.Parse(s)
		if !ok {
			panic(s)
		}
		out = append(out, p)
	}
	return out
}

var samePrefix = cmpopts.EquateComparable(netip.Prefix{})

// asteriskOnly is a PBX with one jail on one log, five failures in ten minutes.
func asteriskOnly(log string) map[string]string {
	return map[string]string{
		"/etc/fail2ban/jail.conf":    "[asterisk]\nenabled = true\nlogpath = /var/log/asterisk/messages\nmaxretry = 5\nfindtime = 600\nbantime = 3600\naction = iptables-allports[protocol=all]\n",
		"/var/log/asterisk/messages": log,
	}
}

// failedAt is a failed registration of an extension, some minutes before now.
func failedAt(minutes float64, extension, address string) string {
	at := testNow.Add(-time.Duration(minutes * float64(time.Minute)))
	return fmt.Sprintf("[%s] NOTICE[1638] chan_sip.c: Registration from '<sip:%s@pbx>' failed for '%s:5060' - Wrong password\n", at.Format(time.DateTime), extension, address)
}

const chatter = "[2026-11-22 10:00:00] VERBOSE[1638] pbx.c: Executing [s@macro:1] Set(\"PJSIP/110\", \"X=192.0.2.7\")\n"

// The phone of extension 110 will be banned at the next attempt.
func TestAPhoneThatIsAboutToBeBanned(t *testing.T) {
	log := failedAt(90, "110", "192.0.2.7") + chatter + failedAt(15, "110", "192.0.2.7")
	for _, m := range []float64{9, 7, 5} {
		log += failedAt(m, "110", "192.0.2.7") + failedAt(m, "111", "192.0.2.70")
	}
	log += failedAt(1, "112", "192.0.2.7")
	s := readFiles(t, asteriskOnly(log), Options{Addresses: prefixes("192.0.2.7", "192.0.2.64/26", "198.51.100.1")})
	if len(s.Addresses) != 3 || len(s.Addresses[0].Failures) != 1 || len(s.Addresses[1].Failures) != 1 || s.Addresses[2].Failures != nil {
		t.Fatalf("%+v", s.Addresses)
	}
	f := s.Addresses[0].Failures[0]
	if f.InWindow != 4 || f.MaxRetry != 5 || f.Total != 4 || f.SinceBan != 0 || f.Cut || !f.Since.Equal(testNow.Add(-10*time.Minute)) || len(f.Lines) != 4 {
		t.Errorf("%+v", f)
	}
	if diff := cmp.Diff([]Account{{"110", WrongPassword, 3, testNow.Add(-5 * time.Minute)}, {"112", WrongPassword, 1, testNow.Add(-time.Minute)}}, f.Accounts); diff != "" {
		t.Errorf("who failed (-want +got):\n%s", diff)
	}
	if f := s.Addresses[1].Failures[0]; f.InWindow != 3 {
		t.Errorf("the network: %+v", f)
	}
}

// bannedSince is the server's answer for one ban by the jail asterisk.
func bannedSince(minutes float64) map[string]string {
	at := testNow.Add(-time.Duration(minutes * float64(time.Minute)))
	ban, _ := json.Marshal(fmt.Sprintf("192.0.2.7 \t%s + 3600 = %s", at.Format(time.DateTime), at.Add(time.Hour).Format(time.DateTime)))
	return map[string]string{
		"status": `[0,[["Number of jail",1],["Jail list","asterisk"]]]`, "version": `[0,"1.0.2"]`, "get dbfile": `[0,null]`,
		"status asterisk":       `[0,[["Filter",[["Currently failed",1],["Total failed",9],["File list",["/var/log/asterisk/messages"]]]],["Actions",[["Currently banned",1],["Total banned",1],["Banned IP list",["192.0.2.7"]]]]]]`,
		"get asterisk maxretry": `[0,5]`, "get asterisk findtime": `[0,600]`, "get asterisk bantime": `[0,3600]`, "get asterisk ignoreip": `[0,["127.0.0.1"]]`,
		"get asterisk actions": `[0,["iptables-allports"]]`, "get asterisk actionproperties iptables-allports": `[0,["actionban","name"]]`,
		"get asterisk action iptables-allports name": `[0,"SIP"]`, "get asterisk action iptables-allports actionban": `[0,"<iptables> -I f2b-<name> 1 -s <ip>"]`,
		"get asterisk banip --with-time": "[0,[" + string(ban) + "]]",
	}
}

func TestABannedPhoneThatGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name     string
		after    []float64 // minutes before now
		sinceBan int
		rearms   bool
	}{
		{"gave up", nil, 0, false},
		{"one late packet", []float64{29}, 1, false},
		{"every minute", []float64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 12, true},
		{"every minute, for three", []float64{3, 2, 1}, 3, true},
		{"every ten minutes: never five in ten", []float64{21, 11, 1}, 3, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := ""
			for range 5 {
				log += failedAt(30, "110", "192.0.2.7")
			}
			for _, m := range tc.after {
				log += failedAt(m, "110", "192.0.2.7")
			}
			p := newPBX(asteriskOnly(log))
			p.socket = bannedSince(30)
			s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
			a := s.Addresses[0]
			if len(s.Notes) > 0 || len(a.Holds) != 1 || !a.Holds[0].Since.Equal(testNow.Add(-30*time.Minute)) || !a.Holds[0].Until.Equal(testNow.Add(30*time.Minute)) {
				t.Fatalf("notes %v, holds %+v", s.Notes, a.Holds)
			}
			if f := a.Failures[0]; f.SinceBan != tc.sinceBan || f.Rearms != tc.rearms || f.Total != 5+tc.sinceBan {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Settings come from files and from a server; none of them is too large to
// count with.
func TestSettingsBeyondAllMeasure(t *testing.T) {
	for name, tt := range map[string]struct {
		option, value string
		inWindow      int
		rearms        bool
	}{
		"as usual": {"findtime", "600", 10, true},
		"a window of 584 years, which wraps round": {"findtime", "18446744074", 17, true},
		"the longest window there is":              {"findtime", "9223372036854775807", 17, true},
		"a limit that nobody reaches":              {"maxretry", "9223372036854775807", 10, false},
		"one failure is enough":                    {"maxretry", "1", 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			log := ""
			for range 5 {
				log += failedAt(30, "110", "192.0.2.7")
			}
			for m := 12; m > 0; m-- {
				log += failedAt(float64(m), "110", "192.0.2.7")
			}
			p := newPBX(asteriskOnly(log))
			p.socket = bannedSince(30)
			p.socket["get asterisk "+tt.option] = "[0," + tt.value + "]"
			s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
			if f := s.Addresses[0].Failures[0]; f.InWindow != tt.inWindow || f.Rearms != tt.rearms {
				t.Errorf("%d in the window, rearms %v; want %d, %v", f.InWindow, f.Rearms, tt.inWindow, tt.rearms)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Errorf("it cannot be written into a report: %v", err)
			}
		})
	}
}

// Nothing but the questions a server understands: the fake refuses the rest,
// fail2ban logs them as errors.
func TestAnOldServerIsAskedOnlyWhatItKnows(t *testing.T) {
	p := newPBX(asteriskOnly(failedAt(1, "110", "192.0.2.7")))
	p.socket = bannedSince(30)
	p.socket["version"] = `[0,"0.8.14"]`
	delete(p.socket, "get asterisk banip --with-time")
	delete(p.socket, "get asterisk actionproperties iptables-allports")
	p.socket["status asterisk"] = `[0,[["filter",[]],["Filter",[["File list",["/var/log/asterisk/messages"]],["Currently failed",1],["Total failed",9]]],["Actions",[["Currently banned",1],["Total banned",1],["IP list",["192.0.2.7"]]]]]]`
	s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
	if a := s.Addresses[0]; len(s.Notes) > 0 || len(a.Holds) != 1 || a.Holds[0].Since != nil || s.Jails[0].TotalFailed != 9 {
		t.Errorf("notes %v, %+v", s.Notes, a)
	}
}

// Every machine gives an answer, whatever is missing.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	if s := readFiles(t, nil, Options{Addresses: prefixes("192.0.2.7")}); s.Installed || len(s.Notes) > 0 || s.Source != "" || len(s.Addresses) != 1 {
		t.Errorf("no fail2ban: %+v", s)
	}
	p := newPBX(asteriskOnly(""))
	p.denied = []string{"/etc/fail2ban/jail.conf", "/etc/fail2ban/jail.local"}
	if s := Read(t.Context(), p, Options{}); len(s.Notes) == 0 || !s.Notes[0].Privilege || strings.Contains(string(s.Notes[0].Why), "\n") {
		t.Errorf("not root: %+v", s.Notes)
	}
	p = newPBX(asteriskOnly(failedAt(1, "110", "192.0.2.7")))
	p.denied = []string{"/var/log/asterisk/messages"}
	p.socket = bannedSince(1)
	p.socket["status asterisk"] = `[0,"nonsense"]`
	s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
	if len(s.Notes) != 2 || !strings.Contains(string(s.Notes[0].What), "asterisk") || !s.Notes[1].Privilege {
		t.Errorf("a jail that talks nonsense, a log for root: %+v", s.Notes)
	}
}

func TestRotatedLogs(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(failedAt(60, "110", "192.0.2.7") + failedAt(9, "110", "192.0.2.7") + failedAt(8, "110", "192.0.2.7")))
	_ = z.Close()
	for _, tc := range []struct{ name, older, oldest string }{
		{"logrotate's numbers", ".1", ".2.gz"}, {"logrotate's dates", "-20261122", "-20261121.gz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := asteriskOnly(failedAt(1, "110", "192.0.2.7"))
			files["/var/log/asterisk/messages"+tc.older] = failedAt(6, "110", "192.0.2.7") + failedAt(5, "110", "192.0.2.7")
			files["/var/log/asterisk/messages"+tc.oldest] = zipped.String()
			s := readFiles(t, files, Options{Addresses: prefixes("192.0.2.7")})
			if f := s.Addresses[0].Failures; len(f) != 1 || f[0].InWindow != 5 || f[0].Cut {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Lines that lie across the border of chunks are each counted once, wherever
// the border falls, and however the log is searched.
func TestNoLineIsLostBetweenChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var log strings.Builder
	want := 0
	for log.Len() < logChunk+logChunk/8 {
		log.WriteString(failedAt(5, "110", "192.0.2.7"))
		log.WriteString(chatter[:len(chatter)-1] + strings.Repeat("x", r.IntN(200)) + "\n")
		want++
	}
	for shift := range 40 {
		text := log.String() + strings.Repeat("y", 13*shift) + "\n"
		for _, asked := range []string{"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0"} {
			w := &wanted{prefixes: prefixes(asked), texts: searchTexts(prefixes(asked)), now: testNow, zone: time.UTC}
			h := &logHistory{since: testNow}
			if _, err := h.readBack(strings.NewReader(text), int64(len(text)), w); err != nil || len(h.attempts) != want {
				t.Fatalf("%s, shifted by %d: %d of %d attempts, %v", asked, 13*shift, len(h.attempts), want, err)
			}
		}
	}
}

// A jail that reads the journal.
func TestAJailOnTheJournal(t *testing.T) {
	p := newPBX(map[string]string{"/etc/fail2ban/jail.conf": "[asterisk]\nenabled = true\nbackend = systemd\njournalmatch = _SYSTEMD_UNIT=asterisk.service --vacuum-size=1 + _COMM=asterisk\nmaxretry = 5\nfindtime = 600\naction = nftables\n"})
	line := "2026-11-22T11:58:00+0000 pbx asterisk[566]: NOTICE[566]: chan_sip.c:1 x: Registration from '<sip:110@pbx>' failed for '192.0.2.7:7998' - Wrong password\n"
	p.runs = map[string]string{"journalctl -q --no-pager -o short-iso -n 20000 _SYSTEMD_UNIT=asterisk.service + _COMM=asterisk": line + line}
	s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
	if f := s.Addresses[0].Failures; len(f) != 1 || f[0].InWindow != 2 || f[0].Cut || !strings.HasPrefix(f[0].Log, "journal ") {
		t.Errorf("%+v, notes %v", f, s.Notes)
	}
}

// The report is JSON and comes back the same.
func TestTheStateIsSaved(t *testing.T) {
	p := newPBX(asteriskOnly(failedAt(1, "110", "192.0.2.7")))
	p.socket = bannedSince(30)
	s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7", "192.0.2.0/24")})
	text, err := json.Marshal(s)
	var again State
	if err != nil || json.Unmarshal(text, &again) != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, &again, samePrefix); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
