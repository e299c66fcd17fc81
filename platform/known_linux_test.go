package platform

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Who may write Asterisk's configuration, which its service user may, decides
// what root reads there, but not what root sends to a stranger.
func TestCollectingFollowsNoLinkToSecrets(t *testing.T) {
	const marked = "MARKED-SECRET"
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	withMounts(t, func() error {
		for _, dir := range []string{"/etc", "/root", "/var"} {
			if err := unix.Mount("empty", dir, "tmpfs", 0, ""); err != nil {
				return err
			}
		}
		write := func(name, text string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600))
		}
		const page = "/var/www/html/admin/modules/core/etc/iax.conf"
		if err := errors.Join(
			write("/root/.ssh/id_rsa", marked), write("/root/conf/a.conf", marked), write("/etc/shadow", marked), write("/etc/mysql/my.cnf", marked),
			write("/etc/asterisk/pjsip.conf", "[general]\n"), write(page, "[iax]\n"),
			write("/etc/asterisk/copy.conf", "-----BEGIN PRIVATE KEY-----\n"+marked),
			os.Symlink("/root/.ssh/id_rsa", "/etc/asterisk/sip.conf"),
			os.Symlink("../../root/conf", "/etc/asterisk/custom"),
			os.Symlink("sip.conf", "/etc/asterisk/chain.conf"),
			os.Symlink("/etc/shadow", "/etc/asterisk/users.conf"),
			os.Symlink("/etc/mysql/my.cnf", "/etc/asterisk/res_odbc.conf"),
			os.Symlink(page, "/etc/asterisk/iax.conf"),
			syscall.Mkfifo("/etc/asterisk/pipe.conf", 0o600),
			unix.Mknod("/etc/asterisk/zero.conf", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))),
			os.Symlink("/dev/zero", "/etc/asterisk/device.conf"),
		); err != nil {
			return err
		}
		left := []string{"sip.conf", "custom/a.conf", "chain.conf", "users.conf", "res_odbc.conf", "copy.conf", "../../root/.ssh/id_rsa"}
		c := Collect(ThisSystem(), "1")
		for _, name := range left {
			b, err := ReadSystemFile(c, "/etc/asterisk/"+name, 1000)
			if !bytes.Contains(b, []byte(marked)) {
				t.Errorf("the check itself reads %q of %s, %v", b, name, err)
			}
		}
		for name, want := range map[string]string{"pjsip.conf": "[general]\n", "iax.conf": "[iax]\n"} {
			if b, err := ReadSystemFile(c, "/etc/asterisk/"+name, 1000); string(b) != want {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
		for _, name := range []string{"pipe.conf", "zero.conf", "device.conf"} {
			if _, err := ReadSystemFile(c, "/etc/asterisk/"+name, 1000); err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(c.LeftOut()); n != len(left) {
			t.Errorf("%d files are left out, not %d: %v", n, len(left), c.LeftOut())
		}
		var b bytes.Buffer
		return errors.Join(c.Write(&b, false, nil), os.WriteFile(file, b.Bytes(), 0o600))
	})
	s, err := OpenBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range s.(*bundle).files.(memoryFS) {
		if bytes.Contains(data, []byte(marked)) {
			t.Errorf("%s holds the secret", name)
		}
	}
	for name, want := range map[string]string{"/etc/asterisk/pjsip.conf": "[general]\n", "/etc/asterisk/iax.conf": "[iax]\n"} {
		if b, err := ReadSystemFile(s, name, 1000); string(b) != want {
			t.Errorf("the bundle's %s: %q, %v", name, b, err)
		}
	}
	// What was left out is not "not there".
	if _, err := s.Open("/etc/asterisk/sip.conf"); err == nil || !strings.Contains(err.Error(), "left out of the bundle: it leads to /root/.ssh/id_rsa") {
		t.Errorf("sip.conf: %v", err)
	}
}

// A link that changes while the file is opened decides nothing: what was opened
// is asked where it is.
func TestALinkThatIsSwappedWhileItIsCollected(t *testing.T) {
	withMounts(t, func() error {
		for _, dir := range []string{"/etc", "/root"} {
			if err := unix.Mount("empty", dir, "tmpfs", 0, ""); err != nil {
				return err
			}
		}
		if err := errors.Join(os.MkdirAll("/etc/asterisk", 0o755), os.WriteFile("/etc/asterisk/good", []byte("good"), 0o600), os.WriteFile("/root/secret", []byte("secret"), 0o600),
			os.Symlink("good", "/etc/asterisk/x.conf"), os.Symlink("/root/secret", "/etc/asterisk/y.conf")); err != nil {
			return err
		}
		dir, err := os.Open("/etc/asterisk")
		if err != nil {
			return err
		}
		defer dir.Close()
		stop := make(chan bool)
		swapping := make(chan error)
		go func() { // on another thread, by the open directory: it has other mounts
			for {
				select {
				case <-stop:
					swapping <- nil
					return
				default:
				}
				fd := int(dir.Fd())
				if err := unix.Renameat2(fd, "x.conf", fd, "y.conf", unix.RENAME_EXCHANGE); err != nil {
					swapping <- err
					return
				}
			}
		}()
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			c := Collect(ThisSystem(), "1")
			f, err := c.Open("/etc/asterisk/x.conf")
			if err != nil {
				continue // in the middle of it
			}
			f.Close()
			if kept := c.files["etc/asterisk/x.conf"]; string(kept) == "secret" {
				t.Error("the secret was collected")
				break
			}
		}
		close(stop)
		return <-swapping
	})
}
