package netinfo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform"
)

func TestLooksLike(t *testing.T) {
	const sip = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"  0: 00000000:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n"
	const loopback = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"  0: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  Role
	}{
		"an office PC":                          {map[string]string{"etc/hostname": "pc"}, RolePC},
		"something takes SIP":                   {map[string]string{"proc/net/udp": sip}, RolePBX},
		"a softphone on loopback":               {map[string]string{"proc/net/udp": loopback}, RolePC},
		"Asterisk that is not running":          {map[string]string{"etc/asterisk/asterisk.conf": ""}, RolePBX},
		"OpenWrt":                               {map[string]string{"etc/openwrt_release": ""}, RoleRouter},
		"a Linux router":                        {map[string]string{"proc/sys/net/ipv4/ip_forward": "1\n"}, RoleRouter},
		"a PC with Docker":                      {map[string]string{"proc/sys/net/ipv4/ip_forward": "1\n", "var/run/docker.sock": ""}, RolePC},
		"a PBX that is the office's router too": {map[string]string{"proc/sys/net/ipv4/ip_forward": "1\n", "proc/net/udp": sip}, RolePBX},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				path := filepath.Join(dir, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sys, err := platform.OpenBundle(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := LooksLike(sys); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
