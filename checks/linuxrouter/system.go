package linuxrouter

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// System is what the router runs.
type System struct {
	Platform string `json:"platform"` // slug of the remedy catalogue
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
}

// plainLinux is the platform of a router without a configuration of its own.
const plainLinux = "linux-nftables"

// maxRelease bounds a file that says what a system is.
const maxRelease = 64 << 10

// systemOf reads what the router runs, from the files by which those systems name
// themselves. Any other is a plain Linux.
func systemOf(sys platform.System) System {
	release := assignments(sys, "/etc/os-release")
	s := System{Platform: plainLinux, Name: release["PRETTY_NAME"], Version: release["VERSION_ID"]}
	switch release["ID"] {
	case "openwrt", "immortalwrt", "nethsecurity":
		s.Platform = "openwrt"
	case "vyos":
		s.Platform = "vyos"
	}
	if open := assignments(sys, "/etc/openwrt_release"); len(open) > 0 {
		s = System{"openwrt", open["DISTRIB_DESCRIPTION"], open["DISTRIB_RELEASE"]}
	}
	// EdgeOS is a Debian; its own version is "EdgeRouter.ER-e50.v2.0.9…".
	if b, err := platform.ReadSystemFile(sys, "/etc/version", maxRelease); err == nil && strings.HasPrefix(string(b), "Edge") {
		s = System{"edgerouter", "EdgeOS", strings.TrimSpace(string(b))}
	}
	return s
}

// assignments reads lines of NAME=VALUE; none where there is no such file.
func assignments(sys platform.System, name string) map[string]string {
	b, err := platform.ReadSystemFile(sys, name, maxRelease)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[key] = strings.Trim(value, `"'`)
		}
	}
	return out
}
