//go:build linux

package fail2ban_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform"
)

// fail2ban itself, in a network of its own: it bans from a log that the test
// writes, and its own client is the referee for what is read.

const insideEnv = "SIPDOCTOR_FAIL2BAN_INSIDE"

// alone runs the test again in a network namespace of its own, as root there;
// it returns true inside.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		// iptables locks a file in /run, which a user may not.
		if err := errors.Join(syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount("tmpfs", "/run", "tmpfs", 0, "")); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
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
	if testing.Verbose() {
		t.Logf("inside the namespace:\n%s", out)
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

// daemon is a running fail2ban.
type daemon struct {
	t   *testing.T
	dir string // its configuration, socket, database and logs
	log string // Asterisk's
	cmd *exec.Cmd
}

const jailLocal = `[DEFAULT]
findtime = 10m
maxretry = 3
bantime = 1h
ignoreip = 127.0.0.1/8 ::1 203.0.113.0/24

[asterisk]
maxretry = 3
enabled = true
backend = polling
logpath = DIR/messages

[asterisk-forever]
enabled = true
filter = asterisk
backend = polling
maxretry = 4
bantime = -1
port = 5060
protocol = tcp
logpath = DIR/messages
action = iptables-allports[name=FOREVER, protocol=all]

[recidive]
enabled = true
backend = polling
logpath = DIR/fail2ban.log
maxretry = 2
`

func startDaemon(t *testing.T) *daemon {
	t.Helper()
	return startWith(t, jailLocal, 3)
}

// startWith starts fail2ban with a jail.local and waits for so many jails.
func startWith(t *testing.T, local string, jails int) *daemon {
	t.Helper()
	for _, p := range []string{"fail2ban-server", "fail2ban-client", "iptables"} {
		if _, err := exec.LookPath(p); err != nil {
			if _, err := exec.LookPath("/usr/sbin/" + p); err != nil {
				unavailable(t, p+" is not installed")
			}
		}
	}
	d := &daemon{t: t, dir: t.TempDir()}
	d.log = filepath.Join(d.dir, "messages")
	d.write("messages", "[2026-01-01 00:00:00] Asterisk 20.0 built by root\n")
	d.write("fail2ban.log", "") // a jail without its log keeps the server from starting
	d.write("jail.local", strings.ReplaceAll(local, "DIR", d.dir))
	// The stock jails and filters as they were installed, but sshd's off.
	for _, name := range []string{"jail.conf", "paths-common.conf", "paths-debian.conf", "action.d", "filter.d"} {
		if err := os.Symlink("/etc/fail2ban/"+name, filepath.Join(d.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	d.write("fail2ban.conf", "[Definition]\nloglevel = INFO\nlogtarget = "+d.dir+"/fail2ban.log\nsyslogsocket = auto\nsocket = "+d.dir+"/s\npidfile = "+d.dir+"/pid\ndbfile = "+d.dir+"/db\ndbpurgeage = 1d\ndbmaxmatches = 10\nallowipv6 = auto\n")
	d.start(jails)
	return d
}

func (d *daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) start(jails int) {
	d.t.Helper()
	var out bytes.Buffer
	d.cmd = exec.CommandContext(context.Background(), "/usr/bin/fail2ban-server", "-f", "-c", d.dir, "-s", d.dir+"/s", "-p", d.dir+"/pid", "start")
	d.cmd.Stdout, d.cmd.Stderr = &out, &out
	d.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := d.cmd.Start(); err != nil {
		unavailable(d.t, err.Error())
	}
	d.t.Cleanup(func() {
		d.stop()
		if d.t.Failed() {
			said, _ := os.ReadFile(d.dir + "/fail2ban.log")
			d.t.Logf("fail2ban said:\n%s%s", out.String(), said)
		}
	})
	d.until("its jails to run", func() bool {
		s := d.read()
		return s.Running && len(s.Jails) == jails && !slices.ContainsFunc(s.Jails, func(j fail2ban.Jail) bool { return !j.Running })
	})
}

// stop ends the server as its service does, and waits.
func (d *daemon) stop() {
	if d.cmd.ProcessState == nil {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		_ = d.cmd.Wait()
	}
}

func (d *daemon) read(addresses ...string) *fail2ban.State {
	return d.readFrom(platform.ThisSystem(), addresses...)
}

func (d *daemon) readFrom(s platform.System, addresses ...string) *fail2ban.State {
	o := fail2ban.Options{ConfigDir: d.dir, LogTime: 10 * time.Second}
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			one := netip.MustParseAddr(a)
			p = netip.PrefixFrom(one, one.BitLen())
		}
		o.Addresses = append(o.Addresses, p)
	}
	return fail2ban.Read(d.t.Context(), s, o)
}

// until waits for fail2ban, which looks at its logs once a second or so.
func (d *daemon) until(what string, ok func() bool) {
	d.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			d.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// bundle makes a support bundle of what a system answers, and opens it.
func (d *daemon) bundle(s platform.System, asked ...string) platform.System {
	d.t.Helper()
	c := platform.Collect(s, "test")
	c.Know(d.dir)
	d.readFrom(c, asked...)
	file := filepath.Join(d.t.TempDir(), "bundle.tar.gz")
	var b bytes.Buffer
	if err := errors.Join(c.Write(&b, false, nil), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		d.t.Fatal(err)
	}
	bundle, err := platform.OpenBundle(file)
	if err != nil {
		d.t.Fatal(err)
	}
	return bundle
}

// fail writes failed attempts of an address to Asterisk's log and returns the
// lines.
func (d *daemon) fail(address, extension string, n int) (lines []string) {
	d.t.Helper()
	f, err := os.OpenFile(d.log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for range n {
		line := fmt.Sprintf("[%s] NOTICE[1638] chan_sip.c: Registration from '<sip:%s@pbx.example.net>' failed for '%s' - Wrong password",
			time.Now().Format(time.DateTime), extension, address)
		if _, err := fmt.Fprintln(f, line); err != nil {
			d.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// client runs fail2ban-client.
func (d *daemon) client(args ...string) string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), "/usr/bin/fail2ban-client", append([]string{"-s", d.dir + "/s"}, args...)...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("fail2ban-client %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var samePrefix = cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})

func TestWhatTheRealFail2banBans(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	d := startDaemon(t)
	lines := d.fail("192.0.2.44:5060", "110", 3)
	d.fail("192.0.2.45", "111", 2)
	d.fail("[2001:db8::7]:5062", "112", 5)
	// Two bans of an address within a day are what recidive is for.
	d.until("the bans", func() bool {
		s := d.read("192.0.2.44", "2001:db8::7")
		return s.Addresses[0].HoldsTotal == 1 && s.Addresses[1].HoldsTotal == 3 && s.Addresses[0].Holds[0].Matches != nil && s.Addresses[1].Holds[1].Matches != nil && s.Addresses[1].Holds[2].Matches != nil
	})
	d.client("set", "asterisk", "banip", "198.51.100.0/24")
	s := d.read("192.0.2.44", "192.0.2.45", "2001:db8::7", "198.51.100.9", "192.0.2.0/24", "203.0.113.5", "192.0.2.99")
	t.Run("the ban of the phone", func(t *testing.T) { theBan(t, d, s, lines) })
	t.Run("the others", func(t *testing.T) { theOthers(t, s) })
	t.Run("the jails", func(t *testing.T) { theJails(t, d, s) })
	t.Run("other ways lead to the same bans", func(t *testing.T) { otherWays(t, d) })
}

func theBan(t *testing.T, d *daemon, s *fail2ban.State, lines []string) {
	// Whatever is asked must be understood: fail2ban logs the rest as errors.
	if said, err := os.ReadFile(d.dir + "/fail2ban.log"); err != nil || bytes.Contains(said, []byte("ERROR")) {
		t.Errorf("fail2ban complains: %s, %v", said, err)
	}
	if s.Source != fail2ban.FromSocket || s.Version != "1.0.2" || len(s.Notes) > 0 {
		t.Errorf("source %q, version %q, notes %v", s.Source, s.Version, s.Notes)
	}
	holds := s.Addresses[0].Holds
	if len(holds) != 1 || holds[0].Since == nil || holds[0].Until == nil {
		t.Fatalf("holds %+v", holds)
	}
	h := holds[0]
	// The client prints local time: "192.0.2.44 \t2026-… + 3600 = 2026-…".
	want := fmt.Sprintf("192.0.2.44 \t%s + 3600 = %s", h.Since.Format(time.DateTime), h.Until.Format(time.DateTime))
	if said := d.client("get", "asterisk", "banip", "--with-time"); !strings.Contains(said, want) {
		t.Errorf("read as %q, the client says\n%s", want, said)
	}
	if diff := cmp.Diff(lines, h.Matches); diff != "" {
		t.Errorf("matched lines (-written +read):\n%s", diff)
	}
	h.Since, h.Until, h.Matches = nil, nil, nil
	last := h.Accounts[0].Last
	if diff := cmp.Diff(fail2ban.Hold{
		Jail: "asterisk", Banned: netip.MustParsePrefix("192.0.2.44/32"), Relation: fail2ban.Exact, Count: 1, Failures: 3, Source: fail2ban.FromSocket,
		Accounts: []fail2ban.Account{{Account: "110", Reason: fail2ban.WrongPassword, Count: 3, Last: last}},
	}, h, samePrefix); diff != "" {
		t.Errorf("the ban (-want +got):\n%s", diff)
	}
}

func theOthers(t *testing.T, s *fail2ban.State) {
	near := s.Addresses[1]
	if len(near.Holds) != 0 || len(near.Failures) != 2 || near.Failures[0].InWindow != 2 || near.Failures[0].MaxRetry != 3 || near.Failures[0].Accounts[0].Account != "111" {
		t.Errorf("two of three failures: %+v", near)
	}
	six := s.Addresses[2]
	if len(six.Holds) != 3 || six.Holds[2].Jail != "asterisk-forever" || !six.Holds[2].Permanent || six.Holds[2].Until != nil || six.Holds[2].Since == nil || six.Holds[0].Permanent {
		t.Errorf("IPv6, for good: %+v", six.Holds)
	}
	if !six.Recidive || len(six.Holds) != 3 || !six.Holds[1].Recidive || six.Holds[1].Until.Sub(*six.Holds[1].Since) != 7*24*time.Hour {
		t.Errorf("banned by two jails, so by the one for repeaters too: %+v", six)
	}
	if wide := s.Addresses[3].Holds; len(wide) != 1 || wide[0].Relation != fail2ban.Covering || wide[0].Banned != netip.MustParsePrefix("198.51.100.0/24") || wide[0].Since == nil {
		t.Errorf("a network banned by hand: %+v", wide)
	}
	if part := s.Addresses[4]; len(part.Holds) != 1 || part.Holds[0].Relation != fail2ban.Covered || part.Failures[0].Total != 5 || part.Failures[0].Jail != "asterisk" {
		t.Errorf("asked for a network: %+v", part)
	}
	if diff := cmp.Diff([]string{"asterisk", "recidive", "asterisk-forever"}, s.Addresses[5].IgnoredBy); diff != "" {
		t.Errorf("ignored by (-want +got):\n%s", diff)
	}
	if free := s.Addresses[6]; len(free.Holds)+len(free.Failures)+len(free.IgnoredBy) > 0 {
		t.Errorf("a stranger: %+v", free)
	}
}

func theJails(t *testing.T, d *daemon, s *fail2ban.State) {
	j := s.Jails[0]
	if j.Name != "asterisk" || j.MaxRetry != 3 || j.FindTime != 600 || j.BanTime != 3600 || j.Banned != 3 || j.Failed != 2 || !j.SIP || !j.Running || !j.Enabled {
		t.Errorf("%+v", j)
	}
	if diff := cmp.Diff([]fail2ban.Action{
		{Name: "iptables-multiport-tcp", File: "iptables-multiport", Object: "asterisk-tcp", Port: "5060,5061", Protocol: "tcp", Blocks: true},
		{Name: "iptables-multiport-udp", File: "iptables-multiport", Object: "asterisk-udp", Port: "5060,5061", Protocol: "udp", Blocks: true},
	}, j.Actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if got, want := j.Set["ignoreip"], (fail2ban.Origin{File: d.dir + "/jail.local", Line: 5}); got != want {
		t.Errorf("ignoreip is set at %v, want %v", got, want)
	}
	if got := j.Set["port"]; got.File != d.dir+"/jail.conf" || got.Line == 0 {
		t.Errorf("port is set at %v", got)
	}
	if len(j.Faults)+len(s.Jails[2].Faults) > 0 {
		t.Errorf("faults %v %v", j.Faults, s.Jails[2].Faults)
	}
	if a := s.Jails[2].Actions; len(a) != 1 || !a[0].AllPorts || a[0].Protocol != "all" || a[0].Object != "FOREVER" {
		t.Errorf("all ports: %+v", a)
	}
	if diff := cmp.Diff([]string{"asterisk-forever"}, s.JailsOf("f2b-FOREVER")); diff != "" {
		t.Errorf("the chain's jail (-want +got):\n%s", diff)
	}
}

// Every section of jail.local is a jail, whatever its name.
func TestTheRealFail2banWithOddJailNames(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	odd := []string{"my jail", "sip, tcp", "a,b", "x;id", "$(id)"}
	local := "[DEFAULT]\nfilter = asterisk\nbackend = polling\nmaxretry = 3\nlogpath = DIR/messages\naction = iptables-allports[name=odd]\n\n"
	for _, name := range odd {
		local += "[" + name + "]\nenabled = true\n\n"
	}
	d := startWith(t, local, len(odd))
	for _, name := range odd {
		d.client("set", name, "banip", "192.0.2.44")
	}
	for way, s := range map[string]platform.System{fail2ban.FromSocket: platform.ThisSystem(), fail2ban.FromClient: withoutSocket{platform.ThisSystem()}} {
		state := d.readFrom(s, "192.0.2.44")
		var names, holding []string
		for _, j := range state.Jails {
			names = append(names, j.Name)
		}
		for _, h := range state.Addresses[0].Holds {
			holding = append(holding, h.Jail)
		}
		less := cmpopts.SortSlices(func(a, b string) bool { return a < b })
		if diff := cmp.Diff([][]string{odd, odd}, [][]string{names, holding}, less); diff != "" || state.Source != way {
			t.Errorf("%s, notes %+v: jails, and those with a ban (-want +got):\n%s", state.Source, state.Notes, diff)
		}
	}
}

// withoutSocket is this machine with a server whose socket speaks another
// language: its client is asked.
type withoutSocket struct{ platform.System }

func (s withoutSocket) Exchange(ctx context.Context, x platform.Exchange) ([]platform.Answer, error) {
	if x.Socket != "" {
		return nil, errors.ErrUnsupported
	}
	return s.System.(platform.Exchanger).Exchange(ctx, x)
}

// Root may call a jail anything. Over the client a name is never a question of
// its own: the server lives on, and what is read is right or unknown.
func TestTheRealFail2banWithHostileJailNames(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	d := startWith(t, "[asterisk]\nenabled = true\nbackend = polling\nmaxretry = 5\nlogpath = DIR/messages\n", 1)
	d.client("set", "asterisk", "banip", "192.0.2.44")
	hostile := []string{"it's", `"`, `\`, "'; stop", "-i", "$(stop)", "# stop", "exit", "é"}
	for _, name := range hostile {
		d.client("add", name, "polling")
	}
	whole := func(s *fail2ban.State) bool {
		i := slices.IndexFunc(s.Jails, func(j fail2ban.Jail) bool { return j.Name == "asterisk" })
		return s.Running && s.Version == "1.0.2" && s.Database == d.dir+"/db" && len(s.Addresses[0].Holds) == 1 && s.Jails[i].MaxRetry == 5 && len(s.Jails[i].Actions) == 2 && s.Jails[i].Banned == 1
	}
	want := d.read("192.0.2.44")
	got := d.readFrom(withoutSocket{platform.ThisSystem()}, "192.0.2.44")
	got.Addresses[0].Holds[0].Source = fail2ban.FromSocket
	if diff := cmp.Diff(want.Jails, got.Jails, samePrefix, cmpopts.EquateEmpty()); diff != "" || !whole(got) || len(got.Jails) != len(hostile)+1 {
		t.Errorf("(-socket +client)\n%s\nnotes %v", diff, got.Notes)
	}
	// Names with line breaks: the client's text of the list of jails is cut, so
	// nothing is known from it, which is not the same as nothing running.
	for _, name := range []string{"a\nstop", "b\rstop", "c\n'stop'\n", "x\nfail2ban> 9.9"} {
		d.client("add", name, "polling")
	}
	if s := d.read("192.0.2.44"); !whole(s) || len(s.Jails) != len(hostile)+5 {
		t.Errorf("over the socket: %+v", s)
	}
	if s := d.readFrom(withoutSocket{platform.ThisSystem()}, "192.0.2.44"); s.Running || s.Dead || s.Hung || s.Source != fail2ban.FromDatabase || len(s.Notes) < 2 {
		t.Errorf("over the client: %+v", s)
	}
	if said, err := os.ReadFile(d.dir + "/fail2ban.log"); err != nil || bytes.Contains(said, []byte("Shutdown")) || !strings.Contains(d.client("ping"), "pong") {
		t.Errorf("%v, the server was asked for something else:\n%s", err, said)
	}
}

// A server that is gone, one that may not be asked and one that hangs, seen
// through the client.
func TestTheClientOfARealServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	d := startWith(t, "[asterisk]\nenabled = true\nbackend = polling\nlogpath = DIR/messages\n", 1)
	read := func() (*fail2ban.State, time.Duration) {
		begin := time.Now()
		s := d.readFrom(withoutSocket{platform.ThisSystem()})
		return s, time.Since(begin)
	}
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s, took := read()
	if !s.Hung || s.Dead || s.Running || took > 4*time.Second {
		t.Errorf("a server that hangs, after %v: %+v", took, s)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	if s, took := read(); s.Hung || !s.Dead || s.Running || took > 4*time.Second {
		t.Errorf("a socket that nobody serves, after %v: %+v", took, s)
	}
	if err := os.Remove(d.dir + "/s"); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if s, _ := read(); s.Hung || !s.Dead || s.Running {
		t.Errorf("no socket: %+v", s)
	}
}

func otherWays(t *testing.T, d *daemon) {
	asked := []string{"192.0.2.44", "2001:db8::7", "198.51.100.9"}
	want := d.read(asked...)
	same := func(name, source string, got *fail2ban.State) {
		t.Helper()
		if got.Source != source || len(got.Notes) > 1 {
			t.Errorf("%s: source %q, notes %+v", name, got.Source, got.Notes)
		}
		opts := []cmp.Option{samePrefix, cmpopts.IgnoreFields(fail2ban.Hold{}, "Source"), cmpopts.IgnoreFields(fail2ban.Address{}, "Failures", "IgnoredBy"),
			cmpopts.SortSlices(func(a, b fail2ban.Hold) bool { return a.Jail < b.Jail }), cmpopts.EquateApproxTime(0)}
		if diff := cmp.Diff(want.Addresses, got.Addresses, opts...); diff != "" {
			t.Errorf("%s (-socket +%s):\n%s", name, source, diff)
		}
	}
	same("fail2ban-client", fail2ban.FromClient, d.readFrom(withoutSocket{platform.ThisSystem()}, asked...))

	same("the support bundle", fail2ban.FromSocket, d.readFrom(d.bundle(platform.ThisSystem(), asked...), asked...))
	saved := d.readFrom(d.bundle(withoutSocket{platform.ThisSystem()}, asked...), asked...)
	same("the support bundle of the client", fail2ban.FromClient, saved)
	if diff := cmp.Diff(want.Jails, saved.Jails, samePrefix, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(fail2ban.Log{}, "Written", "Size")); diff != "" {
		t.Errorf("the jails in the support bundle of the client (-socket +bundle):\n%s", diff)
	}

	// fail2ban writes its database while it runs; stopped, it leaves the bans
	// for its next start.
	d.stop()
	same("the database", fail2ban.FromDatabase, d.read(asked...))
}
