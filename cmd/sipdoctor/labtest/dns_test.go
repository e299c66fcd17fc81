package labtest

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/dns"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// truth is what the Internet knows of the provider: unbound serves it at the
// address of a public resolver.
const truth = `
server:
  interface: 9.9.9.9
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "."
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  local-zone: "." static
  local-data: "provider.example. 300 IN A 198.51.100.20"
  local-data: 'provider.example. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.provider.example.'
  local-data: "_sip._udp.provider.example. 60 IN SRV 10 5 5060 main.provider.example."
  local-data: "main.provider.example. 60 IN A 198.51.100.20"
  local-data: "example.com. 60 IN A 198.51.100.80"
remote-control:
  control-enable: no
`

// resolving builds an office in which the phone's machine asks the router's
// dnsmasq, and a public resolver stands outside.
func resolving(t *testing.T, dnsmasq ...string) *lab.Office {
	t.Helper()
	need(t, "dnsmasq", "unbound", "nft")
	o, err := lab.Build(t.Context(), scenario(t, "clean"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	shell(t, o.STUNServer, "ip addr add 9.9.9.9/32 dev eth0")
	shell(t, o.Internet, "ip route add 9.9.9.9/32 dev stun")
	start(t, o.STUNServer, "unbound", "-d", "-p", "-c", file(t, "unbound.conf", truth))
	listens(t, o.STUNServer, "9.9.9.9:53")
	args := append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--bind-interfaces", "--user=root",
		"--listen-address=" + lab.RouterAddr, "--pid-file=" + filepath.Join(t.TempDir(), "pid")}, dnsmasq...)
	start(t, o.Routers[0], "dnsmasq", args...)
	listens(t, o.Routers[0], lab.RouterAddr+":53")
	shell(t, o.Phone, "echo nameserver "+lab.RouterAddr+" > /etc/resolv.conf")
	return o
}

func TestTheOfficeSDNS(t *testing.T) {
	t.Parallel()
	forward := "--server=9.9.9.9"
	for name, c := range map[string]struct {
		dnsmasq  []string
		router   []string // what its owner typed
		server   string
		findings []string
		status   checks.Status
		want     func(dns.Facts) bool
	}{
		"it forwards and tells the truth": {[]string{forward}, nil, "provider.example", nil, checks.Pass, func(f dns.Facts) bool {
			return !f.Hijacked && !f.Redirected && f.UDP53 == "open" && f.Names[0].Order[0] == "udp main.provider.example:5060 198.51.100.20"
		}},
		"it gives addresses to names that do not exist": {[]string{forward, "--address=/invalid/203.0.113.99", "--address=/example.com/203.0.113.99"}, nil,
			"provider.example", []string{"dns.hijacked"}, checks.Warn, func(f dns.Facts) bool { return f.Hijacked }},
		"it lies about everything": {[]string{"--address=/#/203.0.113.99"}, nil,
			"provider.example", []string{"dns.differs", "dns.hijacked"}, checks.Fail, func(f dns.Facts) bool { return f.Hijacked }},
		"the name is mistyped": {[]string{forward}, nil, "provder.example", []string{"dns.no-such-name"}, checks.Fail,
			func(f dns.Facts) bool { return !f.Hijacked }},
		"the router answers for everybody": {[]string{forward}, []string{
			"nft add table ip everybody", "nft 'add chain ip everybody pre { type nat hook prerouting priority -100; }'",
			"nft add rule ip everybody pre iifname lan udp dport 53 redirect",
		}, "provider.example", []string{"dns.redirected"}, checks.Warn, func(f dns.Facts) bool { return f.Redirected }},
		"port 53 is closed for the office": {[]string{forward}, []string{
			"nft add table ip closed", "nft 'add chain ip closed forward { type filter hook forward priority -10; }'",
			"nft add rule ip closed forward udp dport 53 drop",
		}, "provider.example", []string{"dns.udp53-blocked"}, checks.Pass, func(f dns.Facts) bool { return f.UDP53 == "blocked" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := resolving(t, c.dnsmasq...)
			shell(t, o.Routers[0], c.router...)
			rep, _ := run(t, o.Phone, "check", "dns", "--sip-server", c.server, "--stun", lab.STUNServerAddr, "--format", "json")
			var f dns.Facts
			raw, err := json.Marshal(rep.Result("dns").Facts)
			if err == nil {
				err = json.Unmarshal(raw, &f)
			}
			if err != nil {
				t.Fatal(err)
			}
			if ids := findings(rep); !slices.Equal(ids, c.findings) || rep.Result("dns").Status != c.status || !c.want(f) {
				t.Errorf("findings %v, want %v\n%s%s", ids, c.findings, explain(rep), raw)
			}
		})
	}
}

// The office's resolver is gone: a lab machine's own resolv.conf names one
// that does not run.
func TestNobodyAnswersNames(t *testing.T) {
	t.Parallel()
	need(t)
	o, err := lab.Build(t.Context(), scenario(t, "clean"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	for server, want := range map[string]checks.Status{
		"provider.example": checks.Fail, // nobody knows it
		"sip.lab":          checks.Warn, // the hosts file does
	} {
		rep, _ := run(t, o.Phone, "check", "dns", "--no-public", "--sip-server", server, "--stun", lab.STUNServerAddr, "--format", "json")
		if got := rep.Result("dns"); got.Status != want || !slices.Equal(findings(rep), []string{"dns.no-answer"}) {
			t.Errorf("%s: %s %v\n%s", server, got.Status, findings(rep), explain(rep))
		}
	}
}
