package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// provider is what the lab's SIP server would ask of an office.
const provider = `name: lab-provider
title: The provider of the lab
sip:
  - {host: ` + lab.SIPServerAddr + `, port: 5060, transport: udp}
  - {host: ` + lab.SIPServerAddr + `, port: 5060, transport: tcp}
  - {host: ` + lab.SIPServerAddr + `, port: 5061, transport: tls}
subnets:
  - {cidr: 198.51.100.16/28, use: signalling}
  - {cidr: 198.51.100.128/25, use: media}
ports:
  - {protocol: udp, ports: [5060], use: signalling, for: SIP}
  - {protocol: tcp, ports: [5060-5061], use: signalling, for: SIP}
  - {protocol: tcp, ports: [5999], use: other, for: a port that this server does not have}
rtp:
  - {range: 10000-20000}
source: this test
checked: 2026-11-22
`

func writeProvider(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "lab-provider.yaml")
	if err := os.WriteFile(file, []byte(provider), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// allowed are the facts of the check by protocol and port: "status, by" and the
// hop that said so.
func allowed(t *testing.T, rep *checks.Report) map[string]string {
	t.Helper()
	r := rep.Result("allow-list")
	if r == nil {
		t.Fatalf("the report has no allow-list")
	}
	m := map[string]string{}
	for _, f := range r.Facts.([]any) {
		row := f.(map[string]any)
		got := fmt.Sprint(row["status"], ", ", row["by"])
		if hop, ok := row["hop"]; ok {
			got += fmt.Sprint(" ", hop)
		}
		m[fmt.Sprint(row["protocol"], " ", row["ports"], " ", row["target"])] = got
	}
	return m
}

// filter are the lines that make a packet filter with one rule.
func filter(hook, rule string) []string {
	return []string{
		"nft add table inet filter",
		fmt.Sprintf("nft 'add chain inet filter %s { type filter hook %s priority 0; }'", hook, hook),
		fmt.Sprintf("nft insert rule inet filter %s %s", hook, rule),
	}
}

func TestWhatStopsTheProvider(t *testing.T) {
	t.Parallel()
	const (
		udp, tcp, tls, none = "udp 5060 198.51.100.20", "tcp 5060 198.51.100.20", "tcp 5061 198.51.100.20", "tcp 5999 198.51.100.20"
		network, tcpNetwork = "udp 5060 198.51.100.16/28", "tcp 5060-5061 198.51.100.16/28"
		media               = "udp 10000-20000 198.51.100.128/25"
		silence             = "silent, silence"
		forbidden           = "blocked, gateway 192.168.88.1"
		farForbidden        = "blocked, upstream 203.0.113.254"
		own                 = "blocked, local-filter"
	)
	router := func(o *office) *lab.Node { return o.Routers[0] }
	open := map[string]string{
		udp: "reachable, answered", tcp: "reachable, connected", tls: "reachable, connected", none: "not-testable, refused",
		network: "reachable, answered", tcpNetwork: "reachable, connected", media: "not-testable, media",
	}
	for name, c := range map[string]struct {
		where   func(*office) *lab.Node
		lines   []string
		differs map[string]string
		finding string
		exit    int
	}{
		"nothing":                   {},
		"the router drops UDP 5060": {router, filter("forward", "udp dport 5060 drop"), map[string]string{udp: silence, network: silence}, "allow-list.silent", 0},
		"the router drops TCP 5061": {router, filter("forward", "tcp dport 5061 drop"), map[string]string{tls: silence, tcpNetwork: silence}, "allow-list.silent", 0},
		"the router forbids UDP 5060": {router, filter("forward", "udp dport 5060 reject with icmp type admin-prohibited"),
			map[string]string{udp: forbidden, network: forbidden}, "allow-list.blocked-by-gateway", 1},
		"the router forbids TCP 5060": {router, filter("forward", "tcp dport 5060 reject with icmp type admin-prohibited"),
			map[string]string{tcp: forbidden, tcpNetwork: forbidden}, "allow-list.blocked-by-gateway", 1},
		"the Internet provider forbids UDP 5060": {func(o *office) *lab.Node { return o.Internet }, filter("forward", "udp dport 5060 reject with icmp type admin-prohibited"),
			map[string]string{udp: farForbidden, network: farForbidden}, "allow-list.blocked-upstream", 1},
		"a reset in the server's name": {router, filter("forward", "tcp dport 5060 reject with tcp reset"),
			map[string]string{tcp: "blocked, refused", tcpNetwork: "blocked, refused"}, "allow-list.refused", 0},
		"this machine's own packet filter": {func(o *office) *lab.Node { return o.Phone }, filter("output", "udp dport 5060 drop"),
			map[string]string{udp: own, network: own}, "allow-list.local-filter", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, "nft")
			o := openOffice(t, "clean")
			if c.where != nil {
				shell(t, c.where(o), c.lines...)
			}
			want := map[string]string{}
			for k, v := range open {
				want[k] = v
			}
			for k, v := range c.differs {
				want[k] = v
			}
			rep, exit := o.check(t, "allow-list", "--no-public", "--profile", writeProvider(t))
			if diff := cmp.Diff(want, allowed(t, rep)); diff != "" || exit != c.exit {
				t.Errorf("exit %d, want %d (-want +got)\n%s%s", exit, c.exit, diff, explain(rep))
			}
			if got := findings(rep); c.finding != "" && !slices.Contains(got, c.finding) || c.finding == "" && len(got) != 0 {
				t.Errorf("findings %q, want %q", got, c.finding)
			}
		})
	}
}

func openOffice(t *testing.T, name string) *office {
	t.Helper()
	return open(t, scenario(t, name))
}

// The missing rules, typed on the router as they are printed, let the provider
// pass; the undo takes them away again.
func TestThePrintedRulesLetTheProviderPass(t *testing.T) {
	t.Parallel()
	for platform, before := range map[string][]string{
		"linux-nftables": filter("forward", "ip daddr 198.51.100.16/28 reject with icmp type admin-prohibited"),
		"linux-iptables": {"iptables -A FORWARD -d 198.51.100.16/28 -j REJECT --reject-with icmp-admin-prohibited"},
	} {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			need(t, "nft", "iptables")
			o := openOffice(t, "clean")
			router := o.Routers[0]
			shell(t, router, before...)
			args := []string{"allow-list", "--no-public", "--profile", writeProvider(t)}
			sick, exit := o.check(t, args...)
			if exit != 1 {
				t.Fatalf("exit %d\n%s", exit, explain(sick))
			}
			sick.Host.Router = &netinfo.Router{Platform: platform}
			again, err := checks.Rejudge(sick, all.Checks())
			if err != nil {
				t.Fatal(err)
			}
			fix := again.Result("allow-list").Findings[0].Fixes[0]
			if fix.Platform != platform {
				t.Fatalf("the first cure is for %s", fix.Platform)
			}
			shell(t, router, fix.Commands...)
			if rep, exit := o.check(t, args...); exit != 0 || len(findings(rep)) != 0 {
				t.Errorf("not cured by %q (exit %d)\n%s", fix.Commands, exit, explain(rep))
			}
			shell(t, router, fix.Undo...)
			if rep, exit := o.check(t, args...); exit != 1 {
				t.Errorf("undo %q does not bring it back (exit %d)\n%s", fix.Undo, exit, explain(rep))
			}
		})
	}
}
