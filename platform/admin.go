package platform

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// SSHClient returns the address from which the person at this terminal is
// logged in over SSH. sudo and su drop the variable that says so, so the
// environment of the processes above is looked at as well, as far as the
// system lets us. The zero Addr means nobody knows.
func SSHClient() netip.Addr {
	if a := sshAddr(os.Getenv("SSH_CONNECTION")); a.IsValid() {
		return a
	}
	pid := os.Getppid()
	for range 16 { // shells within shells; a loop is not possible, a deep nest is
		if pid <= 1 {
			break
		}
		proc := "/proc/" + strconv.Itoa(pid) + "/"
		env, err := os.ReadFile(proc + "environ")
		if err == nil {
			for v := range strings.SplitSeq(string(env), "\x00") {
				if value, ok := strings.CutPrefix(v, "SSH_CONNECTION="); ok {
					if a := sshAddr(value); a.IsValid() {
						return a
					}
				}
			}
		}
		stat, err := os.ReadFile(proc + "stat")
		if err != nil {
			break
		}
		// pid (name) state ppid: the name may hold spaces and parentheses.
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		f := strings.Fields(rest)
		if len(f) < 2 {
			break
		}
		if pid, err = strconv.Atoi(f[1]); err != nil {
			break
		}
	}
	return netip.Addr{}
}

// sshAddr reads the client's address out of SSH_CONNECTION (ssh(1)): client
// address, client port, server address, server port.
func sshAddr(v string) netip.Addr {
	f := strings.Fields(v)
	if len(f) != 4 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(f[0])
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
