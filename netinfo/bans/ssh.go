package bans

import (
	"context"
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
	for e := range a.lines(sys, LayerSSHGuard, "/var/lib/sshguard/blacklist.db", "/var/db/sshguard/blacklist.db", "/var/lib/sshguard/enemies") {
		f := strings.Split(e.text, "|")
		if len(f) != 4 {
			continue
		}
		p, _ := nets.Parse(f[3])
		ban := Ban{Layer: LayerSSHGuard, Where: e.where(), Object: e.text, Prefix: p, Effect: ViaFilter, Name: "blacklist"}
		// The daemon sets up its set anew from the list.
		ban.Free, ban.Undo = e.edits(command.New("systemctl", "restart", "sshguard"))
		if t, err := strconv.ParseInt(f[0], 10, 64); err == nil {
			ban.Since = platform.UnixTime(t)
		}
		a.ban(asked, ban)
	}
	for e := range a.lines(sys, LayerSSHGuard, "/etc/sshguard/whitelist") {
		p, _ := nets.Parse(e.text)
		a.allow(asked, Allow{Layer: LayerSSHGuard, Where: e.where(), Object: e.text, Prefix: p})
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
	for e := range a.lines(sys, LayerDenyHosts, work+"hosts") {
		host, rest, _ := strings.Cut(e.text, ":") // ADDRESS:failures:last failure
		if p, ok := nets.Parse(e.text); ok && p.Addr().Is6() {
			continue
		}
		p, _ := nets.Parse(host)
		if rest == "" || strings.HasPrefix(rest, "0:") {
			continue
		}
		failures, last, _ := strings.Cut(rest, ":")
		a.ban(asked, Ban{
			Layer: LayerDenyHosts, Where: e.where(), Object: e.text, Prefix: p, Effect: NotSIP,
			Cause: because("denyhosts", "failures", failures, "last", strings.TrimSpace(last)), Note: because("denyhosts-no-sip", "folder", work),
		})
	}
}
