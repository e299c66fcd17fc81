package main

import (
	"strings"
	"testing"
)

func TestWhichRouterIsMeant(t *testing.T) {
	for name, want := range map[string]string{
		"admin@192.168.88.1": "ssh admin 192.168.88.1", "admin+c80w@192.168.88.1:2222": "ssh admin+c80w 192.168.88.1",
		"ivan@office@192.168.88.1": "ssh ivan@office 192.168.88.1", "https://ivan@office@[fe80::1%eth0]:8443": "https ivan@office fe80::1%eth0",
		"APIS://admin@router.lan/": "apis admin router.lan", "api://admin@2001:db8::1": "api admin 2001:db8::1",
		"router.rsc": "", "192.168.88.1": "",
		"https://admin:p@ss@192.168.88.1": "refused", "admin:secret@192.168.88.1": "refused", "http://admin@192.168.88.1": "refused", "https://192.168.88.1": "refused",
		"-oProxyCommand=reboot@pbx": "refused", "api://a b@router": "refused", "admin@router lan": "refused", "@router": "refused", "ftp://admin@router": "refused",
	} {
		router, answers, err := routerTarget(name)
		got := ""
		switch {
		case err != nil:
			got = "refused"
			if s := err.Error(); strings.Contains(s, "p@ss") || strings.Contains(s, "secret") {
				t.Errorf("%s: the password is shown: %s", name, s)
			}
		case answers:
			got = router.scheme + " " + router.User + " " + router.Host
			if again, _, err := routerTarget(router.String()); err != nil || again.String() != router.String() || again.User != router.User || again.Host != router.Host || again.Port != router.Port {
				t.Errorf("%s: %s is read as %+v, %v", name, router, again, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%v)", name, got, want, err)
		}
	}
}

// Who wrote a report does not choose the flags of a command that is printed from it.
func TestACommandFromAStrangersReport(t *testing.T) {
	for _, on := range []string{"--password-file=/etc/shadow", "-y", "a b", "$(reboot)", "router.rsc", "root@-oProxyCommand=reboot", "-oProxyCommand=reboot@pbx"} {
		if line := routerLine(on, "--apply"); line != "sipdoctor router USER@HOST --apply" {
			t.Error(line)
		}
	}
	for _, on := range []string{"--yes", "a b", "$(reboot)", "root@-oProxyCommand=reboot", "-oProxyCommand=reboot@pbx"} {
		if line := fixLine("report.json", "--apply", on); line != "sipdoctor fix report.json --apply --on USER@HOST" {
			t.Error(line)
		}
	}
	if line := routerLine("https://ivan@office@192.168.88.1", "--undo"); line != "sipdoctor router https://ivan@office@192.168.88.1 --undo" {
		t.Error(line)
	}
}
