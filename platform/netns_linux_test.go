package platform

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A netPath is a phone, a router and a server, each in a network namespace of its
// own without any link to the machine's network:
//
//	phone .10 -- 192.0.2.0/24, 2001:db8:1::/64 -- .1 router .1 -- 198.51.100.0/24, 2001:db8:2::/64 -- .2 server
type netPath struct {
	phone, router, server netns.NsHandle
}

// insideUserNamespace marks a test process that has been started again with
// rights over namespaces of its own.
const insideUserNamespace = "SIPDOCTOR_TEST_USERNS"

// onPath runs f on a new path. Without the right to make one, it runs the
// whole test again as the root of a user namespace and takes over its result.
func onPath(t *testing.T, f func(t *testing.T, p *netPath)) {
	t.Helper()
	ns, err := newNamespace()
	if err != nil {
		if os.Getenv(insideUserNamespace) != "" {
			without(t, "network namespaces", err)
		}
		runInUserNamespace(t)
		return
	}
	ns.Close()
	f(t, newPath(t))
}

func newPath(t *testing.T) *netPath {
	t.Helper()
	p := &netPath{}
	for _, ns := range []*netns.NsHandle{&p.phone, &p.router, &p.server} {
		var err error
		if *ns, err = newNamespace(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Close() })
	}
	inside(t, p.router, func() error {
		return firstError(
			cable("phone0", "192.0.2.1/24", "2001:db8:1::1/64", p.phone, "192.0.2.10/24", "2001:db8:1::10/64"),
			cable("server0", "198.51.100.1/24", "2001:db8:2::1/64", p.server, "198.51.100.2/24", "2001:db8:2::2/64"),
			sysctl("ipv4/ip_forward", "1"), sysctl("ipv6/conf/all/forwarding", "1"),
		)
	})
	inside(t, p.phone, func() error { return defaultRoutes("192.0.2.1", "2001:db8:1::1") })
	inside(t, p.server, func() error { return defaultRoutes("198.51.100.1", "2001:db8:2::1") })
	for _, ns := range []netns.NsHandle{p.router, p.server} {
		// Routers answer only so many probes a second; these tests do not wait.
		inside(t, ns, func() error {
			return firstError(sysctl("ipv4/icmp_ratelimit", "0"), sysctl("ipv6/icmp/ratelimit", "0"))
		})
	}
	return p
}

// without skips a test that needs what is not there, or fails where the lab is
// required.
func without(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatalf("SIPDOCTOR_LAB=require, but no %s here: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}

// newNamespace makes a network namespace with its loopback up.
func newNamespace() (ns netns.NsHandle, err error) {
	onOwnThread(func() {
		if ns, err = netns.New(); err != nil {
			return
		}
		var lo netlink.Link
		if lo, err = netlink.LinkByName("lo"); err == nil {
			// No duplicate address detection: it takes two seconds.
			err = firstError(netlink.LinkSetUp(lo), sysctl("ipv6/conf/default/accept_dad", "0"))
		}
	})
	return ns, err
}

// onOwnThread runs f on a thread that is thrown away afterwards, because its
// namespace is no longer the process's.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

// inside runs f in a namespace; sockets opened there stay there.
func inside(t *testing.T, ns netns.NsHandle, f func() error) {
	t.Helper()
	var err error
	onOwnThread(func() {
		if err = netns.Set(ns); err == nil {
			err = f()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// cable joins this namespace to another and gives both ends their addresses.
func cable(name, here4, here6 string, there netns.NsHandle, there4, there6 string) error {
	err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(there),
	})
	if err != nil {
		return fmt.Errorf("laying cable %s: %w", name, err)
	}
	if err := addresses(&netlink.Handle{}, name, here4, here6); err != nil {
		return err
	}
	h, err := netlink.NewHandleAt(there)
	if err != nil {
		return err
	}
	defer h.Close()
	return addresses(h, "eth0", there4, there6)
}

func addresses(h *netlink.Handle, name string, addrs ...string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	for _, s := range addrs {
		a, err := netlink.ParseAddr(s)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD // usable at once
		if err := h.AddrAdd(link, a); err != nil {
			return fmt.Errorf("giving %s the address %s: %w", name, s, err)
		}
	}
	return h.LinkSetUp(link)
}

func defaultRoutes(gateways ...string) error {
	for _, g := range gateways {
		if err := netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(g)}); err != nil {
			return fmt.Errorf("routing to %s: %w", g, err)
		}
	}
	return nil
}

func sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
}

// filter loads nftables rules into a namespace.
func filter(t *testing.T, ns netns.NsHandle, rules string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		without(t, "the program nft", err)
	}
	inside(t, ns, func() error {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("loading rules: %w: %s", err, out)
		}
		return nil
	})
}

// openIn opens a UDP socket in a namespace.
func openIn(t *testing.T, ns netns.NsHandle, local string) UDPConn {
	t.Helper()
	var c UDPConn
	inside(t, ns, func() error {
		c = openUDP(t, Real(RealOptions{}), local)
		return nil
	})
	return c
}

// runInUserNamespace runs this test once more as the root of a user namespace
// and takes over its result.
func runInUserNamespace(t *testing.T) {
	t.Helper()
	top, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+top+"$")
	cmd.Env = append(os.Environ(), insideUserNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil && bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("skipped in a user namespace:\n%s", out)
	case err == nil:
		t.Log("passed in a user namespace")
	case cmd.ProcessState == nil:
		without(t, "user namespaces", err)
	default:
		t.Fatalf("in a user namespace: %v\n%s", err, out)
	}
}
