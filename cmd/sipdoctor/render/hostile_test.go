package render

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// victim is the address that every layer of the hostile PBX bans.
const victim = "198.51.100.7"

// namable is one thing that a stranger can name, or a whole text that a stranger
// can write: it puts text there.
type namable struct {
	name string
	put  func(p *pbxtest.PBX, text string)
}

func jsonText(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

const (
	iptablesSave = "iptables-nft-save -c"
	nftRuleset   = "nft -a -j list ruleset"
	nftHead      = `{"nftables": [{"metainfo": {"version": "1.0.6"}}, `
)

// nftTable is a ruleset whose table, chain, set, comments and element are given.
func nftTable(table, chain, set, comment, element string) string {
	t, c, s := jsonText(table), jsonText(chain), jsonText(set)
	return nftHead + `{"table": {"family": "inet", "name": ` + t + `, "handle": 1}},
{"set": {"family": "inet", "table": ` + t + `, "name": ` + s + `, "type": "ipv4_addr", "flags": ["interval"], "elem": [{"elem": {"val": "` + victim + `", "comment": ` + jsonText(comment) + `}}]}},
{"set": {"family": "inet", "table": ` + t + `, "name": "pairs", "type": ["ipv4_addr", "ifname"], "elem": [{"concat": ["` + victim + `", ` + jsonText(element) + `]}]}},
{"chain": {"family": "inet", "table": ` + t + `, "name": ` + c + `, "handle": 2, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "inet", "table": ` + t + `, "chain": ` + c + `, "handle": 3, "comment": ` + jsonText(comment) + `, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": ` + jsonText("@"+set) + `}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": ` + t + `, "chain": ` + c + `, "handle": 4, "expr": [{"match": {"op": "==", "left": {"concat": [{"payload": {"protocol": "ip", "field": "saddr"}}, {"meta": {"key": "iifname"}}]}, "right": "@pairs"}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": ` + t + `, "chain": ` + c + `, "handle": 5, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "` + victim + `"}}, {"reject": null}]}}]}`
}

func filterTable(rules ...string) string {
	return "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + strings.Join(rules, "\n") + "\nCOMMIT\n"
}

// jailed is a fail2ban that its client is asked about, with one jail that holds
// the victim.
func jailed(p *pbxtest.PBX, jail string) {
	p.Files["/etc/fail2ban/jail.local"] = "[" + jail + "]\nenabled = true\nfilter = asterisk\nlogpath = /var/log/asterisk/messages\n"
	p.Prints["fail2ban-client status"] = "Status\n|- Number of jail:\t1\n`- Jail list:\t" + jail + "\n"
	p.Prints["fail2ban-client version"] = "1.0.2\n"
	p.Prints["fail2ban-client banned"] = "[{" + pythonText(jail) + ": ['" + victim + "']}]\n"
	p.Prints["fail2ban-client status "+jail] = "Status for the jail: x\n|- Filter\n|  |- Currently failed:\t1\n|  `- Total failed:\t1\n`- Actions\n   |- Currently banned:\t1\n   `- Banned IP list:\t" + victim + "\n"
	p.Prints["fail2ban-client get "+jail+" maxretry"] = "5\n"
}

func pythonText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(s) + "'"
}

func setFile(name string) func(*pbxtest.PBX, string) {
	return func(p *pbxtest.PBX, text string) { p.Files[name] = text }
}

func setPrint(line string) func(*pbxtest.PBX, string) {
	return func(p *pbxtest.PBX, text string) { p.Prints[line] = text }
}

func decisions(field, text string) string {
	d := map[string]any{"id": 1, "origin": "cscli", "scenario": "x", "scope": "Ip", "type": "ban", "value": victim, "duration": "4h"}
	d[field] = text
	b, _ := json.Marshal([]any{map[string]any{"id": 1, "message": "m", "created_at": "2026-11-22T09:00:00Z", "decisions": []any{d}}})
	return string(b)
}

// places are what strangers can name. New ones go to the end: the numbers are
// in saved inputs.
func places() []namable {
	return []namable{
		{"a chain of iptables", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable(":"+s+" - [0:0]", "-A INPUT -j "+s, "-A "+s+" -s "+victim+"/32 -j DROP")
		}},
		{"a comment of iptables", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -s " + victim + "/32 -m comment --comment \"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + "\" -j DROP")
		}},
		{"words of a rule of iptables", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -s " + victim + "/32 " + s + " -j DROP")
		}},
		{"an interface of iptables", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -i "+s+" -j ACCEPT", "-A INPUT ! -i "+s+" -s "+victim+" -j DROP")
		}},
		{"a set of ipset", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -m set --match-set " + s + " src -j DROP")
			p.Prints["ipset save"] = "create " + s + " hash:ip family inet\nadd " + s + " " + victim + "\n"
		}},
		{"an element of ipset", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -i \"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + "\" -m set --match-set crowdsec-blacklists src,src -j DROP")
			p.Prints["ip -j route show table all"] = `[{"type":"local","dst":"192.0.2.1","dev":` + jsonText(s) + `,"table":"local"},{"dst":"default","gateway":"192.0.2.254","dev":` + jsonText(s) + `,"table":"main"}]`
			p.Prints["ipset save"] = "create crowdsec-blacklists hash:net,iface family inet\nadd crowdsec-blacklists " + victim + "," + s + "\n"
			p.Prints["cscli decisions list -a -o json --ip "+victim] = decisions("scenario", "x")
		}},
		{"a comment of ipset", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -m set --match-set bad src -j DROP")
			p.Prints["ipset save"] = "create bad hash:ip family inet comment\nadd bad " + victim + " comment \"" + s + "\"\n"
		}},
		{"a table of nftables", func(p *pbxtest.PBX, s string) { p.Prints[nftRuleset] = nftTable(s, "in", "bad", "c", "eth0") }},
		{"a chain of nftables", func(p *pbxtest.PBX, s string) { p.Prints[nftRuleset] = nftTable("t", s, "bad", "c", "eth0") }},
		{"a set of nftables", func(p *pbxtest.PBX, s string) { p.Prints[nftRuleset] = nftTable("t", "in", s, "c", "eth0") }},
		{"a comment of nftables", func(p *pbxtest.PBX, s string) { p.Prints[nftRuleset] = nftTable("t", "in", "bad", s, "eth0") }},
		{"an element of nftables", func(p *pbxtest.PBX, s string) {
			p.Prints[nftRuleset] = nftTable("crowdsec", "in", "crowdsec-blacklists", "c", s)
			p.Prints["cscli decisions list -a -o json --ip "+victim] = decisions("scenario", "x")
		}},
		{"a jail of fail2ban", jailed},
		{"a scenario of CrowdSec", func(p *pbxtest.PBX, s string) {
			p.Prints["cscli decisions list -a -o json --ip "+victim] = decisions("scenario", s)
		}},
		{"a scope of CrowdSec", func(p *pbxtest.PBX, s string) {
			p.Prints["cscli decisions list -a -o json --ip "+victim] = decisions("scope", s)
		}},
		{"a value of CrowdSec", func(p *pbxtest.PBX, s string) {
			p.Prints["cscli decisions list -a -o json --ip "+victim] = decisions("value", s)
		}},
		{"an action of ufw", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/ufw/ufw.conf"] = "ENABLED=yes\n"
			p.Files["/etc/ufw/user.rules"] = "### tuple ### " + s + " any any 0.0.0.0/0 any " + victim + " in\n"
		}},
		{"a port of ufw", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/ufw/ufw.conf"] = "ENABLED=yes\n"
			p.Files["/etc/ufw/user.rules"] = "### tuple ### deny udp " + s + " 0.0.0.0/0 any " + victim + " in\n"
		}},
		{"an interface of ufw", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/ufw/ufw.conf"] = "ENABLED=yes\n"
			p.Files["/etc/ufw/user.rules"] = "### tuple ### deny any any 0.0.0.0/0 any " + victim + " in_" + s + "\n"
		}},
		{"a comment of ufw", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/ufw/ufw.conf"] = "ENABLED=yes\n"
			p.Files["/etc/ufw/user.rules"] = "### tuple ### deny any any 0.0.0.0/0 any " + victim + " in comment=" + hex.EncodeToString([]byte(s)) + "\n"
		}},
		{"a line of csf.deny", func(p *pbxtest.PBX, s string) { p.Files["/etc/csf/csf.deny"] = victim + " # " + s + "\n" + s + "\n" }},
		{"a temporary ban of csf", func(p *pbxtest.PBX, s string) {
			p.Files["/var/lib/csf/csf.tempban"] = "1795334400|" + victim + "|" + s + "|in|86400|" + s + "\n"
		}},
		{"a line of hosts.deny", func(p *pbxtest.PBX, s string) { p.Files["/etc/hosts.deny"] = "ALL: " + victim + " " + s + "\n" }},
		{"a service of sshguard", func(p *pbxtest.PBX, s string) {
			p.Files["/var/lib/sshguard/blacklist.db"] = "1795334400|" + s + "|4|" + victim + "\n"
		}},
		{"a table of Kamailio", func(p *pbxtest.PBX, s string) {
			p.Prints["kamcmd htable.listTables"] = "{\n\tname: ban" + s + "\n\tdbtable: x\n}\n"
			p.Prints["kamcmd htable.dump ban"+s] = "{\n\tentry: 1\n\tsize: 1\n\tslot: {\n\t\t{\n\t\t\tname: " + victim + "\n\t\t\tvalue: 1\n\t\t\ttype: int\n\t\t}\n\t}\n}\n"
		}},
		{"a value of Kamailio", func(p *pbxtest.PBX, s string) {
			p.Prints["kamcmd htable.listTables"] = "{\n\tname: ipban\n\tdbtable: x\n}\n"
			p.Prints["kamcmd htable.dump ipban"] = "{\n\tentry: 1\n\tsize: 1\n\tslot: {\n\t\t{\n\t\t\tname: " + victim + "\n\t\t\tvalue: " + s + "\n\t\t\ttype: str\n\t\t}\n\t}\n}\n"
		}},
		{"an interface of a route", func(p *pbxtest.PBX, s string) {
			p.Prints["ip -j route show table all"] = `[{"type":"blackhole","dst":"` + victim + `","dev":` + jsonText(s) + `,"table":` + jsonText(s) + `},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"}]`
		}},
		{"a table of a policy rule", func(p *pbxtest.PBX, s string) {
			p.Prints["ip -j rule list"] = `[{"priority":100,"src":"` + victim + `","action":"blackhole","iif":` + jsonText(s) + `,"fwmark":` + jsonText(s) + `}]`
		}},
		{"a zone of firewalld", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/firewalld/zones/"+strings.ReplaceAll(s, "/", "_")+".xml"] = "<zone target=\"DROP\"><source address=\"" + victim + "\"/></zone>"
			p.Prints["firewall-cmd --list-all-zones"] = s + " (active)\n  target: DROP\n  sources: " + victim + "\n"
		}},
		{"a rich rule of firewalld", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/firewalld/zones/public.xml"] = "<zone><rule family=\"ipv4\"><source address=\"" + victim + "\"/><log prefix=" + jsonText(s) + "/><drop/></rule></zone>"
			p.Prints["firewall-cmd --list-all-zones"] = "public (active)\n  rich rules:\n\trule family=\"ipv4\" source address=\"" + victim + "\" log prefix=\"" + s + "\" drop\n"
		}},
		{"a direct rule of firewalld", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/firewalld/direct.xml"] = "<direct><rule ipv=\"ipv4\" table=\"filter\" chain=\"INPUT\" priority=\"0\">-s " + victim + " -m comment --comment " + s + " -j DROP</rule></direct>"
		}},
		{"an ACL of Asterisk", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/asterisk/acl.conf"] = "[" + s + "]\ndeny=0.0.0.0/0\n"
			p.Files["/etc/asterisk/pjsip.conf"] = "[t]\ntype=transport\nprotocol=udp\nbind=0.0.0.0\n\n[acl]\ntype=acl\nacl=" + s + "\ndeny=" + victim + "\n"
		}},
		{"an endpoint of Asterisk", func(p *pbxtest.PBX, s string) {
			p.Files["/etc/asterisk/pjsip.conf"] = "[" + s + "]\ntype=endpoint\ndeny=0.0.0.0/0\n\n[" + s + "]\ntype=identify\nmatch=" + victim + "\nendpoint=" + s + "\n"
		}},
		{"a list of xt_recent", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -m recent --rcheck --name " + s + " --rsource -j DROP")
			p.Files["/proc/net/xt_recent/"+strings.ReplaceAll(s, "/", "_")] = "src=" + victim + " ttl: 57 last_seen: 1000000 oldest_pkt: 1 1000000\n"
		}},
		{"all of iptables-save", setPrint(iptablesSave)},
		{"all of ipset save", func(p *pbxtest.PBX, s string) {
			p.Prints[iptablesSave] = filterTable("-A INPUT -m set --match-set bad src -j DROP")
			p.Prints["ipset save"] = s
		}},
		{"all of the nftables", setPrint(nftRuleset)},
		{"all of jail.local", setFile("/etc/fail2ban/jail.local")},
		{"all of ufw's rules", setFile("/etc/ufw/user.rules")},
		{"all of the decisions", setPrint("cscli decisions list -a -o json --ip " + victim)},
		{"all of the routes", setPrint("ip -j route show table all")},
		{"all of the zones", setPrint("firewall-cmd --list-all-zones")},
		{"all of pjsip.conf", setFile("/etc/asterisk/pjsip.conf")},
		{"all of direct.xml", setFile("/etc/firewalld/direct.xml")},
	}
}

// hostilePBX is a PBX on which a stranger has named one thing.
func hostilePBX(where int, text string) *pbxtest.PBX {
	p := &pbxtest.PBX{Files: map[string]string{"/etc/asterisk/asterisk.conf": ""}, Prints: map[string]string{
		"ip -j route show table all": `[{"dst":"192.0.2.0/24","dev":"eth0","table":"main"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"}]`,
		iptablesSave:                 filterTable("-A INPUT -s " + victim + "/32 -j DROP"), "ip6tables-nft-save -c": "",
	}}
	list := places()
	list[where%len(list)].put(p, text)
	return p
}

// lookAt runs the checks of a PBX on p.
func lookAt(p *pbxtest.PBX) *checks.Report {
	list := slices.DeleteFunc(all.Checks(), func(c *checks.Check) bool { return c.Group != "pbx" })
	env := &checks.Env{Inputs: checks.Inputs{Addresses: []netip.Prefix{netip.MustParsePrefix(victim + "/32")}}, System: p,
		Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{OS: "linux", Root: true}, nil }}
	return checks.Run(context.Background(), list, env, checks.Meta{Command: "why"})
}

// printed are the lines of a report that a person would paste into a shell.
func printed(r *checks.Report) (lines []string) {
	for _, res := range r.Results {
		for _, f := range res.Findings {
			for _, fix := range f.Fixes {
				if fix.Form == fixes.FormShell {
					lines = slices.Concat(lines, fix.Commands, fix.Undo, fix.Verify)
				}
			}
		}
	}
	return lines
}

// payloads are what a stranger would try, for the shell, nft and consoles.
func payloads() []string {
	return []string{
		"x", "$(id>pwn)", "`id`", "x;reboot", "x\nreboot", "x|reboot", "x&reboot", "x>/etc/passwd", "x';reboot;'", `x";reboot;"`, `x\`, "-j", "--x", "$HOME", "*", "~",
		"x;delete table inet guard", "x}; delete table inet guard; add rule inet t in { x", `x"; delete table inet guard; "`, `"x`, "#", "x #", "a b", "{x}", "@x", "\x1b[31mx", "x\r/system reset", "\u202ex", "\u0085x", "\x00", "\xff",
		"[find]", "<id>", "<$(id)>", "a,b", "!x", "(id)", "é",
	}
}

// Whatever a stranger can name stays a word of the command that is printed.
func TestNoNameIsACommand(t *testing.T) {
	for i, at := range places() {
		t.Run(at.name, func(t *testing.T) {
			named := false
			for _, text := range payloads() {
				for _, line := range printed(lookAt(hostilePBX(i, text))) {
					named = named || text == "a,b" && strings.Contains(line, text)
					if faults := commandFaults(line); faults != nil {
						t.Errorf("%q there is printed as\n%s\n%s", text, line, strings.Join(faults, "; "))
					}
				}
			}
			if !named && !strings.HasPrefix(at.name, "all of") {
				t.Logf("no command names it")
			}
		})
	}
}

// The lexer that judges the commands must see what a shell would do.
func TestCommandsThatDoMore(t *testing.T) {
	for line, want := range map[string]string{
		"iptables -D INPUT -s 198.51.100.7/32 -j DROP":                                                                "",
		"fail2ban-client set 'my jail' unbanip 198.51.100.7":                                                          "",
		`fail2ban-client set 'it'\''s' unbanip 198.51.100.7`:                                                          "",
		"printf '%s\\n' 198.51.100.7 >> /etc/sshguard/whitelist":                                                      "",
		"timeout 30 sh -c 'while ipset -q test bad 198.51.100.7; do sleep 1; done'":                                   "",
		"timeout 30 sh -c 'while ipset -q test bad $(id); do sleep 1; done'":                                          "CmdSubst",
		`timeout 30 sh -c 'while "$@" >/dev/null 2>&1; do sleep 1; done' sh ipset -q test bad '198.51.100.7,$(id)'`:   "",
		`timeout 30 sh -c 'while "$@" >/dev/null 2>&1; do sleep 1; done' sh id`:                                       `starts "id"`,
		`timeout 30 sh -c 'while $@; do sleep 1; done' sh ipset -q test bad 198.51.100.7`:                             "not fixed",
		`h=$(nft -a list chain inet t in | grep -F -e 'x; # handle ') && nft delete rule inet t in handle "${h##* }"`: "",
		`h=$(nft -a list chain inet t in | grep -F -e $(id)) && nft delete rule inet t in handle "${h##* }"`:          "CmdSubst",
		`h=$(id) && nft delete rule inet t in handle "${h##* }"`:                                                      `starts "id"`,
		`h=$(nft -a list chain inet t in) && nft delete rule inet t in handle ${h##* }`:                               "not fixed",
		"sed -i '/^x$/d' /etc/hosts.deny":                                                                             "",
		`nft 'delete element inet t "x;y" { 198.51.100.7 }'`:                                                          "",
		"nft delete element inet t 'x;delete table inet guard' '{ 198.51.100.7 }'":                                    "second command",
		"nft delete rule inet 't } x' in handle 3":                                                                    "closing brace",
		"fail2ban-client set $(id) unbanip 198.51.100.7":                                                              "CmdSubst",
		"fail2ban-client set `id` unbanip 198.51.100.7":                                                               "CmdSubst",
		"ufw delete deny; id":                 `starts "id"`,
		"ufw delete deny & id":                "background",
		"echo x > /root/.ssh/authorized_keys": "redirection",
		"iptables -D $CHAIN 1":                "ParamExp",
		"iptables -D x* 1":                    "not fixed",
		"PATH=/tmp iptables -D x 1":           "assignment",
		"iptables -D x 1\nid":                 "control bytes",
		"iptables -D 'x":                      "not a command",
	} {
		got := strings.Join(commandFaults(line), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s\ngives %q, want %q", line, got, want)
		}
	}
}

func FuzzHostileNameToCommand(f *testing.F) {
	for i := range places() {
		for k, text := range payloads() {
			if k%8 == i%8 { // all of them would take the seconds that the engine needs
				f.Add(uint8(i), text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, where uint8, text string) {
		r := lookAt(hostilePBX(int(where), text))
		for _, line := range printed(r) {
			if faults := commandFaults(line); faults != nil {
				t.Errorf("%s: %q is printed as\n%s\n%s", places()[int(where)%len(places())].name, text, line, strings.Join(faults, "; "))
			}
		}
		var b bytes.Buffer
		if err := Text(&b, r, TextOptions{}); err != nil {
			t.Fatal(fmt.Errorf("rendering: %w", err))
		}
		if bad := notPrintable(b.String()); bad != "" {
			t.Errorf("%q is printed as it is", bad)
		}
	})
}
