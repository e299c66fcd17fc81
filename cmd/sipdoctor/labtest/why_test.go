package labtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// pbx is a server on the Internet side of an office with a socket that answers
// SIP, and everybody else on the router before it. Its /etc and /var are its
// own: what a ban tool writes there, the machine never sees.
type pbx struct {
	t       testing.TB
	node    *lab.Node
	outside *lab.Node
}

// openPBX builds the server. The addresses of 192.0.2.0/24 and
// 2001:db8:7::/120 are phones and scanners.
func openPBX(t testing.TB, programs ...string) *pbx {
	t.Helper()
	need(t, append([]string{"ip", "mount"}, programs...)...)
	o, err := lab.Build(t.Context(), lab.Scenario{Name: "pbx", Routers: []lab.Router{{NAT: lab.Preserving}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	p := &pbx{t: t, node: o.SIPServer, outside: o.Internet}
	ownFiles(t, p.node)
	shell(t, p.outside, "ip route add local 192.0.2.0/24 dev lo", "ip -6 route add local 2001:db8:7::/120 dev lo",
		"for n in 7 8 9; do ip -6 addr add 2001:db8:7::$n/128 dev lo nodad; done")
	p.answer(o.SIPServer, lab.SIPServerAddr, lab.SIPServerAddr6)
	p.answer(o.Responder, lab.ResponderAddr)
	return p
}

// ownFiles gives a node an /etc and a /var of its own, without what the machine has
// configured for Asterisk and fail2ban.
func ownFiles(t testing.TB, n *lab.Node) {
	t.Helper()
	etc := t.TempDir()
	shell(t, n,
		// A user's namespace may not read all of /etc; what it may is enough.
		"cp -a /etc/. "+etc+"/ 2>/dev/null; mount --bind "+etc+" /etc",
		"mount -t tmpfs none /var/log; mount -t tmpfs none /var/lib",
		"mkdir -p /var/log/asterisk /var/lib/fail2ban /run/fail2ban /run/lock",
		"rm -rf /etc/fail2ban/jail.d/* /etc/asterisk",
	)
}

// answer answers SIP requests on UDP port 5060, as a PBX does.
func (p *pbx) answer(node *lab.Node, addrs ...string) {
	p.t.Helper()
	for _, a := range addrs {
		var conn *net.UDPConn
		err := node.Do(func() (err error) {
			conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(a), 5060)))
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = conn.Close() })
		go func() {
			buf := make([]byte, 2048)
			for {
				_, from, err := conn.ReadFromUDPAddrPort(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					_, _ = conn.WriteToUDPAddrPort([]byte("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"), from)
				}
			}
		}()
	}
}

// passes reports whether an OPTIONS of the address, from a new port, is
// answered.
func (p *pbx) passes(address string) bool {
	p.t.Helper()
	conn := p.dial(address)
	defer conn.Close()
	return p.answers(conn)
}

// dial is a new UDP flow from the address to the server.
func (p *pbx) dial(address string) *net.UDPConn {
	p.t.Helper()
	from := netip.MustParseAddr(address)
	to := lab.SIPServerAddr
	if from.Is6() {
		to = lab.SIPServerAddr6
	}
	var conn *net.UDPConn
	err := p.outside.Do(func() (err error) {
		conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 5060)))
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answers reports whether an OPTIONS over a flow is answered. Several are sent:
// the first may die of address resolution, and a busy machine is slow.
func (p *pbx) answers(conn *net.UDPConn) bool {
	to, from := conn.RemoteAddr().(*net.UDPAddr).IP, conn.LocalAddr().(*net.UDPAddr).IP
	request := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\nFrom: <sip:110@pbx.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: 1@pbx.test\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", to, from)
	for _, patience := range []time.Duration{50, 100, 200, 400} {
		_, _ = conn.Write([]byte(request)) // a refusal of the one before shows here
		_ = conn.SetReadDeadline(time.Now().Add(patience * time.Millisecond))
		if n, err := conn.Read(make([]byte, 2048)); err == nil && n > 0 {
			return true
		}
	}
	return false
}

// told is what "why" says of one address.
type told struct {
	rep   *checks.Report
	exit  int
	facts blocked.Facts
}

func (p *pbx) why(args ...string) told {
	p.t.Helper()
	rep, exit := run(p.t, p.node, append([]string{"why", "--format", "json"}, args...)...)
	w := told{rep: rep, exit: exit}
	raw, err := json.Marshal(rep.Result("blocked").Facts)
	if err == nil {
		err = json.Unmarshal(raw, &w.facts)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return w
}

// block finds what a layer holds: with a jail's name, that jail's.
func (w told) block(layer, jail string) *blocked.Block {
	i := slices.IndexFunc(w.facts.Blocks, func(b blocked.Block) bool { return b.Layer == layer && (jail == "" || b.Jail == jail) })
	if i < 0 {
		return nil
	}
	return &w.facts.Blocks[i]
}

// fixOf is the first cure of a finding.
func (w told) fixOf(t testing.TB, id string) (commands, undo []string) {
	t.Helper()
	for _, f := range w.rep.Result("blocked").Findings {
		if f.ID == id && len(f.Fixes) > 0 {
			return f.Fixes[0].Commands, f.Fixes[0].Undo
		}
	}
	t.Fatalf("no cure of %s in\n%s", id, w.text())
	return nil, nil
}

// text is the report in short, for a test that fails.
func (w told) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d, %s: %s\n", w.exit, w.facts.Verdict, w.rep.Headline)
	for _, x := range w.facts.Blocks {
		fmt.Fprintf(&b, "  %s (%s) %s: %s, effective %v %s, owner %q, free %q\n", x.Layer, x.Jail, x.Where, x.Object, x.Effective, x.Why, x.Owner, x.Lift.Do)
	}
	for _, x := range w.facts.Paths {
		fmt.Fprintf(&b, "  %s %s %s: %s by %s %s %q\n", x.Direction, x.Protocol, x.Ports, x.Verdict, x.Table, x.Rule, x.Reasons)
	}
	for _, f := range w.rep.Result("blocked").Findings {
		fmt.Fprintf(&b, "  %s: %s\n", f.ID, f.Title)
		for _, x := range f.Fixes {
			fmt.Fprintf(&b, "    %s %q undo %q\n", x.ID, x.Commands, x.Undo)
		}
	}
	return b.String()
}

// fix hands a report to "fix".
func (p *pbx) fix(w told, args ...string) (text string, exit int) {
	p.t.Helper()
	file := filepath.Join(p.t.(*testing.T).TempDir(), "report.json")
	raw, err := json.Marshal(w.rep)
	if err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := p.node.Command(ctx, os.Getenv(programVar), append([]string{"fix", file, "--yes"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// with is the same PBX in a test of its own.
func (p *pbx) with(t testing.TB) *pbx { return &pbx{t: t, node: p.node, outside: p.outside} }

// a proof is one block, from the packet that is stopped to the one that passes,
// and back.
type proof struct {
	from    string // sends the packets
	asked   string // of why; empty: from
	layer   string // that why must name, with jail
	jail    string
	says    string // in the headline
	because string // in what the layer gives as its reason
	timed   bool   // since and until are known
	byHand  bool   // run line by line instead of by fix
	verdict string // blocked where empty
	slow    bool   // undo takes a moment to come into force
	only    string // cure to apply; empty: the first of every fault
}

// prove is the whole story of one block.
func (p *pbx) prove(x proof) {
	t := p.t
	t.Helper()
	if x.asked == "" {
		x.asked = x.from
	}
	if x.verdict == "" {
		x.verdict = "blocked"
	}
	if p.passes(x.from) {
		t.Fatalf("%s is not blocked to begin with", x.from)
	}
	before := p.rules()
	w := p.why(x.asked)
	if w.exit != 1 || w.facts.Verdict != x.verdict || !strings.Contains(w.rep.Headline, x.says) {
		t.Errorf("it does not say %q, %s\n%s", x.says, x.verdict, w.text())
	}
	p.theBlock(w, x)
	if t.Failed() {
		return
	}
	if x.byHand {
		commands, _ := w.fixOf(t, w.rep.Result("blocked").Findings[0].ID)
		shell(t, p.node, commands...)
	} else if text, exit := p.fix(w, x.args("--apply")...); exit != 0 {
		t.Fatalf("fix --apply exits with %d\n%s\n%s", exit, text, w.text())
	}
	if !p.passes(x.from) {
		t.Errorf("it is not let in after the cure\n%s\n%s", w.text(), p.why(x.asked).text())
	}
	if after := p.why(x.asked); after.exit != 0 || after.facts.Verdict != "allowed" {
		t.Errorf("after the cure\n%s\nbefore\n%s", after.text(), w.text())
	}
	if x.byHand {
		_, undo := w.fixOf(t, w.rep.Result("blocked").Findings[0].ID)
		shell(t, p.node, undo...)
	} else if text, exit := p.fix(w, x.args("--undo")...); exit != 0 {
		t.Errorf("fix --undo exits with %d\n%s", exit, text)
	}
	if x.slow {
		p.until("the block to come back", func() bool { return !p.passes(x.from) })
	}
	// What a daemon banned it bans anew, where it likes; all else is restored
	// exactly.
	if d := cmp.Diff(strings.Split(before, "\n"), strings.Split(p.rules(), "\n")); d != "" && x.jail == "" && !x.slow {
		t.Errorf("undo leaves other rules (-before +after)\n%s\n%s", d, w.text())
	}
	if p.passes(x.from) {
		t.Errorf("undo does not bring the block back\n%s", p.why(x.asked).text())
	}
}

func (x proof) args(do string) []string {
	if x.only == "" {
		return []string{do}
	}
	return []string{do, "--only", x.only}
}

// theBlock checks what is said of the layer that holds the address.
func (p *pbx) theBlock(w told, x proof) {
	t := p.t
	t.Helper()
	if x.layer == "" {
		return
	}
	b := w.block(x.layer, x.jail)
	if b == nil || !b.Effective {
		t.Fatalf("no block of %s %s that bites\n%s", x.layer, x.jail, w.text())
	}
	if !strings.Contains(strings.Join(b.Reasons, "\n"), x.because) {
		t.Errorf("the reasons are %q, without %q", b.Reasons, x.because)
	}
	if now := time.Now(); x.timed && (b.Since.IsZero() || now.Sub(b.Since) > 10*time.Minute || b.Until.Before(now) || b.Until.Sub(now) > time.Hour) {
		t.Errorf("since %s until %s", b.Since, b.Until)
	}
}

// fail2ban starts the real one with the given jails.
func (p *pbx) fail2ban(jails string) {
	p.t.Helper()
	need(p.t, "fail2ban-server", "fail2ban-client")
	write := func(name, text string) {
		p.t.Helper()
		cmd := p.node.Command(p.t.Context(), "sh", "-c", "cat > "+name)
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("writing %s: %v\n%s", name, err, out)
		}
	}
	write("/etc/fail2ban/jail.local", jails)
	write("/var/log/fail2ban.log", "")
	for l := range strings.Lines(jails) {
		if _, log, ok := strings.Cut(l, "logpath = "); ok && !strings.Contains(log, "fail2ban.log") {
			write(strings.TrimSpace(log), "[2026-01-01 00:00:00] Asterisk 20.0 built by root\n")
		}
	}
	cmd := p.node.Command(context.Background(), "fail2ban-server", "-f", "start")
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if p.t.Failed() {
			log, _ := p.node.Command(context.Background(), "cat", "/var/log/fail2ban.log").Output()
			p.t.Logf("fail2ban said: %s%s", out.String(), log)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// failures writes failed registrations of an address to a log of Asterisk.
func (p *pbx) failures(log, address, extension string, n int) {
	p.t.Helper()
	var lines strings.Builder
	for range n {
		fmt.Fprintf(&lines, "[%s] NOTICE[1638] chan_sip.c: Registration from '<sip:%s@pbx.example.net>' failed for '%s' - Wrong password\n",
			time.Now().Format(time.DateTime), extension, net.JoinHostPort(address, "5060"))
	}
	cmd := p.node.Command(p.t.Context(), "sh", "-c", "cat >> "+log)
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("writing %s: %v\n%s", log, err, out)
	}
}

// until waits for a program that works at its own pace.
func (p *pbx) until(what string, ok func() bool) {
	p.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Since(begin) > 40*time.Second {
			p.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// client asks fail2ban.
func (p *pbx) client(args ...string) string {
	p.t.Helper()
	out, err := p.node.Command(p.t.Context(), "fail2ban-client", args...).CombinedOutput()
	if err != nil {
		return ""
	}
	return string(out)
}
