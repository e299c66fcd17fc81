package netinfo

import (
	"io/fs"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Role is what a machine looks like: where it stands between phones and their
// PBX.
type Role string

// The roles.
const (
	RolePC     Role = "pc"     // one of an office's machines
	RolePBX    Role = "pbx"    // something here takes SIP from others
	RoleRouter Role = "router" // it forwards packets, and takes no SIP
)

// LooksLike guesses the role of a machine from its files and open sockets. It
// starts no program and needs no rights.
func LooksLike(sys platform.System) Role {
	for _, s := range ListeningSockets(sys) {
		if (s.Local.Port() == 5060 || s.Local.Port() == 5061) && !s.Local.Addr().IsLoopback() {
			return RolePBX
		}
	}
	for _, file := range []string{"/etc/asterisk/asterisk.conf", "/etc/freeswitch/freeswitch.xml", "/etc/kamailio/kamailio.cfg", "/etc/opensips/opensips.cfg"} {
		if exists(sys, file) {
			return RolePBX
		}
	}
	if exists(sys, "/etc/openwrt_release") || exists(sys, "/etc/vyos/version") {
		return RoleRouter
	}
	forwards, err := platform.ReadSystemFile(sys, "/proc/sys/net/ipv4/ip_forward", 16)
	if err == nil && strings.TrimSpace(string(forwards)) == "1" && !exists(sys, "/var/run/docker.sock") {
		return RoleRouter // Docker makes a router of every machine
	}
	return RolePC
}

func exists(sys platform.System, name string) bool {
	_, err := fs.Stat(sys, name)
	return err == nil
}
