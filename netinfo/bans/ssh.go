package bans

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
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
			p, ok := nets.Parse(f[3])
			if !ok {
				continue
			}
			ban := Ban{
				Layer: LayerSSHGuard, Where: fmt.Sprintf("%s:%d", name, number), Object: line, Prefix: p, Effect: ViaFilter, Name: "blacklist",
				// The daemon sets up its set anew from the list.
				Free: []command.Command{command.DeleteLine(name, number, line), command.New("systemctl", "restart", "sshguard")},
				Undo: []command.Command{command.InsertLine(name, number, line), command.New("systemctl", "restart", "sshguard")},
			}
			if t, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				ban.Since = platform.UnixTime(t)
			}
			a.ban(asked, ban)
		}
	}
	b, ok := a.file(sys, "/etc/sshguard/whitelist")
	if ok {
		a.has(LayerSSHGuard)
	}
	for number, line := range numbered(b) {
		if p, ok := nets.Parse(line); ok {
			a.allow(asked, Allow{Layer: LayerSSHGuard, Where: fmt.Sprintf("/etc/sshguard/whitelist:%d", number), Object: line, Prefix: p})
		}
	}
}

// DenyHosts reads the work files of DenyHosts. Its bans are lines of hosts.deny,
// which TCPWrappers reads; here they are named as its own, since it puts back a
// line that its work files still hold.
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
		if p, ok := nets.Parse(line); ok && p.Addr().Is6() {
			host, rest = line, ""
		}
		p, ok := nets.Parse(host)
		if !ok || rest == "" || strings.HasPrefix(rest, "0:") {
			continue
		}
		failures, last, _ := strings.Cut(rest, ":")
		a.ban(asked, Ban{
			Layer: LayerDenyHosts, Where: fmt.Sprintf("%shosts:%d", work, number), Object: line, Prefix: p, Effect: NotSIP,
			Cause: because("denyhosts", "failures", failures, "last", strings.TrimSpace(last)), Note: because("denyhosts-no-sip", "folder", work),
		})
	}
}
