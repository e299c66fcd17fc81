package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// privateMounts gives the calling thread's new mount namespace what a box of
// the lab must not share with the host: /sys (it shows interfaces), /run (lock
// files and the sockets of resolvers and daemons) and the name files.
func privateMounts(names map[string][]string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if err := mountSys(); err != nil {
		return err
	}
	if err := mountRun(); err != nil {
		return err
	}
	hosts, resolver := nameFiles(names)
	for path, content := range map[string]string{"/etc/hosts": hosts, "/etc/resolv.conf": resolver} {
		if err := replaceFile(path, content); err != nil {
			return fmt.Errorf("replacing %s: %w", path, err)
		}
	}
	return nil
}

// mountSys mounts the namespace's own view of /sys. Where a container masks
// parts of /sys the kernel refuses that; an empty /sys is then more honest
// than the host's.
func mountSys() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if unix.Mount("sysfs", "/sys", "sysfs", flags, "") == nil {
		return nil
	}
	if err := unix.Mount("tmpfs", "/sys", "tmpfs", flags, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("hiding the host's /sys: %w", err)
	}
	return nil
}

func mountRun() error {
	err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=16m")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mounting an empty /run: %w", err)
	}
	return nil
}

// nameFiles are /etc/hosts and /etc/resolv.conf of the lab. There is no way
// out, so a question to a real resolver would only hang: loopback, where
// nobody listens, refuses at once.
func nameFiles(names map[string][]string) (hosts, resolver string) {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, addr := range names[name] {
			fmt.Fprintf(&b, "%s %s\n", addr, name)
		}
	}
	return b.String(), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
}

// replaceFile puts content in the place of path, in this mount namespace only.
// A path that does not exist is left so: programs then fall back to what the
// lab wants anyway.
func replaceFile(path, content string) error {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return replaceDangling(path, content)
	}
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "lab-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // the bind mount keeps the file alive
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return unix.Mount(f.Name(), target, "", unix.MS_BIND, "")
}

// replaceDangling writes the file that a link such as /etc/resolv.conf ->
// /run/systemd/resolve/stub-resolv.conf names: its target vanished under the
// empty /run. Links to elsewhere are not followed.
func replaceDangling(path, content string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return nil
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if !strings.HasPrefix(target, "/run/") {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, []byte(content), 0o644)
}
