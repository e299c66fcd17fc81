//go:build linux

package netinfo_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

var byAddr = cmpopts.EquateComparable(netip.Addr{})

func gather(t *testing.T) *netinfo.Host {
	t.Helper()
	start := time.Now()
	h, err := netinfo.Gather(context.Background(), platform.ThisSystem(), platform.Real(platform.RealOptions{}), netinfo.Options{})
	must(t, err)
	t.Logf("%v: %+v\nrouter %+v", time.Since(start), h, h.Router)
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("gathering took %v; its budget is 2 s", d)
	}
	return h
}

// A router with port mapping switched on tells its outer address three ways;
// miniupnpd is what OpenWrt, pfSense and OPNsense run.
func TestOpenWrtRouterTellsItsOuterAddress(t *testing.T) {
	daemon := needProgram(t, "miniupnpd")
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	startMiniUPnPd(t, within, daemon)
	h := gather(t)
	if h.Router == nil {
		t.Fatal("the router was not found")
	}
	wan := netip.MustParseAddr("91.198.174.1")
	want := []netinfo.External{{Method: "upnp", Addr: wan}, {Method: "nat-pmp", Addr: wan}}
	if diff := cmp.Diff(want, h.Router.External, byAddr); diff != "" {
		t.Errorf("outer addresses (-want +got):\n%s", diff)
	}
	if h.Router.Platform != "openwrt" || h.Router.Confidence != "certain" || h.Router.Model != "OpenWrt Router 23.05" {
		t.Errorf("recognised as %+v", h.Router)
	}
	if !hasClue(h, "pcp", "version 2, result 0") {
		t.Errorf("PCP is missing in %+v", h.Router.Clues)
	}
	u := netinfo.Uplink{
		Interface: "eth0", Local: []netip.Addr{netip.MustParseAddr("192.168.88.10")}, Gateway: netip.MustParseAddr("192.168.88.1"),
		GatewayMAC: "4c:5e:0c:01:02:03", GatewayVendor: "MikroTik", MTU: 1500, DefaultRoute: true, Kind: "ethernet",
	}
	if diff := cmp.Diff(u, h.Uplink, byAddr); diff != "" {
		t.Errorf("uplink (-want +got):\n%s", diff)
	}
}

// A router whose SNMP agent answers everybody names itself, and its product. With
// another community, or to others than the office, it says nothing.
func TestRouterThatSpeaksSNMPIsNamed(t *testing.T) {
	daemon := needProgram(t, "snmpd")
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	for _, tt := range []struct {
		community string
		want      bool
	}{{"secret", false}, {"public", true}} {
		stop := startSNMPd(t, within, daemon, tt.community)
		h := gather(t)
		stop()
		named := h.Router != nil && hasClue(h, "snmp", "RouterOS RB750Gr3") && hasClue(h, "snmp-object", "1.3.6.1.4.1.14988.1")
		if named != tt.want || named && (h.Router.Platform != "mikrotik" || h.Router.Confidence != "certain") {
			t.Errorf("community %q: recognised as %+v", tt.community, h.Router)
		}
	}
}

// A router that tells its neighbours on the wire what it is, as those of Cisco,
// MikroTik and VyOS do; the machine itself announces nothing.
func TestRouterThatAnnouncesItselfIsNamed(t *testing.T) {
	daemon := needProgram(t, "lldpd")
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	must(t, os.MkdirAll("/run/lldpd", 0o755))
	for method, flag := range map[string]string{"lldp": "-c", "cdp": "-cc"} {
		heard := &netinfo.Heard{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- platform.HearAnnouncements(ctx, "eth0", heard.Add) }()
		cmd := exec.Command(daemon, "-d", flag, "-I", "lan0", "-S", "VyOS 1.4.0", "-u", "/run/lldpd/lldpd.socket", "-O", "/dev/null")
		within(func() { must(t, cmd.Start()) })
		h := gather(t)
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && !hasClue(h, method, ""); time.Sleep(50 * time.Millisecond) {
			h.Hear(heard)
		}
		if h.Router.Platform != "vyos" || !hasClue(h, method, "VyOS 1.4.0") {
			t.Errorf("%s: recognised as %+v", method, h.Router)
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func startSNMPd(t *testing.T, within func(func()), daemon, community string) (stop func()) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "snmpd.conf")
	must(t, os.WriteFile(conf, []byte("rocommunity "+community+` 192.168.88.0/24
sysDescr RouterOS RB750Gr3
sysObjectID .1.3.6.1.4.1.14988.1
`), 0o600))
	cmd := exec.Command(daemon, "-f", "-C", "-c", conf, "-Loe", "-p", filepath.Join(dir, "pid"), "udp:192.168.88.1:161")
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir)
	within(func() {
		must(t, cmd.Start())
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			c, err := net.ListenPacket("udp4", "192.168.88.1:161")
			if err != nil {
				return
			}
			c.Close()
		}
		t.Error("snmpd does not listen")
	})
	return func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func startMiniUPnPd(t *testing.T, within func(func()), daemon string) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "miniupnpd.conf")
	must(t, os.WriteFile(conf, []byte(`ext_ifname=wan0
listening_ip=lan0
http_port=0
enable_upnp=yes
enable_natpmp=yes
secure_mode=yes
uuid=fc4ec57e-b051-11db-88f8-0060085db3f6
friendly_name=Office router
manufacturer_name=OpenWrt
model_name=OpenWrt Router
model_number=23.05
`), 0o600))
	cmd := exec.Command(daemon, "-d", "-f", conf, "-P", filepath.Join(filepath.Dir(conf), "pid"))
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	within(func() {
		must(t, cmd.Start())
		// It is ready when NAT-PMP, which it opens last, can be bound no more.
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			c, err := net.ListenPacket("udp4", "192.168.88.1:5351")
			if err != nil {
				return
			}
			c.Close()
		}
		t.Error("miniupnpd does not listen")
	})
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("miniupnpd said:\n%s", log.String())
		}
	})
}

func hasClue(h *netinfo.Host, method, part string) bool {
	return slices.ContainsFunc(h.Router.Clues, func(c netinfo.Clue) bool { return c.Method == method && strings.Contains(c.Value, part) })
}

// A RouterOS box names itself on its front page and, when asked, by a broadcast.
func TestMikroTikRouterIsNamed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	within(func() {
		serveMNDP(t, "0.0.0.0:5678")
		serveHTTP(t, "192.168.88.1:80", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "<html><head><title>RouterOS router configuration page</title></head><body><h1>RouterOS v6.49.7</h1></body></html>")
		})
	})
	h := gather(t)
	if h.Router == nil {
		t.Fatal("the router was not found")
	}
	got := *h.Router
	got.Clues = nil
	want := netinfo.Router{
		Platform: "mikrotik", Vendor: "MikroTik", Model: "RB750Gr3", Version: "7.15.3 (stable)", Name: "office-gw", Confidence: "certain",
	}
	if diff := cmp.Diff(want, got, byAddr); diff != "" {
		t.Errorf("router (-want +got):\n%s\nclues %+v", diff, h.Router.Clues)
	}
	for method, value := range map[string]string{"oui": "MikroTik", "mndp": "RB750Gr3", "http-title": "RouterOS router", "http-body": "RouterOS v6.49.7"} {
		if !hasClue(h, method, value) {
			t.Errorf("no clue by %s in %+v", method, h.Router.Clues)
		}
	}
}

// Behind the office's router there is a modem that routes: it shows itself by the
// question that dies there, and by its page. A carrier's router is not asked.
func TestTheRouterBeyondIsNamed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	beyond := newRouterBeyond(t, within)
	asked := make(chan string, 100)
	beyond(func() {
		serveHTTP(t, "0.0.0.0:80", func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Host
			fmt.Fprint(w, "<html><head><title>FRITZ!Box 7590</title></head></html>")
		})
	})
	h := gather(t)
	b := h.Beyond
	if b == nil || b.Addr != netip.MustParseAddr("192.168.178.1") || b.Router.Platform != "fritzbox" || b.Router.Confidence != "certain" {
		t.Errorf("beyond is %+v", b)
	}
	if h.Router == nil || h.Router.Platform != "mikrotik" {
		t.Errorf("the router is %+v", h.Router)
	}
	if len(asked) == 0 {
		t.Error("the modem was not asked")
	}
	for len(asked) > 0 {
		<-asked
	}
	beyond(func() { must(t, address("mid1", "100.64.0.1/24"), unaddress("mid1", "192.168.178.1/24")) })
	within(func() {
		must(t, unaddress("mid0", "192.168.178.2/24"), address("mid0", "100.64.0.2/24"), defaultRoute("100.64.0.1"))
	})
	beyond(func() { must(t, routeBack("100.64.0.2")) })
	if h := gather(t); h.Beyond != nil || len(asked) > 0 {
		t.Errorf("a carrier's router is asked what it is: %+v", h.Beyond)
	}
}

// serveMNDP announces a RouterOS device by broadcast whenever it hears a
// request, as RouterOS does.
func serveMNDP(t *testing.T, addr string) {
	t.Helper()
	c, err := net.ListenPacket("udp4", addr)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	b := []byte{0, 0, 0, 1}
	for _, f := range []struct {
		kind  uint16
		value string
	}{{1, string(routerMAC)}, {5, "office-gw"}, {7, "7.15.3 (stable)"}, {8, "MikroTik"}, {12, "RB750Gr3"}} {
		b = binary.BigEndian.AppendUint16(b, f.kind)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.value)))
		b = append(b, f.value...)
	}
	go func() {
		buf := make([]byte, 100)
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if n == 4 {
				c.WriteTo(b, &net.UDPAddr{IP: net.IPv4(192, 168, 88, 255), Port: 5678})
			}
		}
	}()
}

func serveHTTP(t *testing.T, addr string, f http.HandlerFunc) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	must(t, err)
	s := &http.Server{Handler: f}
	t.Cleanup(func() { s.Close() })
	go s.Serve(l)
}

// Whatever the router's answers point at, only the router itself is asked.
func TestRouterCannotSendUsElsewhere(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	asked := make(chan string, 100)
	within(func() {
		must(t, address("lan0", "192.168.88.99/24"))
		serveHTTP(t, "192.168.88.99:80", func(w http.ResponseWriter, r *http.Request) { asked <- r.URL.String() })
		serveHTTP(t, "192.168.88.1:80", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/desc.xml" {
				fmt.Fprint(w, `<root><device><manufacturer>Acme</manufacturer><serviceList><service>
					<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
					<controlURL>http://192.168.88.99/control</controlURL></service></serviceList></device></root>`)
				return
			}
			http.Redirect(w, r, "http://192.168.88.99/front", http.StatusFound)
		})
		serveSSDP(t, "http://192.168.88.99/other.xml", "http://192.168.88.1/desc.xml")
	})
	h := gather(t)
	if !hasClue(h, "upnp", "Acme") {
		t.Errorf("the router's own description was not read: %+v", h.Router)
	}
	select {
	case u := <-asked:
		t.Errorf("a stranger was asked for %s", u)
	default:
	}
}

// serveSSDP answers every search with each location in turn.
func serveSSDP(t *testing.T, locations ...string) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "192.168.88.1:1900")
	must(t, err)
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			_, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, l := range locations {
				fmt.Fprintf(writerTo{c, from}, "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: %s\r\nSERVER: Acme/1.0 UPnP/1.0\r\n\r\n", l)
			}
		}
	}()
}

type writerTo struct {
	c  net.PacketConn
	to net.Addr
}

func (w writerTo) Write(b []byte) (int, error) { return w.c.WriteTo(b, w.to) }

// A router that says nothing leaves the facts of the machine, and no router.
func TestSilentRouterIsNoError(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	within(func() {
		if nft, err := exec.LookPath("/usr/sbin/nft"); err == nil {
			must(t, exec.Command(nft, "add table inet f; add chain inet f i { type filter hook input priority 0; policy drop; }").Run())
		}
	})
	h := gather(t)
	if h.Router == nil || h.Router.Platform != "mikrotik" || h.Router.Confidence != "likely" {
		t.Errorf("only its hardware address speaks: %+v", h.Router)
	}
	if h.Uplink.GatewayUnresolved {
		t.Error("it answers ARP")
	}
}

// A gateway that nobody owns is told from one that keeps its mouth shut.
func TestWrongGatewayIsNoticed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	newRouter(t)
	must(t, exec.Command(needProgram(t, "ip"), "route", "replace", "default", "via", "192.168.88.254").Run())
	h := gather(t)
	if !h.Uplink.GatewayUnresolved || h.Uplink.GatewayMAC != "" || h.Router != nil {
		t.Errorf("uplink %+v, router %+v", h.Uplink, h.Router)
	}
}

// Without any network there are facts about the machine, notes and no error.
func TestNoNetworkIsNoError(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	h := gather(t)
	if diff := cmp.Diff(netinfo.Uplink{}, h.Uplink, byAddr); diff != "" {
		t.Errorf("uplink (-want +got):\n%s", diff)
	}
	if h.OS != "linux" || h.Router != nil {
		t.Errorf("host %+v", h)
	}
}

// A pulled cable leaves the interface, without a link.
func TestPulledCableIsNoticed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	within(func() { must(t, exec.Command(needProgram(t, "ip"), "link", "set", "lan0", "down").Run()) })
	h := gather(t)
	if h.Uplink.Interface != "eth0" || !h.Uplink.Down {
		t.Errorf("uplink %+v", h.Uplink)
	}
}

// Looking for SIP helper rules leaves no trace: listing a table of
// iptables-legacy that does not exist would create it.
func TestReadingThePacketFilterChangesNothing(t *testing.T) {
	t.Parallel()
	needProgram(t, "iptables-legacy")
	if !alone(t) {
		return
	}
	_, err := netinfo.Gather(context.Background(), platform.ThisSystem(), nil, netinfo.Options{Budget: 10 * time.Second})
	must(t, err)
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		if b, _ := os.ReadFile("/proc/thread-self/net/" + name); len(b) != 0 {
			t.Errorf("%s now has %q", name, b)
		}
	}
	if out, err := exec.Command(needProgram(t, "nft"), "list", "ruleset").CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("nft now has %s (%v)", out, err)
	}
}

// The commands printed for the SIP helper rules of this machine are run: the
// rules are gone, and the undo puts each back in its place.
func TestSIPHelperRulesGoAndComeBack(t *testing.T) {
	sh, nft := needProgram(t, "sh"), needProgram(t, "nft")
	for _, p := range []string{"iptables-legacy", "iptables-nft", "ip6tables-nft"} {
		needProgram(t, p)
	}
	t.Parallel()
	if !alone(t) {
		return
	}
	run := func(command string) string {
		t.Helper()
		out, err := exec.Command(sh, "-c", "PATH=/usr/sbin:/sbin:$PATH\n"+command).CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%s", command, out)
		}
		return string(out)
	}
	script, err := os.ReadFile("../testdata/hosts/sip-helpers/rules.sh")
	must(t, err)
	run(string(script))
	if _, err := os.ReadFile("/proc/thread-self/net/ip_tables_names"); err != nil {
		unavailable(t, fmt.Sprintf("only the machine's root may see which tables iptables-legacy has: %v", err))
	}
	listing := "iptables-legacy -t raw -S; iptables-nft -t raw -S; ip6tables-nft -t raw -S; " + nft + " list table inet office"
	before := run(listing)
	h, err := netinfo.Gather(context.Background(), platform.ThisSystem(), nil, netinfo.Options{Budget: 10 * time.Second})
	must(t, err)
	if len(h.SIPHelpers) != 7 {
		t.Fatalf("%d rules found, notes %q", len(h.SIPHelpers), h.Notes)
	}
	for _, s := range h.SIPHelpers {
		run(s.Del)
	}
	again, err := netinfo.Gather(context.Background(), platform.ThisSystem(), nil, netinfo.Options{Budget: 10 * time.Second})
	must(t, err)
	if len(again.SIPHelpers) != 0 {
		t.Errorf("still there: %+v", again.SIPHelpers)
	}
	for _, s := range h.SIPHelpers {
		run(s.Add)
	}
	if diff := cmp.Diff(before, run(listing)); diff != "" {
		t.Errorf("rules before and after (-before +after):\n%s", diff)
	}
}

// A VPN laid by policy routing, as wg-quick does it: the main table keeps its
// default route, and the machine's traffic leaves through the tunnel.
func TestPolicyRoutedVPNIsNoticed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	within := newRouter(t)
	// This one hears broadcasts only: the question must go into the office's
	// network, not into the tunnel.
	within(func() { serveMNDP(t, "255.255.255.255:5678") })
	ip := needProgram(t, "ip")
	if out, err := exec.Command(ip, "tuntap", "add", "tun0", "mode", "tun").CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("no tun device: %s", out))
	}
	for _, command := range []string{
		"addr add 10.7.0.2/32 dev tun0", "link set tun0 up", "route add default dev tun0 table 51820",
		"rule add not fwmark 51820 table 51820", "rule add table main suppress_prefixlength 0",
	} {
		if out, err := exec.Command(ip, strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %s", command, out)
		}
	}
	h := gather(t)
	if h.Router == nil || h.Router.Name != "office-gw" {
		t.Errorf("the office's router: %+v", h.Router)
	}
	u := h.Uplink
	if !u.VPN || u.VPNInterface != "tun0" || u.Interface != "eth0" || u.Gateway.String() != "192.168.88.1" || u.GatewayMAC == "" {
		t.Errorf("uplink %+v", u)
	}
}

// An IPv6 office: the second gateway and a global address.
func TestIPv6OfficeIsNoticed(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	newRouter(t)
	ip := needProgram(t, "ip")
	for _, command := range []string{"-6 addr add 2001:db8:88::10/64 dev eth0 nodad", "-6 route add default via fe80::1 dev eth0"} {
		if out, err := exec.Command(ip, strings.Fields(command)...).CombinedOutput(); err != nil {
			unavailable(t, fmt.Sprintf("no IPv6: %s", out))
		}
	}
	u := gather(t).Uplink
	if !u.IPv6 || u.Gateway6.String() != "fe80::1" || len(u.Local) != 2 {
		t.Errorf("uplink %+v", u)
	}
}
