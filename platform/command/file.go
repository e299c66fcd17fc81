package command

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkFiles refuses files that no cure changes.
func checkFiles(names ...string) error {
	places := []string{
		"/etc/asterisk/", "/etc/hosts.", "/etc/csf/", "/etc/apf/", "/var/lib/csf/",
		"/etc/sshguard/", "/var/lib/sshguard/", "/var/db/sshguard/", "/proc/net/xt_recent/",
	}
	for _, name := range names {
		if path.Clean(name) != name || !slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return fmt.Errorf("%s is not a file that cures change", quoted(name))
		}
	}
	return nil
}

// DeleteLine takes line number n, from 1, out of a file, and fails when it no
// longer reads as given.
func DeleteLine(file string, n int, line string) Command {
	at := strconv.Itoa(n)
	return form("delete-line").with(at, file, line, at, file)
}

// InsertLine puts a line into a file so that it becomes number n, from 1.
func InsertLine(file string, n int, line string) Command {
	if n <= 1 { // sed has no line to add it after
		kept := file + ".sipdoctor"
		return form("insert-first-line").with(file, kept, line, kept, file, kept)
	}
	return form("insert-line").with(strconv.Itoa(n-1), line, file)
}

// Recent writes an entry, such as "+192.0.2.1" or "-192.0.2.1", so many times
// to a list of the kernel's recent match, if the list is there.
func Recent(list, entry string, times int) Command {
	file := "/proc/net/xt_recent/" + list
	if strings.ContainsRune(list, '/') || list == ".." {
		return Impossible("%s is not the name of a recent list", quoted(list))
	}
	if times <= 1 {
		return form("recent-once").with(file, entry, file)
	}
	return form("recent").with(file, strconv.Itoa(times), entry, file)
}

// WaitUntilFails repeats a command that asks, for half a minute at most, until
// it fails.
func WaitUntilFails(c Command) Command {
	if c.form != "" || c.err != nil {
		return Command{args: c.args, err: cmp.Or(c.err, fmt.Errorf("there is no program to wait for"))}
	}
	return form("wait-until-fails").with(c.args...)
}
