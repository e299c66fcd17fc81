package bans

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// server is a machine with every layer at once. The files and answers of ufw,
// firewalld, CrowdSec, Kamailio and iproute2 were made by the programs.
func server(t testing.TB) platform.System {
	t.Helper()
	sys, err := platform.OpenBundle("testdata/server")
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func find(t *testing.T, asked string) Answer {
	t.Helper()
	return Find(context.Background(), server(t), netip.MustParsePrefix(asked))
}

func lines(a Answer) (list []string) {
	for _, b := range a.Bans {
		list = append(list, strings.Join([]string{b.Layer, b.Where, b.Object, b.Relation, string(b.Effect)}, " | "))
	}
	return list
}

func TestOneAddressInEveryLayer(t *testing.T) {
	a := find(t, "192.0.2.66/32")
	want := []string{
		"crowdsec | cscli decisions list, id 1 | ban ip 192.0.2.66 (cscli) | exact | via-filter",
		`firewalld | /etc/firewalld/zones/public.xml | rule family="ipv4" source address="192.0.2.66" port port="5060" protocol="udp" reject type="icmp-port-unreachable" | exact | via-filter`,
		"ufw | /etc/ufw/user.rules:29 | ufw deny from 192.0.2.66 | exact | via-filter",
		"csf | /etc/csf/csf.deny:2 | 192.0.2.66 | exact | via-filter",
		"apf | /etc/apf/deny_hosts.rules:2 | 192.0.2.66 | exact | via-filter",
		"sshguard | /var/lib/sshguard/blacklist.db:1 | 1795377600|100|4|192.0.2.66 | exact | via-filter",
		"denyhosts | /var/lib/denyhosts/hosts:1 | 192.0.2.66:5:Sun Nov 22 20:00:00 2026 | exact | not-sip",
		"hosts.deny | /etc/hosts.deny:1 | ALL : 192.0.2. EXCEPT 192.0.2.99 | covering | not-sip",
		"route | ip route show table main | unreachable 192.0.2.66 | exact | blocks",
		"kamailio | kamcmd htable.dump ipban | ipban=>192.0.2.66 | exact | blocks",
		"kamailio | kamcmd pike.top | 192.0.2.66 HOT | exact | blocks",
	}
	if d := cmp.Diff(want, lines(a)); d != "" {
		t.Errorf("bans (-want +got):\n%s", d)
	}
	for _, b := range a.Bans {
		byHand := b.Name == "pike" || b.Layer == LayerDenyHosts
		free, impossible := command.Lines(b.Free)
		undo, more := command.Lines(b.Undo)
		if len(free) == 0 != byHand || len(undo) == 0 != byHand || len(impossible)+len(more) > 0 {
			t.Errorf("%s: taken away by %q, put back by %q, %v %v", b.Object, free, undo, impossible, more)
		}
	}
	if a.Bans[0].Until.Sub(time.Date(2026, 11, 22, 21, 26, 20, 0, time.UTC)).Round(time.Minute) != 4*time.Hour {
		t.Errorf("CrowdSec's ban ends %v", a.Bans[0].Until)
	}
	if r := a.Bans[3].Reasons; len(r) != 2 || !strings.Contains(r[1], "*Blocked in csf*") {
		t.Errorf("CSF's reasons: %q", r)
	}
	if _, err := json.Marshal(a); err != nil {
		t.Error(err)
	}
}

func TestOtherAddresses(t *testing.T) {
	for _, c := range []struct {
		name, asked string
		want        []string
	}{
		{"an address in a banned network", "198.51.100.7/32", []string{
			"crowdsec | cscli decisions list, id 2 | ban range 198.51.100.0/24 (cscli) | covering | via-filter",
			"firewalld | /etc/firewalld/zones/drop.xml | source 198.51.100.0/24 | covering | via-filter",
			"ufw | /etc/ufw/user.rules:32 | ufw deny proto udp from 198.51.100.0/24 to any port 5060 | covering | via-filter",
			"csf | /etc/csf/csf.deny:3 | 198.51.100.0/25 | covering | via-filter",
			"hosts.deny | /etc/hosts.deny:2 | sshd: 198.51.100.0/255.255.255.0 : spawn (/bin/false %h) & | covering | not-sip",
			"route | ip route show table 100 | blackhole 198.51.100.7 table 100 | exact | blocks",
		}},
		{"an IPv6 phone", "2001:db8::66/128", []string{
			"crowdsec | cscli decisions list, id 3 | captcha ip 2001:db8::66 (cscli) | exact | via-filter",
			`firewalld | /etc/firewalld/zones/public.xml | rule priority="-10" family="ipv6" source address="2001:db8::/64" drop | covering | via-filter`,
			"ufw | /etc/ufw/user6.rules:26 | ufw reject from 2001:db8::/64 | covering | via-filter",
			"csf | /etc/csf/csf.deny:6 | 2001:db8::66 | exact | via-filter",
			"sshguard | /var/lib/sshguard/blacklist.db:2 | 1795377600|110|6|2001:db8::66 | exact | via-filter",
			"hosts.deny | /etc/hosts.deny:3 | asterisk : [2001:db8::]/32 | covering | not-sip",
			"route | ip route show table main | prohibit 2001:db8::/32 metric 1024 | covering | blocks",
		}},
		{"a set of firewalld", "203.0.113.99/32", []string{
			"firewalld | /etc/firewalld/zones/block.xml | source ipset:blocklist | exact | via-filter",
			`firewalld | /etc/firewalld/zones/public.xml | rule source ipset="blocklist" drop | exact | via-filter`,
			"route | ip route show table main | blackhole 203.0.113.0/24 | covering | blocks",
		}},
		{"a better route overrules the blackhole", "203.0.113.200/32", []string{
			"route | ip route show table main | blackhole 203.0.113.0/24 | covering | not-sip",
		}},
		{"a rule about packets from it", "192.0.2.77/32", []string{
			"firewalld | /etc/firewalld/direct.xml | ipv4 filter INPUT 0 -s 192.0.2.77 -j DROP | exact | via-filter",
			"hosts.deny | /etc/hosts.deny:1 | ALL : 192.0.2. EXCEPT 192.0.2.99 | covering | not-sip",
			"route | ip rule list | from 192.0.2.77 prohibit pref 100 | exact | not-sip",
		}},
		{"temporary bans, one of them over", "192.0.2.70/31", []string{
			"csf | /var/lib/csf/csf.tempban:1 | 1795377600|192.0.2.70|*|inout|86400|lfd - (sshd) Failed SSH login | covered | via-filter",
			"hosts.deny | /etc/hosts.deny:1 | ALL : 192.0.2. EXCEPT 192.0.2.99 | covering | not-sip",
		}},
		{"an address that is let in everywhere", "192.0.2.99/32", nil},
		{"nobody", "10.9.9.9/32", nil},
		{"the office in a large network", "203.0.113.0/28", []string{
			"firewalld | /etc/firewalld/zones/block.xml | source ipset:blocklist | exact | via-filter",
			`firewalld | /etc/firewalld/zones/public.xml | rule source ipset="blocklist" drop | exact | via-filter`,
			"ufw | /etc/ufw/user.rules:20 | ufw deny from 203.0.113.9 comment 'by fail2ban, asterisk' | covered | via-filter",
			"route | ip route show table main | blackhole 203.0.113.0/24 | covering | blocks",
		}},
	} {
		if d := cmp.Diff(c.want, lines(find(t, c.asked))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	var allowed []string
	for _, l := range find(t, "192.0.2.99/32").Allows {
		allowed = append(allowed, l.Layer+" "+l.Where)
	}
	if d := cmp.Diff([]string{"crowdsec /etc/crowdsec/parsers/s02-enrich/office.yaml:6", "firewalld /etc/firewalld/zones/trusted.xml", "firewalld firewall-cmd --list-all-zones", "ufw /etc/ufw/user.rules:43", "csf /etc/csf/csf.allow:1", "sshguard /etc/sshguard/whitelist:1"}, allowed); d != "" {
		t.Errorf("allowed (-want +got):\n%s", d)
	}
}

// The words were tried on ufw 0.36.2, whose files were the same again after
// each pair.
func TestUFWCommands(t *testing.T) {
	for _, c := range []struct {
		name, asked string
		unban, undo string
	}{
		{"one address", "192.0.2.66/32", "ufw delete deny from 192.0.2.66", "ufw insert 4 deny from 192.0.2.66"},
		{"ports of a network", "198.51.100.7/32", "ufw delete deny proto udp from 198.51.100.0/24 to any port 5060", "ufw insert 5 deny proto udp from 198.51.100.0/24 to any port 5060"},
		{"the last rule of its family", "192.0.2.68/32", "ufw delete deny in on eth0 from 192.0.2.68", "ufw deny in on eth0 from 192.0.2.68"},
		{"IPv6, counted on from IPv4", "2001:db8::66/128", "ufw delete reject from 2001:db8::/64", "ufw insert 12 reject from 2001:db8::/64"},
	} {
		var a Answer
		UFW(context.Background(), server(t), netip.MustParsePrefix(c.asked), &a)
		if len(a.Bans) != 1 {
			t.Fatalf("%s: %+v", c.name, a.Bans)
		}
		b := a.Bans[0]
		if d := cmp.Diff([]string{c.unban, c.undo}, []string{line(t, b.Free[0]), line(t, b.Undo[0])}); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func line(t *testing.T, c command.Command) string {
	t.Helper()
	text, err := c.Line()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ufw cannot insert after the last rule: where all that follow are taken away as
// well, each is added at the end again, in order.
func TestUFWRulesAtTheEndGoBackToTheEnd(t *testing.T) {
	sys := fewFiles(t, map[string]string{
		"etc/ufw/ufw.conf": "ENABLED=yes\n",
		"etc/ufw/user.rules": "### tuple ### deny any any 0.0.0.0/0 any 192.0.2.1 in\n### tuple ### allow any any 0.0.0.0/0 any 192.0.2.2 in\n" +
			"### tuple ### deny udp 5060 0.0.0.0/0 any 192.0.2.1 in\n### tuple ### reject tcp 5060 0.0.0.0/0 any 192.0.2.0/24 in\n",
	})
	var a Answer
	UFW(context.Background(), sys, netip.MustParsePrefix("192.0.2.1/32"), &a)
	var got []string
	for _, b := range a.Bans {
		got = append(got, line(t, b.Undo[0]))
	}
	want := []string{"ufw insert 1 deny from 192.0.2.1", "ufw deny proto udp from 192.0.2.1 to any port 5060", "ufw reject proto tcp from 192.0.2.0/24 to any port 5060"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// What ufw never writes is left out and named: nothing of it is a command.
func TestAnActionThatUFWDoesNotKnowIsNotARule(t *testing.T) {
	for _, action := range []string{"deny;id", "deny_log;id", "$(id)", "", "den"} {
		sys := fewFiles(t, map[string]string{
			"etc/ufw/ufw.conf":   "ENABLED=yes\n",
			"etc/ufw/user.rules": "### tuple ### " + action + " any any 0.0.0.0/0 any 192.0.2.1 in\n",
		})
		var a Answer
		UFW(context.Background(), sys, netip.MustParsePrefix("192.0.2.1/32"), &a)
		if len(a.Bans) != 0 || len(a.Notes) != 1 || !strings.Contains(said(a.Notes[0]), "/etc/ufw/user.rules:1") {
			t.Errorf("%q: %+v", action, a)
		}
	}
}

func TestTheWayBack(t *testing.T) {
	for _, c := range []struct {
		name, routes, asked, want, note string
	}{
		{"no IPv6 at all, as old kernels word it", `[{"type":"unreachable","dst":"default","dev":"lo","table":"unspec","metric":4294967295}]`, "2001:db8::1/128", "", "no route back to 2001:db8::1"},
		{"only IPv4 has a default route", `[{"dst":"default","gateway":"192.0.2.1"}]`, "2001:db8::1/128", "", "no route back"},
		{"everything else is unreachable", `[{"type":"unreachable","dst":"default"},{"dst":"10.0.0.0/8","dev":"d"}]`, "192.0.2.1/32", "unreachable default", ""},
		{"the better metric counts", `[{"type":"blackhole","dst":"192.0.2.0/24","metric":10},{"dst":"192.0.2.0/24","dev":"d"}]`, "192.0.2.1/32", "blackhole 192.0.2.0/24 metric 10, which does nothing", ""},
	} {
		var a Answer
		sys := fewFiles(t, map[string]string{"commands/ip_-j_route_show_table_all": c.routes})
		Routes(context.Background(), sys, netip.MustParsePrefix(c.asked), &a)
		got := ""
		for _, b := range a.Bans {
			if got += b.Object; b.Effect == NotSIP {
				got += ", which does nothing"
			}
		}
		if got != c.want || !strings.Contains(said(a.Notes...), c.note) {
			t.Errorf("%s: %q, notes %q", c.name, got, a.Notes)
		}
	}
}

func TestHostsAllowAndDeny(t *testing.T) {
	for _, c := range []struct {
		name, deny, allow, asked, want string
	}{
		{"everybody, for every daemon", "ALL: ALL", "", "192.0.2.1/32", "ALL: ALL|only programs linked with libwrap"},
		{"everybody but the office", "ALL: ALL EXCEPT 192.0.2.0/255.255.255.0", "", "192.0.2.1/32", ""},
		{"let in before it is reached", "sshd: ALL", "ALL: 192.0.2.", "192.0.2.1/32", "sshd: ALL|/etc/hosts.allow:1 lets it in"},
		{"let in, but to another daemon", "sshd: ALL", "vsftpd: 192.0.2.1", "192.0.2.1/32", "sshd: ALL|only programs linked with libwrap"},
		{"a PBX that is named", "asterisk: 192.0.2.1", "", "192.0.2.1/32", "asterisk: 192.0.2.1|it names a SIP server"},
		{"a deny in hosts.allow", "", "sshd: 192.0.2.1: deny", "192.0.2.1/32", "sshd: 192.0.2.1: deny|only programs linked with libwrap"},
		{"a line that goes on", "ALL: 198.51.100.1,\\\n 192.0.2.1", "", "192.0.2.1/32", "ALL: 198.51.100.1, 192.0.2.1|only programs linked with libwrap"},
		{"a name, which only DNS could tell", "ALL: .example.com", "", "192.0.2.1/32", ""},
		{"IPv6 in brackets", "ALL: [2001:db8::]/32", "", "2001:db8::1/128", "ALL: [2001:db8::]/32|only programs linked with libwrap"},
	} {
		sys := fewFiles(t, map[string]string{"etc/hosts.deny": c.deny + "\n", "etc/hosts.allow": c.allow + "\n"})
		var a Answer
		TCPWrappers(context.Background(), sys, netip.MustParsePrefix(c.asked), &a)
		got, note, _ := strings.Cut(c.want, "|")
		if len(a.Bans) == 0 && c.want == "" {
			continue
		}
		if len(a.Bans) != 1 || a.Bans[0].Object != got || !strings.HasPrefix(said(a.Bans[0].Note), note) || a.Bans[0].Effect != NotSIP {
			t.Errorf("%s: %+v", c.name, a.Bans)
		}
	}
}

// Six requests in a minute are more than half of the ten that FreePBX allows;
// an attack of yesterday does not count any more.
func TestFreePBXRecentLists(t *testing.T) {
	phone := netip.MustParseAddr("203.0.113.50")
	ages := func(n int, each time.Duration) (list []time.Duration) {
		for i := range n {
			list = append(list, time.Duration(i+1)*each)
		}
		return list
	}
	table := func(name string, a []time.Duration) *packetfilter.RecentTable {
		return &packetfilter.RecentTable{Name: name, Entries: []packetfilter.RecentEntry{{Addr: phone, Ages: a, Packets: len(a)}}}
	}
	near := func(limits []RecentLimit, tables ...*packetfilter.RecentTable) (list []string) {
		for _, n := range NearRecent(tables, limits, netip.PrefixFrom(phone, 32)) {
			list = append(list, fmt.Sprintf("%s %v %d of %d in %d s", n.List, n.Addr, n.Hits, n.Limit, n.Seconds))
		}
		return list
	}
	mine := []RecentLimit{{List: "mine", Seconds: 60, HitCount: 6, Target: "DROP"}}
	for _, c := range []struct {
		name string
		got  []string
		want []string
	}{
		{"FreePBX's own limits", near(nil, table("SIGNALLING", ages(6, 5*time.Second)), table("ATTACKER", ages(1, 25*time.Hour))), []string{"SIGNALLING 203.0.113.50 6 of 10 in 60 s"}},
		{"a list of one's own, half full", near(mine, table("mine", ages(3, time.Second))), []string{"mine 203.0.113.50 3 of 6 in 60 s"}},
		{"less than half full", near(mine, table("mine", ages(2, time.Second))), nil},
		{"full: no longer near", near(mine, table("mine", ages(6, time.Second))), nil},
		{"without the kernel's clock", near(mine, table("mine", nil)), nil},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// What a layer keeps back is said, and the others answer all the same.
func TestALayerThatDoesNotAnswer(t *testing.T) {
	sys := fewFiles(t, map[string]string{
		"commands/cscli_decisions_list_-a_-o_json_--ip_192.0.2.66.error": "Unable to list decisions : connection refused\n",
		"etc/ufw/ufw.conf":                    "ENABLED=no\n",
		"etc/ufw/user.rules":                  "### tuple ### deny any any 0.0.0.0/0 any 192.0.2.66 in\n### tuple ### nonsense\n",
		"etc/firewalld/zones/x.xml":           "<zone><rule",
		"commands/ip_-j_route_show_table_all": "[{",
	})
	a := Find(context.Background(), sys, netip.MustParsePrefix("192.0.2.66/32"))
	if len(a.Bans) != 1 || a.Bans[0].Effect != NotSIP || !strings.Contains(said(a.Bans[0].Note), "switched off") {
		t.Errorf("bans %+v", a.Bans)
	}
	for _, want := range []string{"connection refused", "/etc/firewalld/zones/x.xml", "ip -j route"} {
		if !strings.Contains(said(a.Notes...), want) {
			t.Errorf("the notes %q lack %q", a.Notes, want)
		}
	}
}

func fewFiles(t testing.TB, files map[string]string) platform.System {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	sys, err := platform.OpenBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// one is a machine on which every file and every answer is the same text.
type one struct {
	text string
}

func (o one) Open(string) (fs.File, error)                           { return nil, fs.ErrNotExist }
func (o one) Glob(string) ([]string, error)                          { return nil, nil }
func (o one) Run(context.Context, string, ...string) ([]byte, error) { return []byte(o.text), nil }
func (o one) Now() time.Time                                         { return time.Unix(1_795_000_000, 0) }
func (o one) Root() bool                                             { return true }
func (o one) Live() bool                                             { return true }

// No list makes a reader fall over, and every answer can be reported.
func FuzzLists(f *testing.F) {
	for _, pattern := range []string{"testdata/server/*/*", "testdata/server/*/*/*", "testdata/server/*/*/*/*"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(string(b))
			}
		}
	}
	asked := netip.MustParsePrefix("192.0.2.66/32")
	f.Fuzz(func(t *testing.T, text string) {
		var a Answer
		ctx, sys := context.Background(), one{text: text}
		CrowdSec(ctx, sys, asked, &a)
		Routes(ctx, sys, asked, &a)
		Kamailio(ctx, sys, asked, &a)
		b := []byte(text)
		fw := &firewalld{asked: asked, a: &a, sets: map[string][]netip.Prefix{}}
		fw.zoneFile("x.xml", b)
		fw.direct("x.xml", b)
		fw.running(text)
		for e := range entries("x", b) {
			a.ban(asked, csfDeny(e))
			a.ban(asked, csfTemporary(e, sys.Now()))
			if r, ok := parseUFW(e.text); ok {
				r.report(true, asked, &a)
			}
			apfEntry(e.text)
			mentions(e.text, "192.0.2.66")
		}
		for _, r := range readWrappers(entries("x", b), false) {
			r.covers(asked)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
		for _, ban := range a.Bans {
			command.Lines(append(ban.Free, ban.Undo...))
			if ban.Relation == "" || !ban.Prefix.Overlaps(asked) {
				t.Fatalf("%+v does not concern %v", ban, asked)
			}
		}
	})
}

// An absurd time in one list must not cost the user the whole report: JSON has
// no form for the year 10000.
func TestAbsurdTimesInLists(t *testing.T) {
	asked, now := netip.MustParsePrefix("192.0.2.66/32"), time.Unix(1_795_000_000, 0)
	for name, tt := range map[string]struct {
		start, seconds string
		found          bool
		since, until   bool // whether they are told
	}{
		"a ban of an hour that began now":      {"1795000000", "3600", true, true, true},
		"one that ended a second ago":          {"1794996399", "3600", false, false, false},
		"the longest length":                   {"1795000000", "9223372036854775807", true, true, true},
		"a length that wraps round to nothing": {"1795000000", "18446744074", true, true, true},
		"a negative length":                    {"1794999999", "-9223372036854775808", false, false, false},
		"a beginning beyond the calendar":      {"9223372036854775807", "3600", true, false, false},
		"a beginning in the year 9999":         {"253402300799", "9223372036854775807", true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var a Answer
			a.ban(asked, csfTemporary(entry{"csf.tempban", 1, tt.start + "|192.0.2.66|5060|in|" + tt.seconds + "|guessed passwords"}, now))
			if len(a.Bans) == 0 && !tt.found {
				return
			}
			if len(a.Bans) != 1 || !tt.found {
				t.Fatalf("%d bans: %+v", len(a.Bans), a.Bans)
			}
			if b := a.Bans[0]; b.Since.IsZero() == tt.since || b.Until.IsZero() == tt.until {
				t.Errorf("since %v, until %v", b.Since, b.Until)
			}
			if _, err := json.Marshal(a); err != nil {
				t.Error(err)
			}
		})
	}
}
