package bans

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// besideSocket is this machine, with kamcmd asking a server of the test.
type besideSocket struct {
	platform.System
	socket string
}

func (s besideSocket) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	if program != "kamcmd" {
		return nil, os.ErrNotExist
	}
	return s.System.Run(ctx, program, append([]string{"-s", "unix:" + s.socket}, args...)...)
}

// A real Kamailio bans an address in its table; the reader says so, its command
// frees the address, and its undo bans it again.
func TestRealKamailioFreesAnAddress(t *testing.T) {
	sys, run := startKamailio(t)
	run("kamcmd htable.seti ipban 192.0.2.66 1")
	asked := netip.MustParsePrefix("192.0.2.66/32")
	ask := func() Answer {
		var a Answer
		Kamailio(context.Background(), sys, asked, &a)
		return a
	}
	a := ask()
	if len(a.Bans) != 1 || len(a.Notes) > 0 {
		t.Fatalf("%+v", a)
	}
	if left := time.Until(a.Bans[0].Until); left < 4*time.Minute || left > 6*time.Minute {
		t.Errorf("a ban of five minutes ends in %v", left)
	}
	run(line(t, a.Bans[0].Free[0]))
	if again := ask(); len(again.Bans) > 0 {
		t.Errorf("after %q: %+v", a.Bans[0].Free, again.Bans)
	}
	run(line(t, a.Bans[0].Undo[0]))
	if again := ask(); len(again.Bans) != 1 {
		t.Errorf("after %q: %+v", a.Bans[0].Undo, again)
	}
}

// startKamailio runs Kamailio on loopback with the modules that keep bans.
func startKamailio(t *testing.T) (platform.System, func(commands ...string)) {
	t.Helper()
	kamailio, err := exec.LookPath("kamailio")
	if err != nil {
		kamailio, err = exec.LookPath("/usr/sbin/kamailio")
	}
	if err != nil {
		if os.Getenv("SIPDOCTOR_LAB") == "require" {
			t.Fatalf("SIPDOCTOR_LAB=require, but no Kamailio here: %v", err)
		}
		t.Skip("no Kamailio here:", err)
	}
	free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := free.LocalAddr().(*net.UDPAddr).Port
	free.Close()
	dir, err := os.MkdirTemp("", "k") // short: a socket's path holds 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, cfg := filepath.Join(dir, "ctl"), filepath.Join(dir, "k.cfg")
	text := fmt.Sprintf(`debug=0
log_stderror=yes
children=1
listen=udp:127.0.0.1:%d
loadmodule "ctl.so"
loadmodule "pv.so"
loadmodule "htable.so"
loadmodule "pike.so"
modparam("ctl","binrpc","unix:%s")
modparam("htable","htable","ipban=>size=8;autoexpire=300;")
request_route { exit; }
`, port, socket)
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command(kamailio, "-f", cfg, "-DD", "-E", "-Y", dir, "-m", "16", "-M", "4")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	sys := besideSocket{platform.ThisSystem(), socket}
	run := func(commands ...string) {
		t.Helper()
		for _, c := range commands {
			f := strings.Fields(c)
			if out, err := sys.Run(context.Background(), f[0], f[1:]...); err != nil || strings.HasPrefix(string(out), "error") {
				t.Fatalf("%s: %v %s", c, err, out)
			}
		}
	}
	// It is ready when its socket answers; a loaded machine takes seconds.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := sys.Run(context.Background(), "kamcmd", "core.version"); err == nil {
			return sys, run
		}
		if time.Now().After(deadline) {
			t.Fatalf("Kamailio does not answer: %s", said.String())
		}
	}
}
