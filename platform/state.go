package platform

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// StateDir is where root keeps what must be remembered between runs; it need
// not exist. A service manager names it in STATE_DIRECTORY (systemd.exec(5)).
func StateDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); filepath.IsAbs(dir) {
		return dir
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "sipdoctor")
	}
	return "/var/lib/sipdoctor"
}

// ErrLocked reports that another process holds a lock.
var ErrLocked = errors.New("another process holds the lock")
