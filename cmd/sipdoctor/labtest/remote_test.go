package labtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// sshServer starts OpenSSH on the PBX. It returns the fingerprint of its key, and a key
// that it lets in.
func (p *pbx) sshServer() (fingerprint, identity string) {
	p.t.Helper()
	p.unpacked("sshd")
	dir := p.t.TempDir()
	identity = filepath.Join(dir, "id")
	shell(p.t, p.node,
		"ssh-keygen -q -t ed25519 -N '' -f "+dir+"/host && ssh-keygen -q -t ed25519 -N '' -f "+identity,
		"grep -q ^sshd: /etc/passwd || echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd",
		"mkdir -p /run/sshd")
	if err := os.WriteFile(dir+"/conf", []byte("HostKey "+dir+"/host\nAuthorizedKeysFile "+identity+".pub\nStrictModes no\nUsePAM no\nPidFile none\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.daemon("/usr/sbin/sshd", "-D", "-e", "-f", dir+"/conf")
	fields := strings.Fields(p.says("ssh-keygen -lf " + dir + "/host.pub"))
	if len(fields) < 2 {
		p.t.Fatal(fields)
	}
	p.waitFor("ss -ltn", ":22 ")
	return fields[1], identity
}

// waitFor waits until what a line prints holds a text.
func (p *pbx) waitFor(line, text string) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(p.says(line), text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s never printed %q", line, text)
		}
	}
}

// A technician's laptop asks the PBX why a phone is not let in, with nothing but SSH.
func TestABanIsFoundFromElsewhere(t *testing.T) {
	p := openPBX(t, "nft", "ssh-keygen", "ss")
	shell(t, p.node, "nft add table inet office", "nft 'add chain inet office input { type filter hook input priority 0; }'",
		"nft 'add rule inet office input ip saddr 192.0.2.7 udp dport 5060 drop'")
	key, identity := p.sshServer()
	on := func(args ...string) (*checks.Report, int) {
		return run(t, p.outside, append(args, "--format", "json", "--on", "root@"+lab.SIPServerAddr, "--host-key", key, "--identity", identity)...)
	}
	if p.passes("192.0.2.7") || !p.passes("192.0.2.8") {
		t.Fatal("the server is not as this test needs it")
	}
	there, exit := on("why", "192.0.2.7")
	here := p.why("192.0.2.7")
	if exit != 1 || there.Headline != here.rep.Headline || there.Inputs.On != "root@"+lab.SIPServerAddr {
		t.Errorf("exit %d, %q, on %q; on the PBX itself %q", exit, there.Headline, there.Inputs.On, here.rep.Headline)
	}
	commands := there.Result("blocked").Findings[0].Fixes[0].Commands
	if want, _ := here.fixOf(t, there.Result("blocked").Findings[0].ID); len(commands) == 0 || strings.Join(commands, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q; on the PBX itself %q", commands, want)
	}
	if free, exit := on("why", "192.0.2.8"); exit != 0 {
		t.Errorf("a phone that is let in: exit %d, %s", exit, free.Headline)
	}
	shell(t, p.node, commands...)
	if r, exit := on("why", "192.0.2.7"); exit != 0 || !p.passes("192.0.2.7") {
		t.Errorf("after the fix: exit %d, %s", exit, r.Headline)
	}
	for _, tt := range []struct {
		key, identity, want string
	}{
		{"SHA256:other", identity, "which is not the one that is known"},
		{key, filepath.Join(t.TempDir(), "none"), "no such file"},
		{"", identity, "is not known: " + key},
	} {
		args := []string{"why", "192.0.2.7", "--on", "root@" + lab.SIPServerAddr, "--identity", tt.identity}
		if tt.key != "" {
			args = append(args, "--host-key", tt.key)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := program(ctx, t, p.outside, args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		err := cmd.Run()
		cancel()
		if err == nil || !strings.Contains(errs.String(), tt.want) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%q: %v %q", args, err, errs.String())
		}
	}
}
