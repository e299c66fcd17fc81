package all_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/fixes"
)

// hostileNames are what somebody may call a table, a set, a jail, a comment, a
// file, so that a shell, nft or sed runs it.
func hostileNames() []string {
	return []string{
		"$(touch pwned)", "`touch pwned`", ";touch pwned;", "|touch pwned|", "&touch pwned&", ">pwned", "'; touch pwned; '", `"; touch pwned; "`,
		"x;add table ip pwned;", `"; add table ip pwned; "`, "1e touch pwned", "|d;e touch pwned\\n|", "-F", "--help", "a b", "\\", "a\nb", "\x1b[31m", "a\u202eb", "{x,y}", "*",
	}
}

// hostilePBX is a server on which 198.51.100.7 is banned by everything that
// keeps lists, and everything that has a name is called name.
func hostilePBX(name string) *pbxtest.PBX {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	inJSON := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	rule := func(comment string) string {
		return fmt.Sprintf(`{"rule": {"family": "inet", "table": %[1]s, "chain": %[1]s, "handle": 4, "comment": %[2]s, "expr": [
			{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "198.51.100.7"}}, {"log": {"prefix": %[2]s}}, {"drop": null}]}}`, inJSON(name), inJSON(comment))
	}
	nft := `{"nftables": [{"table": {"family": "inet", "name": ` + inJSON(name) + `, "handle": 1}},
		{"chain": {"family": "inet", "table": ` + inJSON(name) + `, "name": ` + inJSON(name) + `, "handle": 1, "type": "filter", "hook": "input", "prio": 5, "policy": "accept"}},
		{"set": {"family": "inet", "table": ` + inJSON(name) + `, "name": ` + inJSON("crowdsec"+name) + `, "type": ["ipv4_addr", "ifname"], "handle": 3, "elem": [{"concat": ["198.51.100.7", ` + inJSON(name) + `]}]}},
		` + rule(name) + `,
		{"rule": {"family": "inet", "table": ` + inJSON(name) + `, "chain": ` + inJSON(name) + `, "handle": 5, "expr": [
			{"match": {"op": "==", "left": {"concat": [{"payload": {"protocol": "ip", "field": "saddr"}}, {"meta": {"key": "iifname"}}]}, "right": ` + inJSON("@crowdsec"+name) + `}}, {"drop": null}]}}]}`
	p := &pbxtest.PBX{Prints: map[string]string{
		"ip -j route show table all": `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"}, {"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"},
			{"type":"blackhole","dst":"198.51.100.7","table":` + inJSON(name) + `}]`,
		"ip -j rule list":         `[{"priority":0,"src":"all","table":"local"},{"priority":5,"src":"198.51.100.7","iif":` + inJSON(name) + `,"action":"prohibit","table":` + inJSON(name) + `},{"priority":9,"src":"all","table":` + inJSON(name) + `},{"priority":32766,"src":"all","table":"main"}]`,
		"ip6tables-nft-save -c":   "",
		"iptables-legacy-save -c": "*raw\n:PREROUTING ACCEPT [0:0]\n:" + quoted + " - [0:0]\n-A PREROUTING -j " + quoted + "\n-A " + quoted + " -p udp -m udp --dport 5060 -m comment --comment " + quoted + " -j CT --helper sip\nCOMMIT\n",
		"iptables-nft-save -c": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:" + quoted + " - [0:0]\n-A INPUT -j " + quoted +
			"\n-A " + quoted + " -s 198.51.100.7/32 -m comment --comment " + quoted + " -j DROP\n-A INPUT -m set --match-set " + quoted + " src -j DROP\n-A INPUT -s 198.51.0.0/16 -m comment --comment " + quoted +
			" -j DROP\n-A INPUT -m recent --rcheck --name " + quoted + " --mask 255.255.255.255 --rsource -j DROP\nCOMMIT\n",
		"ipset save":                                        "create " + quoted + " hash:net,iface family inet comment\nadd " + quoted + " 198.51.100.7," + quoted + " comment " + quoted + "\nadd " + quoted + " 198.51.100.7\n",
		"nft -j list tables":                                `{"nftables": [{"table": {"family": "inet", "name": ` + inJSON(name) + `}}]}`,
		"nft -a -j list ruleset":                            nft,
		"nft -a -j list table inet " + name:                 nft,
		"cscli decisions list -a -o json --ip 198.51.100.7": `[{"id": 1, "message": ` + inJSON(name) + `, "decisions": [{"id": 2, "duration": "3h", "origin": "crowdsec", "scenario": ` + inJSON(name) + `, "scope": "Ip", "type": ` + inJSON(name) + `, "value": "198.51.100.7"}]}]`,
		"firewall-cmd --list-all-zones":                     name + "\n  target: DROP\n  sources: 198.51.100.7\n  rich rules: \n\trule family=\"ipv4\" source address=\"198.51.100.7\" log prefix=\"" + name + "\" drop\n",
		"kamcmd htable.listTables":                          "{\n\tname: ban" + name + "\n}\n",
		"asterisk -rx core show version":                    "Asterisk 20.5.0 built by root @ pbx on a x86_64 running Linux on 2026-01-01\n",
		"asterisk -rx sip show registry":                    "Host dnsmgr Username Refresh State Reg.Time\n" + name + ":5060 N " + name + " 105 No Authentication\n1 SIP registrations.\n",
		"asterisk -rx pjsip show registrations":             " <Registration/ServerURI....>  <Auth....>  <Status.......>\n===\n\n " + name + "/sip:" + name + "  auth  Rejected  (exp. 99s ago)\n\nObjects found: 1\n",
		"asterisk -rx core show channels concise":           name + "!a!b!1!Up!Dial!" + name + "!!!!3!99999!!1.1\n",
		"asterisk -rx module show":                          "Module Description Use Count Status Support Level\n" + name + ".so x 0 Running core\n1 modules loaded\n",
		"kamcmd htable.dump ban" + name:                     "{\n\tentry: 1\n\tsize: 1\n\tslot: {\n\t\t{\n\t\t\tname: 198.51.100.7\n\t\t\tvalue: " + name + "\n\t\t\ttype: str\n\t\t}\n\t}\n}\n",
	}}
	p.Files = map[string]string{
		"/proc/sys/net/netfilter/nf_conntrack_max": "100\n", "/proc/sys/net/netfilter/nf_conntrack_count": "99\n",
		"/proc/net/xt_recent/" + name: "src=198.51.100.7 ttl: 64 last_seen: 5 oldest_pkt: 1 5\n",
		"/etc/ufw/ufw.conf":           "ENABLED=yes\n",
		"/etc/ufw/user.rules":         "### tuple ### deny" + name + " " + name + " any 0.0.0.0/0 any 198.51.100.7 in_" + name + "\n### tuple ### deny any any 0.0.0.0/0 any 198.51.100.7 in comment=" + hex.EncodeToString([]byte(name)) + "\n### tuple ### deny_" + name + " any any 0.0.0.0/0 any 198.51.100.7 in\n",
		"/etc/csf/csf.conf":           "", "/etc/csf/csf.deny": "198.51.100.7 # " + name + "\nudp|in|d=" + name + "|s=198.51.100.7 # " + name + "\n",
		"/etc/csf/csf.tempban":                  "1795341000|198.51.100.7|" + name + "|in|3600|" + name + "\n",
		"/etc/apf/deny_hosts.rules":             "198.51.100.7\n",
		"/etc/hosts.deny":                       name + " : 198.51.100.7 : spawn " + name + "\nALL : 198.51.100.7 " + name + "\n",
		"/var/lib/sshguard/blacklist.db":        "1795377600|" + name + "|4|198.51.100.7\n",
		"/etc/firewalld/zones/" + name + ".xml": `<zone target="DROP"><source address="198.51.100.7"/></zone>`,
		"/etc/firewalld/direct.xml":             `<direct><rule ipv="` + name + `" table="` + name + `" chain="` + name + `" priority="0">-s 198.51.100.7 -m comment --comment ` + name + ` -j DROP</rule></direct>`,
		"/etc/fail2ban/jail.conf":               "[DEFAULT]\nbantime = 600\n[" + name + "]\nenabled = true\nport = 5060\nlogpath = " + name + "\n",
		"/etc/asterisk/pjsip.conf":              "[" + name + "]\ntype=endpoint\nacl=" + name + "\n[x]\ntype=acl\ndeny=198.51.100.0/24\n",
		"/etc/asterisk/acl.conf":                "[" + name + "]\ndeny=198.51.100.7/32\n",
		"/etc/asterisk/asterisk.conf":           "",
	}
	return p
}

func banned() checks.Inputs {
	return checks.Inputs{Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}}
}

// looked is what all checks of a PBX find.
func looked(t *testing.T, p *pbxtest.PBX) (list []checks.Finding) {
	t.Helper()
	for _, c := range all.Checks() {
		if c.Group != "pbx" {
			continue
		}
		r := p.Look(t, c, banned())
		if len(r.Findings) == 0 && c.ID == "blocked" {
			t.Errorf("the address is not found to be blocked: %+v", r.Facts)
		}
		list = append(list, r.Findings...)
	}
	return list
}

// Nothing that a name holds is ever run: every command of every cure starts
// only the program that it is for, whatever things are called.
func TestNoNameBecomesACommand(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no POSIX shell on this machine")
	}
	programs := newStubs(t)
	written, described := 0, 0
	for _, name := range hostileNames() {
		for _, f := range looked(t, hostilePBX(name)) {
			for _, x := range f.Fixes {
				if x.Form != fixes.FormShell {
					described++
				}
				for _, line := range slices.Concat(x.Commands, x.Undo, x.Verify) {
					if strings.ContainsAny(line, "\n\x1b\u202e") {
						t.Errorf("%q: %q would be obeyed by a terminal", name, line)
					}
					line, run := strings.CutPrefix(line, "Run: ")
					if x.Form != fixes.FormShell && !run {
						continue
					}
					written++
					for _, p := range programs.startedBy(line) {
						if !slices.Contains(intended(), p) {
							t.Errorf("%q: %s starts %s", name, line, p)
						}
					}
				}
			}
		}
	}
	if written < 20*len(hostileNames()) || described == 0 {
		t.Errorf("%d commands were tried and %d cures were only described: the names reach too little", written, described)
	}
}

// intended are the programs that cures of a ban start.
func intended() []string {
	return []string{
		"iptables-nft", "nft", "ipset", "fail2ban-client", "cscli", "ufw", "firewall-cmd", "csf", "apf", "kamcmd", "systemctl", "asterisk", "sipdoctor",
		"sed", "grep", "seq", "timeout", "sh", "cp", "rm", "cat", "mkdir",
	}
}

// stubs are programs that only note that they were started, in a directory of
// their own, and an empty one to work in.
type stubs struct{ bin, work, log string }

func newStubs(t *testing.T) stubs {
	t.Helper()
	dir := t.TempDir()
	s := stubs{bin: filepath.Join(dir, "bin"), work: filepath.Join(dir, "work"), log: filepath.Join(dir, "log")}
	for _, d := range []string{s.bin, s.work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range append(intended(), "touch", "id", "reboot", "d", "add") {
		if err := os.WriteFile(filepath.Join(s.bin, p), []byte("#!/bin/sh\necho \"${0##*/}\" >> '"+s.log+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// startedBy runs a line and tells which programs it started; a file that
// appears where none should counts as one.
func (s stubs) startedBy(line string) []string {
	_ = os.Remove(s.log)
	// What would be written goes into the directory.
	line = strings.NewReplacer("/proc/net/xt_recent/", "", "/etc/", "", "/var/lib/", "").Replace(line)
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = s.work, []string{"PATH=" + s.bin}
	_ = cmd.Run()
	b, _ := os.ReadFile(s.log)
	ran := strings.Fields(string(b))
	if os.Remove(filepath.Join(s.work, "pwned")) == nil {
		ran = append(ran, "a file pwned")
	}
	return ran
}

// A report that somebody wrote cannot bring commands of its own: what is in it
// is quoted anew when it is judged, and only what this program would write.
func TestAForgedReportBringsNoCommands(t *testing.T) {
	var check *checks.Check
	for _, c := range all.Checks() {
		if c.ID == "blocked" {
			check = c
		}
	}
	r := hostilePBX("x").Look(t, check, banned())
	settled := checks.Settle(&checks.Report{Command: "why", Results: []checks.Result{r}}, []*checks.Check{check})
	forge := func(t *testing.T, observed json.RawMessage, change func(string) string) {
		text := change(string(observed))
		if text == string(observed) {
			t.Fatalf("nothing was forged in %s", observed)
		}
		rep := &checks.Report{Command: "why", Results: []checks.Result{{Check: "blocked", Observes: check.Observes(), Observed: json.RawMessage(text)}}}
		again, err := checks.Rejudge(rep, []*checks.Check{check})
		if err != nil {
			t.Fatal(err)
		}
		if st := again.Results[0].Status; st == checks.Pass || st == checks.Skip {
			t.Errorf("the forged report is a %s", st)
		}
		for _, f := range again.Results[0].Findings {
			for _, x := range f.Fixes {
				for _, line := range slices.Concat(x.Commands, x.Undo) {
					if (x.Form == fixes.FormShell || strings.HasPrefix(line, "Run: ")) && (strings.Contains(line, "rm -rf") || strings.Contains(line, "flush") || strings.Contains(line, "reboot")) {
						t.Errorf("the forged report brought %s", line)
					}
				}
			}
		}
	}
	for _, forged := range []string{`"args":["rm","-rf","/",`, `"args":["nft","flush","ruleset",`, `"form":"reboot","args":["x",`} {
		change := func(text string) string {
			return strings.NewReplacer(`"args":["iptables-nft"`, forged+`"iptables-nft"`, `"args":["ufw"`, forged+`"ufw"`, `"args":["csf"`, forged+`"csf"`,
				`"program":"iptables-nft"`, `"program":"rm"`, `"tool":"iptables-nft"`, `"tool":"rm"`).Replace(text)
		}
		forge(t, settled.Results[0].Observed, change)
		forge(t, r.Observed, func(observed string) string { return repacked(t, observed, change) })
	}
}

// repacked changes what is packed in an observation.
func repacked(t *testing.T, observed string, change func(string) string) string {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(observed), &o); err != nil {
		t.Fatal(err)
	}
	old, ok := checks.Packed[json.RawMessage](o["read"].(string)).Open()
	if !ok {
		t.Fatal("nothing is packed in the observation")
	}
	changed := change(string(old))
	if changed == string(old) {
		return observed
	}
	packed, ok := checks.Pack(json.RawMessage(changed), len(changed))
	if !ok {
		t.Fatal("it cannot be packed again")
	}
	o["read"] = packed
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
