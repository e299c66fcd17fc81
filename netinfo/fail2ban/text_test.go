package fail2ban

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
)

// said is what the client printed to a command.
func said(text string, command ...string) reply { return reply{value: valueOf(command, text)} }

// The layouts of all versions, with tabs, with spaces, with commas or without
// (FreePBX's own reader, "cut -f3", met one it did not know).
func TestTheListOfJails(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"0.8", "Status\n|- Number of jail:      2\n`- Jail list:           asterisk-iptables, recidive\n"},
		{"0.9 to 1.1", "Status\n|- Number of jail:\t2\n`- Jail list:\tasterisk-iptables, recidive\n"},
		{"two tabs", "Status\n|- Number of jail:\t\t2\n`- Jail list:\t\tasterisk-iptables, recidive\n"},
		{"no commas, Windows line ends", "Status\r\n`- Jail list: asterisk-iptables recidive\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := said(tc.text, "status").jails(nil)
			if diff := cmp.Diff([]string{"asterisk-iptables", "recidive"}, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if _, err := said("ERROR  Unable to contact server. Is it running?", "status").jails(nil); err == nil {
		t.Error("a complaint is read as an empty list")
	}
}

// Any section name is a jail's name, also one with blanks and commas.
func TestJailsWithOddNames(t *testing.T) {
	for name, tt := range map[string]struct {
		number int
		list   string
		known  []string
		want   []string
	}{
		"plain names":                                      {2, "asterisk, sshd", nil, []string{"asterisk", "sshd"}},
		"a name with a blank":                              {3, "asterisk, my jail, sshd", nil, []string{"asterisk", "my jail", "sshd"}},
		"the only one has a blank":                         {1, "my jail", nil, []string{"my jail"}},
		"a name with a comma":                              {2, "a,b, sshd", nil, []string{"a,b", "sshd"}},
		"a name with a comma and a blank":                  {2, "sip, tcp, sshd", []string{"sip, tcp", "sshd"}, []string{"sip, tcp", "sshd"}},
		"such a name, and one that is its beginning":       {3, "sip, sip, tcp, sshd", []string{"sip", "sip, tcp", "sshd"}, []string{"sip", "sip, tcp", "sshd"}},
		"such a name that the configuration does not have": {2, "sip, tcp, sshd", nil, []string{"sip", "tcp", "sshd"}},
		"shell syntax":                                     {2, "$(id), `id`;x", nil, []string{"$(id)", "`id`;x"}},
		"none":                                             {0, "", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("Status\n|- Number of jail:\t%d\n`- Jail list:\t%s\n", tt.number, tt.list)
			byClient, err1 := said(text, "status").jails(tt.known)
			value := []any{[]any{"Number of jail", json.Number(fmt.Sprint(tt.number))}, []any{"Jail list", tt.list}}
			bySocket, err2 := reply{value: value}.jails(tt.known)
			if diff := cmp.Diff([][]string{tt.want, tt.want}, [][]string{byClient, bySocket}, cmpopts.EquateEmpty()); diff != "" || err1 != nil || err2 != nil {
				t.Errorf("%v %v (-want +got):\n%s", err1, err2, diff)
			}
		})
	}
}

func TestTheStatusOfAJail(t *testing.T) {
	want := jailStatus{failed: 5, totalFailed: 16, banned: 2, totalBanned: 3, files: []string{"/var/log/asterisk/full"}, list: []string{"192.0.2.200", "2001:db8::7"}}
	empty := want
	empty.list, empty.banned = nil, 0
	journal := want
	journal.files, journal.journal = nil, "_SYSTEMD_UNIT=asterisk.service + _COMM=asterisk"
	for _, tc := range []struct {
		name, file string
		want       jailStatus
	}{
		{"0.8", "status-0.8.txt", want}, {"0.9 to 1.1", "status-1.0.txt", want},
		{"nobody banned", "status-empty.txt", empty}, {"reads the journal", "status-journal.txt", journal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + tc.file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := said(string(text), "status", "x").jailStatus()
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(jailStatus{})); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if _, err := said("Sorry but the jail 'x' does not exist", "status", "x").jailStatus(); err == nil {
		t.Error("a complaint is read as an idle jail")
	}
}

func TestBansWithTheirTimes(t *testing.T) {
	for _, tc := range []struct {
		name, line, id, since, until string
		forever                      bool
	}{
		{"ten minutes", "192.0.2.44 \t2026-11-22 12:00:00 + 600 = 2026-11-22 12:10:00", "192.0.2.44", "12:00:00", "12:10:00", false},
		{"IPv6, a tab alone", "2001:db8::7\t2026-11-22 12:00:00 + 60 = 2026-11-22 12:01:00", "2001:db8::7", "12:00:00", "12:01:00", false},
		{"for good", "198.51.100.0/24 \t2026-11-22 12:00:00 + -1 = 9999-12-31 23:59:59", "198.51.100.0/24", "12:00:00", "00:00:00", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, since, until, err := parseTimed(tc.line, time.UTC)
			if err != nil || id != tc.id || since.Format(time.TimeOnly) != tc.since || until.Format(time.TimeOnly) != tc.until || until.IsZero() != tc.forever {
				t.Errorf("%s from %v to %v, %v", id, since, until, err)
			}
		})
	}
	for _, line := range []string{"", "192.0.2.44", "192.0.2.44 \tsoon + 600 = later", "192.0.2.44 \t2026-11-22 12:00:00 + x = y"} {
		if id, _, _, err := parseTimed(line, time.UTC); err == nil {
			t.Errorf("%q is read as a ban of %q", line, id)
		}
	}
}

// A night has 25 hours when the clocks go back: the end that is printed is an
// hour of the clock off, the length is right.
func TestABanOverTheChangeOfTheClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	_, since, until, err := parseTimed("192.0.2.1 \t2026-10-25 01:00:00 + 7200 = 2026-10-25 02:00:00", berlin)
	if err != nil || until.Sub(since) != 2*time.Hour || until.Format(time.DateTime) != "2026-10-25 02:00:00" {
		t.Errorf("%v to %v, %v", since, until, err)
	}
}

func TestAddressesAndNetworksTouch(t *testing.T) {
	for _, tc := range []struct{ ban, asked, want string }{
		{"192.0.2.44", "192.0.2.44", Exact}, {"192.0.2.0/24", "192.0.2.44", Covering}, {"192.0.2.44", "192.0.2.0/24", Covered},
		{"192.0.2.0/255.255.255.0", "192.0.2.44", Covering}, {"192.0.2.45", "192.0.2.44", ""}, {"::ffff:192.0.2.44", "192.0.2.44", Exact},
		{"2001:db8::/64", "2001:db8::7", Covering}, {"2001:db8::7", "192.0.2.44", ""},
	} {
		ban, ok1 := nets.Parse(tc.ban)
		asked, ok2 := nets.Parse(tc.asked)
		if got := nets.Relation(ban, asked); !ok1 || !ok2 || got != tc.want {
			t.Errorf("a ban of %s is %q to %s, want %q", tc.ban, got, tc.asked, tc.want)
		}
	}
	for _, s := range []string{"", "bad.example.net", "192.0.2.0/0.0.0.256", "asterisk"} {
		if p, ok := nets.Parse(s); ok {
			t.Errorf("%q is read as %v", s, p)
		}
	}
}

func TestTheLiteralOfTheClient(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       map[string][]string
	}{
		{"1.0", "[{'sshd': ['1.2.3.4', '2001:db8::7']}, {'asterisk': []}]", map[string][]string{"sshd": {"1.2.3.4", "2001:db8::7"}, "asterisk": nil}},
		{"Python 2", "[{u'asterisk': [u'1.2.3.4', u'2001:db8::7']}]", map[string][]string{"asterisk": {"1.2.3.4", "2001:db8::7"}}},
		{"no jails", "[]", map[string][]string{}},
	} {
		got, err := said(tc.text, "banned").banned()
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.name, err, diff)
		}
	}
	for _, text := range []string{"", "[", "[{'a': ['b'}]", "['a' 'b']", "os.system('id')", strings.Repeat("[", 100000)} {
		if got, err := said(text, "banned").banned(); err == nil {
			t.Errorf("%.40q is read as %v", text, got)
		}
	}
}

func FuzzClientText(f *testing.F) {
	f.Add("Status\n`- Jail list:\ta, b\n")
	f.Add("|  |- Currently failed:\t5\n`- Banned IP list:\t192.0.2.1")
	f.Add("192.0.2.44 \t2026-11-22 12:00:00 + 600 = 2026-11-22 12:10:00")
	f.Add("192.0.2.44 \t9999-12-31 23:59:59 + 9223372036854775807 = 9999-12-31 23:59:59")
	f.Add("[{u'a': ['1.2.3.4', None, True, (1, 2.5)]}]")
	f.Add("192.0.2.0/255.255.255.0")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = said(text, "status").jails([]string{"my jail", "sip, tcp"})
		_, _ = said(text, "status", "x").jailStatus()
		_, since, until, _ := parseTimed(text, time.UTC)
		if _, err := json.Marshal([]time.Time{since, until}); err != nil {
			t.Errorf("%q cannot be written into a report: %v", text, err)
		}
		_, _ = said(text, "banned").banned()
		parseItems(text)
		if p, ok := nets.Parse(text); ok && (p != p.Masked() || nets.Relation(p, p) != Exact) {
			t.Errorf("%q is read as %v", text, p)
		}
		var all netip.Prefix
		nets.Relation(all, all)
	})
}
