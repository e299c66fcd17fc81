package bans

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// SSHGuard reads its permanent blacklist and its whitelist. What it blocks for
// a while is in sets of the packet filter ("attackers", "sshguard4"), which
// KnownSet recognises.
//
// Source: sshguard(8); blacklist.db lines are time|service|kind|address.
func SSHGuard(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	lists := []string{"/var/lib/sshguard/blacklist.db", "/var/db/sshguard/blacklist.db", "/var/lib/sshguard/enemies"}
	for _, name := range lists {
		b, ok := a.file(sys, name)
		if !ok {
			continue
		}
		a.has(LayerSSHGuard)
		for number, line := range numbered(b) {
			f := strings.Split(line, "|")
			if len(f) != 4 {
				continue
			}
			p, ok := parsePrefix(f[3])
			if !ok {
				continue
			}
			ban := Ban{
				Layer: LayerSSHGuard, Where: fmt.Sprintf("%s:%d", name, number), Object: line, Prefix: p, Effect: Indirect, Name: "blacklist",
				Unban:   []Change{sshguardUnban(name, number, line, p)},
				Lasting: []Change{appendLine("Whitelist "+short(asked), "/etc/sshguard/whitelist", short(asked), "systemctl restart sshguard")},
				Note:    "sshguard blocks every port of an address, SIP too",
			}
			if t, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				ban.Since = time.Unix(t, 0).UTC()
			}
			a.ban(asked, ban)
		}
	}
	b, ok := a.file(sys, "/etc/sshguard/whitelist")
	if ok {
		a.has(LayerSSHGuard)
	}
	for number, line := range numbered(b) {
		if p, ok := parsePrefix(line); ok {
			a.allow(asked, Allow{Layer: LayerSSHGuard, Where: fmt.Sprintf("/etc/sshguard/whitelist:%d", number), Object: line, Prefix: p})
		}
	}
}

// sshguardUnban forgets the entry and restarts the daemon, which then sets up
// its set anew from the list.
func sshguardUnban(name string, number int, line string, _ netip.Prefix) Change {
	c := deleteLine("Take it out of sshguard's blacklist", name, number, line)
	c.Commands = append(c.Commands, "systemctl restart sshguard")
	c.Undo = append(c.Undo, "systemctl restart sshguard")
	return c
}

// appendLine is the change that adds a line to a list and has its daemon read it.
func appendLine(title, file, line, reload string) Change {
	sed := "/^" + strings.NewReplacer(".", `\.`, "/", `\/`).Replace(line) + "$/d"
	return Change{
		Title: title, Persistent: true,
		Commands: []string{"printf '%s\\n' " + platform.ShellWord(line) + " >> " + platform.ShellWord(file), reload},
		Undo:     []string{"sed -i " + platform.ShellWord(sed) + " " + platform.ShellWord(file), reload},
	}
}

// DenyHosts reads what DenyHosts lets through for good. Its bans are lines of
// hosts.deny, which TCPWrappers reads; here they are told to be its own, since
// it puts a line back that its work files still hold.
//
// Source: DenyHosts FAQ, "How can I remove an IP address that DenyHosts
// blocked?".
func DenyHosts(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	const work = "/var/lib/denyhosts/"
	b, ok := a.file(sys, work+"hosts")
	if !ok {
		return
	}
	a.has(LayerDenyHosts)
	for number, line := range numbered(b) {
		host, rest, _ := strings.Cut(line, ":") // ADDRESS:failures:last failure
		if p, ok := parsePrefix(line); ok && p.Addr().Is6() {
			host, rest = line, ""
		}
		p, ok := parsePrefix(host)
		if !ok || rest == "" || strings.HasPrefix(rest, "0:") {
			continue
		}
		failures, last, _ := strings.Cut(rest, ":")
		quoted := platform.ShellWord("/" + strings.ReplaceAll(p.Addr().String(), ".", `\.`) + `\b/d`)
		a.ban(asked, Ban{
			Layer: LayerDenyHosts, Where: fmt.Sprintf("%shosts:%d", work, number), Object: line, Prefix: p, Effect: Spares,
			Reasons: []string{failures + " failed logins over SSH, the last on " + strings.TrimSpace(last)},
			Note:    "DenyHosts writes hosts.deny, which sshd may ask and Asterisk does not",
			Unban: []Change{{
				Title: "Have DenyHosts forget it", Persistent: true,
				Commands: []string{
					"systemctl stop denyhosts", "cp -p /etc/hosts.deny /etc/hosts.deny.sipdoctor", "cp -pr /var/lib/denyhosts /var/lib/denyhosts.sipdoctor",
					"sed -i " + quoted + " /etc/hosts.deny " + work + "hosts " + work + "hosts-restricted " + work + "hosts-root " + work + "hosts-valid " + work + "users-hosts", "systemctl start denyhosts",
				},
				Undo: []string{"systemctl stop denyhosts", "cp -p /etc/hosts.deny.sipdoctor /etc/hosts.deny", "cp -pr /var/lib/denyhosts.sipdoctor/. /var/lib/denyhosts/", "systemctl start denyhosts"},
			}},
			Lasting: []Change{appendLine("Let DenyHosts pass over "+short(asked), work+"allowed-hosts", short(asked), "systemctl restart denyhosts")},
		})
	}
}
