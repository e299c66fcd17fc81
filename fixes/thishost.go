package fixes

import "github.com/sipdoctor/sipdoctor/netinfo"

// ThisHost returns the fixes for a problem of the very machine that checks, by
// its system. host may be nil. The result is never shared and may be changed.
func ThisHost(problem string, host *netinfo.Host) []Fix {
	if host == nil {
		return nil
	}
	switch host.OS {
	case "linux":
		return On(problem, "systemd", nil)
	case "windows":
		return On(problem, "windows", nil)
	case "darwin":
		return On(problem, "macos", nil)
	}
	return nil
}
