//go:build linux

package packetfilter_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// The ground is a machine in a network namespace and, in another, the far ends
// of its two cables. Nothing of it touches the network of the computer.
//
//	world -- eth0 192.0.2.1, 198.51.100.1 machine 10.99.0.1 eth1 -- world
//
// Packets are put on a cable as they are, so any source address will do, and
// what came of them is seen in three places: raw sockets of the machine, which
// get what the INPUT hooks let in; the far ends of the cables, which see what
// is answered and what is forwarded; and the error of a local send.
//
// No clock decides. Everything happens on one processor, whose backlog takes
// packets in the order in which they were sent, so a frame of another kind,
// sent last and seen at the far side, proves that all before it are through.
type ground struct {
	world      netns.NsHandle
	cables     map[string]*cable
	raw        []rawSocket // of the machine
	send4      int         // raw sockets that send whole packets
	send6      int
	nextID     uint32
	evaluating time.Duration
	listed     []listing          // what is loaded now
	judged     int                // rulesets, by the kernel
	host       *packetfilter.Host // what the kernel asks besides the rules
	// What the last rulebook left behind.
	hadLegacy4, hadLegacy6 bool
}

type cable struct {
	far, near     int // packet sockets
	farIf, nearIf int
	farMAC, mac   [6]byte
}

type rawSocket struct {
	fd    int
	proto uint8
	v4    bool // the IP header comes with the packet
}

const sentinelType = 0x88b5 // IEEE 802 local experimental

const insideEnv = "SIPDOCTOR_TEST_REFEREE"

// alone runs the test once more in a process with namespaces of its own, and
// returns true there. In the outer process it takes over the result.
func alone(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		must(t, syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
		// iptables-legacy locks a file in /run, which a user may not.
		must(t, syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""))
		return true
	}
	for _, p := range []string{"nft", "ipset", "iptables-legacy-restore", "iptables-nft-restore", "ip6tables-legacy-restore", "ip6tables-nft-restore"} {
		if _, err := exec.LookPath(p); err != nil {
			unavailable(t, p+" is not installed")
		}
	}
	args := []string{"-test.run=^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$", "-test.v"}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(append(os.Environ(), env...), insideEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	// The child dies with the thread that made it: keep that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		unavailable(t, fmt.Sprintf("no network namespaces here: %v", err))
	case err != nil:
		t.Fatalf("inside the namespace:\n%s", out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("inside the namespace:\n%s", out)
	default:
		t.Logf("%s", out)
	}
	return false
}

// unavailable skips a test with its reason; where the lab is required it fails.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// newGround builds the machine in this process's namespace. The calling
// goroutine keeps its thread, on one processor, for good.
func newGround(t *testing.T) *ground {
	t.Helper()
	runtime.LockOSThread()
	here, err := netns.Get()
	must(t, err)
	g := &ground{cables: map[string]*cable{}, nextID: 0x10000000}
	if g.world, err = netns.New(); err != nil {
		unavailable(t, fmt.Sprintf("no network namespaces here: %v", err))
	}
	must(t, sysctl("ipv6/conf/all/disable_ipv6", "1"), netns.Set(here), pin())
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0", "ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
		"ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0", "ipv4/icmp_echo_ignore_broadcasts": "0",
	} {
		must(t, sysctl(name, value))
	}
	// Kernels before 6.13 have one limit of this kind for all namespaces.
	_ = sysctl("ipv4/icmp_msgs_per_sec", "1000000")
	_ = sysctl("ipv4/icmp_msgs_burst", "1000000")
	lo, err := netlink.LinkByName("lo")
	must(t, err, netlink.LinkSetUp(lo))
	g.cables["eth0"] = g.lay(t, "eth0", "192.0.2.1/24", "198.51.100.1/32", "2001:db8:1::1/64", "2001:db8:2::1/128")
	g.cables["eth1"] = g.lay(t, "eth1", "10.99.0.1/24", "2001:db8:9::1/64")
	g.route(t, "eth0", "0.0.0.0/0", "192.0.2.254")
	g.route(t, "eth0", "::/0", "2001:db8:1::fffe")
	g.route(t, "eth1", "203.0.113.0/24", "10.99.0.254")
	g.route(t, "eth1", "2001:db8:113::/48", "2001:db8:9::fffe")
	g.openRaw(t)
	g.host, err = packetfilter.ReadHost(t.Context(), platform.ThisSystem())
	must(t, err)
	return g
}

// pin keeps this thread on the processor it runs on.
func pin() error {
	var cpu unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpu); err != nil {
		return err
	}
	var all []int
	for i := range 1024 {
		if cpu.IsSet(i) {
			all = append(all, i)
		}
	}
	cpu.Zero()
	cpu.Set(all[os.Getpid()%len(all)])
	return unix.SchedSetaffinity(0, &cpu)
}

func sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
}

// lay joins the machine to the world with one cable.
func (g *ground) lay(t *testing.T, name string, addrs ...string) *cable {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name, PeerNamespace: netlink.NsFd(g.world),
	}))
	l, err := netlink.LinkByName(name)
	must(t, err)
	for _, s := range addrs {
		a, err := netlink.ParseAddr(s)
		must(t, err)
		a.Flags = unix.IFA_F_NODAD
		must(t, netlink.AddrAdd(l, a))
	}
	must(t, netlink.LinkSetUp(l))
	h, err := netlink.NewHandleAt(g.world)
	must(t, err)
	defer h.Close()
	far, err := h.LinkByName(name)
	must(t, err, h.LinkSetUp(far))
	c := &cable{farIf: far.Attrs().Index, nearIf: l.Attrs().Index}
	copy(c.farMAC[:], far.Attrs().HardwareAddr)
	copy(c.mac[:], l.Attrs().HardwareAddr)
	c.near = packetSocket(t, c.nearIf, sentinelType)
	here, err := netns.Get()
	must(t, err, netns.Set(g.world))
	c.far = packetSocket(t, c.farIf, unix.ETH_P_ALL)
	must(t, netns.Set(here))
	return c
}

// route sends a prefix to a neighbour at the far end whose address is known, so
// that nothing has to be asked.
func (g *ground) route(t *testing.T, dev, prefix, via string) {
	t.Helper()
	c := g.cables[dev]
	must(t, netlink.NeighSet(&netlink.Neigh{
		LinkIndex: c.nearIf, State: netlink.NUD_PERMANENT, IP: net.ParseIP(via), HardwareAddr: c.farMAC[:],
	}))
	_, dst, err := net.ParseCIDR(prefix)
	must(t, err, netlink.RouteAdd(&netlink.Route{LinkIndex: c.nearIf, Dst: dst, Gw: net.ParseIP(via)}))
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func packetSocket(t *testing.T, index int, ethertype uint16) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(ethertype)))
	must(t, err, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(ethertype), Ifindex: index}), roomy(fd))
	return fd
}

// roomy makes a socket that holds a whole salvo, and that gives up on a read
// only when something is broken.
func roomy(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	if err != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20)
	}
	return errors.Join(err, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}))
}

func (g *ground) openRaw(t *testing.T) {
	t.Helper()
	open := func(family, proto int) int {
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
		must(t, err, roomy(fd))
		return fd
	}
	for _, p := range []uint8{protoICMP, protoTCP, protoUDP, protoGRE} {
		g.raw = append(g.raw, rawSocket{open(unix.AF_INET, int(p)), p, true})
	}
	for _, p := range []uint8{protoTCP, protoUDP, protoGRE, protoICMPv6} {
		g.raw = append(g.raw, rawSocket{open(unix.AF_INET6, int(p)), p, false})
	}
	g.send4, g.send6 = open(unix.AF_INET, unix.IPPROTO_RAW), open(unix.AF_INET6, unix.IPPROTO_RAW)
}

// outcome is what came of a shot.
type outcome struct {
	verdict string // "accept", "reject" or "drop"
	with    string // of a reject: the ICMP type and code, or "reset"
	dport   uint16 // of an accept: the port that it arrived at
	// src and dst are its addresses as it arrived; the twin of a router notes them.
	src, dst netip.Addr
}

// fire sends a salvo and returns what came of each shot, in the same order.
func (g *ground) fire(t *testing.T, shots []shot) []outcome {
	t.Helper()
	got := make([]outcome, len(shots))
	byID := map[uint32]int{}
	for i := range shots {
		g.nextID += 3
		shots[i].id = g.nextID
		byID[g.nextID] = i
		got[i].verdict = "drop"
	}
	for _, s := range shots {
		g.launch(t, s)
	}
	note := func(tr trace, arrived bool) {
		i, ok := byID[tr.id]
		switch {
		case !ok:
		case arrived && tr.reject == "" && got[i].verdict != "accept":
			got[i] = outcome{verdict: "accept", dport: tr.dport}
		case tr.reject != "" && got[i].verdict == "drop":
			got[i] = outcome{verdict: "reject", with: tr.reject}
		}
	}
	for _, c := range g.cables {
		g.sentinel(t, c.far, c.farIf, c.mac, c.farMAC)
		g.collect(t, c.near, nil)
	}
	g.drain(t, func(tr trace) {
		i, ok := byID[tr.id]
		note(tr, ok && shots[i].hook == "input")
	})
	for _, c := range g.cables {
		g.sentinel(t, c.near, c.nearIf, c.farMAC, c.mac)
		g.collect(t, c.far, func(tr trace) {
			// Also a packet for the machine that was sent on to another.
			note(tr, true)
		})
	}
	return got
}

func (g *ground) launch(t *testing.T, s shot) {
	t.Helper()
	if s.hook != "output" {
		c := g.cables[s.in]
		to := unix.SockaddrLinklayer{Ifindex: c.farIf, Halen: 6, Protocol: htons(0x0800)}
		copy(to.Addr[:], c.mac[:])
		for _, f := range s.frames(c.mac, c.farMAC) {
			must(t, unix.Sendto(c.far, f, 0, &to))
		}
		return
	}
	var err error
	if s.dst.Is4() {
		err = unix.Sendto(g.send4, s.packet(), 0, &unix.SockaddrInet4{Addr: s.dst.As4()})
	} else {
		err = unix.Sendto(g.send6, s.packet(), 0, &unix.SockaddrInet6{Addr: s.dst.As16()})
	}
	if err != nil && !errors.Is(err, unix.EPERM) {
		t.Fatalf("sending %v: %v", s, err)
	}
}

// sentinel sends the frame that no rule can stop.
func (g *ground) sentinel(t *testing.T, fd, index int, to, from [6]byte) {
	t.Helper()
	b := append(append([]byte{}, to[:]...), from[:]...)
	b = append(b, sentinelType>>8, sentinelType&0xff)
	b = append(b, make([]byte, 46)...)
	addr := unix.SockaddrLinklayer{Ifindex: index, Halen: 6, Protocol: htons(sentinelType)}
	copy(addr.Addr[:], to[:])
	must(t, unix.Sendto(fd, b, 0, &addr))
}

// collect reads a packet socket up to the sentinel that came in.
func (g *ground) collect(t *testing.T, fd int, each func(trace)) {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatalf("waiting for the sentinel: %v", err)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING || n < 14 {
			continue
		}
		if buf[12] == sentinelType>>8 && buf[13] == sentinelType&0xff {
			return
		}
		if tr, ok := readPacket(buf[14:n]); ok && each != nil {
			each(tr)
		}
	}
}

// drain reads what the machine's raw sockets hold.
func (g *ground) drain(t *testing.T, each func(trace)) {
	t.Helper()
	buf := make([]byte, 4096)
	for _, s := range g.raw {
		for {
			n, _, err := unix.Recvfrom(s.fd, buf, unix.MSG_DONTWAIT)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			must(t, err)
			b := buf[:n]
			if s.v4 {
				if tr, ok := readPacket(b); ok {
					each(tr)
				}
			} else if tr, ok := readBody(s.proto, b); ok {
				each(tr)
			}
		}
	}
}
