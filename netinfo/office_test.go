//go:build linux

package netinfo_test

import (
	"errors"
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
)

// insideEnv marks the copy of the test program that runs in a network
// namespace of its own.
const insideEnv = "SIPDOCTOR_TEST_INSIDE"

// alone runs a test in a network namespace of its own (and with
// a /run of its own): it starts the test program again inside one, and reports that one's outcome as its own. It
// returns true in the copy, where the test goes on.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		must(t, up("lo"))
		// iptables-legacy locks a file in /run, which a user may not.
		must(t, syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""))
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		unavailable(t, fmt.Sprintf("no network namespaces here: %v", err))
	case err != nil:
		t.Fatalf("inside the namespace:\n%s", out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("inside the namespace:\n%s", out)
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

func needProgram(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if p, err := exec.LookPath(dir + name); err == nil {
			return p
		}
	}
	unavailable(t, name+" is not installed")
	return ""
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func up(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return netlink.LinkSetUp(l)
}

func address(name, prefix string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		return err
	}
	return netlink.AddrAdd(l, a)
}

func defaultRoute(via string) error {
	return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(via), Priority: 0})
}

// routerMAC is an address of MikroTik's.
var routerMAC = net.HardwareAddr{0x4c, 0x5e, 0x0c, 1, 2, 3}

// newRouter plugs a router into eth0 of the namespace the test runs in: eth0 is
// 192.168.88.10, the router 192.168.88.1 on lan0, its outer side wan0 is
// 91.198.174.1. The returned function runs another inside the router; sockets
// and programs opened there stay there.
func newRouter(t *testing.T) func(func()) {
	t.Helper()
	router, within := newNamespace(t)
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "lan0", PeerNamespace: netlink.NsFd(router), PeerHardwareAddr: routerMAC}))
	must(t, address("eth0", "192.168.88.10/24"), up("eth0"))
	within(func() {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wan0"}, PeerName: "wan1"}))
		must(t, up("lo"), address("lan0", "192.168.88.1/24"), up("lan0"), address("wan0", "91.198.174.1/24"), up("wan0"), up("wan1"))
	})
	must(t, defaultRoute("192.168.88.1"))
	return within
}

// newNamespace makes a network of its own. The function runs another in it.
func newNamespace(t *testing.T) (netns.NsHandle, func(func())) {
	t.Helper()
	ready, jobs, dead := make(chan netns.NsHandle), make(chan func()), make(chan struct{})
	go func() {
		defer close(dead)      // also when a function fails the test
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		ns, err := netns.New()
		if err != nil {
			t.Errorf("making a namespace: %v", err)
		}
		ready <- ns
		for f := range jobs {
			f()
			ready <- ns
		}
	}()
	t.Cleanup(func() { close(jobs) })
	return <-ready, func(f func()) {
		select {
		case jobs <- f:
		case <-dead:
			t.FailNow()
		}
		select {
		case <-ready:
		case <-dead:
			t.FailNow()
		}
	}
}

// newRouterBeyond puts a router behind that of newRouter, which then forwards:
// mid0 192.168.178.2 in the one, mid1 192.168.178.1 in the other.
func newRouterBeyond(t *testing.T, within func(func())) func(func()) {
	t.Helper()
	ns, beyond := newNamespace(t)
	within(func() {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "mid0"}, PeerName: "mid1", PeerNamespace: netlink.NsFd(ns)}))
		must(t, address("mid0", "192.168.178.2/24"), up("mid0"), forwards(), defaultRoute("192.168.178.1"))
	})
	beyond(func() {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wan0"}, PeerName: "wan1"}))
		must(t, up("lo"), address("mid1", "192.168.178.1/24"), up("mid1"), address("wan0", "91.198.175.1/24"), up("wan0"), up("wan1"), forwards(),
			routeBack("192.168.178.2"), defaultRoute("91.198.175.2"))
	})
	return beyond
}

func unaddress(name, prefix string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		return err
	}
	return netlink.AddrDel(l, a)
}

// forwards makes the calling thread's network forward.
func forwards() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) }

// routeBack leads to the office.
func routeBack(via string) error {
	return netlink.RouteReplace(&netlink.Route{Dst: &net.IPNet{IP: net.IPv4(192, 168, 88, 0).To4(), Mask: net.CIDRMask(24, 32)}, Gw: net.ParseIP(via)})
}
