package labtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The firewalls that testdata/lab-tools.sh unpacks: real ones, of which nothing
// is installed on the machine.

// unpacked lays the unpacked programs over the server's own.
func (p *pbx) unpacked(programs ...string) {
	p.t.Helper()
	cache, err := os.UserCacheDir()
	root := filepath.Join(cache, "sipdoctor-lab", "root")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "packages"))
	}
	if err != nil {
		missing(p.t, "the firewalls that testdata/lab-tools.sh unpacks are not there: "+err.Error())
	}
	shell(p.t, p.node, "cp -a "+root+"/etc/. /etc/", "mount -t overlay -o lowerdir="+root+"/usr:/usr overlay /usr")
	for _, name := range programs {
		if out, err := p.node.Command(p.t.Context(), "sh", "-c", "PATH=$PATH:/usr/sbin command -v "+name).CombinedOutput(); err != nil {
			missing(p.t, name+" was not unpacked: "+string(out))
		}
	}
}

// missing skips the test, or fails it where the lab is required.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatal("SIPDOCTOR_LAB=require, and " + why)
	}
	t.Skip(why)
}

// daemon starts a program that serves until the test ends.
func (p *pbx) daemon(name string, args ...string) {
	p.t.Helper()
	cmd := p.node.Command(context.Background(), "/usr/bin/env", append([]string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", name}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("%s said: %s", name, out.String())
		}
	})
}

// says runs a line and returns what it prints, also when it fails.
func (p *pbx) says(line string) string {
	cmd := p.node.Command(p.t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func TestUFW(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables")
	p.unpacked("ufw")
	shell(t, p.node,
		"cd /usr/share/ufw/iptables && cp before.rules before6.rules after.rules after6.rules user.rules user6.rules /etc/ufw/",
		"cd /usr/share/ufw && cp ufw.conf before.init after.init /etc/ufw/",
		"ufw --force enable", "ufw allow 5060/udp", "ufw allow 5060:5061/tcp", "ufw allow 10000:20000/udp",
		"ufw insert 1 deny from 192.0.2.11", "ufw insert 1 reject from 192.0.2.32/28", "ufw deny from 192.0.2.12",
		"ufw prepend deny from 2001:db8:7::7")
	for _, tt := range []struct {
		name string
		proof
	}{
		{"an address", proof{from: "192.0.2.11", layer: "ufw", says: "is blocked by ufw"}},
		{"a network", proof{from: "192.0.2.33", layer: "ufw", byHand: true}},
		{"IPv6", proof{from: "2001:db8:7::7", layer: "ufw"}},
	} {
		t.Run(tt.name, func(t *testing.T) { p.with(t).prove(tt.proof) })
	}
	t.Run("a rule behind the one that lets everybody in", func(t *testing.T) {
		p := p.with(t)
		w := p.why("192.0.2.12")
		if b := w.block("ufw", ""); !p.passes("192.0.2.12") || w.exit != 0 || b == nil || b.Effective {
			t.Errorf("%s", w.text())
		}
	})
	t.Run("nobody let SIP in", func(t *testing.T) {
		p := p.with(t)
		shell(t, p.node, "ufw delete allow 5060/udp", "ufw delete allow 5060:5061/tcp", "ufw delete allow 10000:20000/udp")
		p.prove(proof{from: "192.0.2.13", says: "does not let 192.0.2.13 in"})
	})
}

const busOfTheLab = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy></busconfig>`

// As firewall-cmd --permanent writes them.
const (
	publicZone = `<zone><port port="5060" protocol="udp"/><port port="5060-5061" protocol="tcp"/><port port="10000-20000" protocol="udp"/>` +
		`<rule family="ipv4"><source address="192.0.2.11"/><reject/></rule></zone>`
	dropZone = `<zone target="DROP"><source ipset="bad"/></zone>`
	badSet   = `<ipset type="hash:net"><entry>192.0.2.32/28</entry></ipset>`
)

func TestFirewalld(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "nft", "dbus-daemon")
	p.unpacked("firewalld", "firewall-cmd")
	shell(t, p.node, "mkdir -p /run/dbus /etc/firewalld/zones /etc/firewalld/ipsets", "echo '"+busOfTheLab+"' > /run/bus.conf",
		"echo '"+publicZone+"' > /etc/firewalld/zones/public.xml", "echo '"+dropZone+"' > /etc/firewalld/zones/drop.xml", "echo '"+badSet+"' > /etc/firewalld/ipsets/bad.xml")
	p.daemon("dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile")
	p.until("the bus", func() bool { return strings.Contains(p.says("ls /run/dbus"), "system_bus_socket") })
	p.daemon("firewalld", "--nofork", "--nopid")
	p.until("firewalld", func() bool { return p.says("timeout 3 firewall-cmd --state") == "running\n" })
	for _, tt := range []struct {
		name string
		proof
	}{
		{"a rich rule", proof{from: "192.0.2.11", layer: "firewalld", says: "is blocked by firewalld"}},
		{"an ipset in the zone drop", proof{from: "192.0.2.33", layer: "firewalld", byHand: true}},
	} {
		t.Run(tt.name, func(t *testing.T) { p.with(t).prove(tt.proof) })
	}
	t.Run("nobody let SIP in", func(t *testing.T) {
		p := p.with(t)
		shell(t, p.node, "firewall-cmd --remove-port=5060/udp --remove-port=5060-5061/tcp --remove-port=10000-20000/udp")
		p.prove(proof{from: "192.0.2.14", says: "does not let 192.0.2.14 in", byHand: true})
	})
}

func TestCrowdSec(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "nft")
	p.unpacked("crowdsec", "cscli", "crowdsec-firewall-bouncer")
	shell(t, p.node, "mkdir -p /var/lib/crowdsec/data",
		"echo url: http://127.0.0.1:8080 > /etc/crowdsec/local_api_credentials.yaml", "touch /etc/crowdsec/online_api_credentials.yaml",
		"cscli machines add -a --force")
	p.daemon("crowdsec", "-no-cs", "-no-capi")
	p.until("CrowdSec", func() bool { return strings.HasPrefix(p.says("cscli decisions list -o raw 2>/dev/null"), "id,") })
	shell(t, p.node,
		"cscli decisions add --ip 192.0.2.11 --duration 30m --reason crowdsecurity/asterisk_bf",
		"cscli decisions add --range 192.0.2.32/28 --duration 30m --reason crowdsecurity/asterisk_user_enum",
		"cscli decisions add --ip 192.0.2.12 --duration 30m --type captcha --reason http",
		`sed "s/\${BACKEND}/nftables/; s/\${API_KEY}/$(cscli bouncers add fw -o raw)/; s/update_frequency: .*/update_frequency: 1s/" /etc/crowdsec/bouncers/*.yaml > /run/bouncer.yaml`)
	p.daemon("crowdsec-firewall-bouncer", "-c", "/run/bouncer.yaml")
	p.until("the bouncer", func() bool { return strings.Contains(p.says("nft list ruleset"), "192.0.2.11") })
	t.Run("an address", func(t *testing.T) {
		// The other cure wants the collections of CrowdSec's hub.
		p.with(t).prove(proof{from: "192.0.2.11", layer: "crowdsec", timed: true, says: "is blocked by crowdsec (crowdsecurity/asterisk_bf)", only: "free-everywhere", slow: true})
	})
	t.Run("a range that the bouncer's set cannot hold", func(t *testing.T) {
		p := p.with(t)
		w := p.why("192.0.2.34")
		if b := w.block("crowdsec", ""); !p.passes("192.0.2.34") || w.exit != 0 || b == nil || b.Effective {
			t.Errorf("%s", w.text())
		}
	})
	t.Run("a captcha is no block", func(t *testing.T) {
		p := p.with(t)
		if w := p.why("192.0.2.12"); !p.passes("192.0.2.12") || w.exit != 0 {
			t.Errorf("%s", w.text())
		}
	})
}
