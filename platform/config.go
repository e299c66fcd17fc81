package platform

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// ConfigVar is the environment variable that names the configuration file.
const ConfigVar = "SIPDOCTOR_CONFIG"

// maxConfig bounds a configuration file, bytes: it holds a flag a line.
const maxConfig = 64 << 10

// ConfigFile is the configuration file that this program reads unless the command
// line names one: that of ConfigVar, else the first that exists of the user's own
// and the machine's; "" where there is none.
func ConfigFile() string {
	if name := os.Getenv(ConfigVar); name != "" {
		return name
	}
	for _, name := range configPlaces() {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			return name
		}
	}
	return ""
}

// configPlaces are where a configuration file is looked for. It is never the current
// folder, which may be a stranger's. Root reads the machine's alone: sudo may leave a
// user's home in the environment. On Windows every user may make files in the folder
// of all programs, so there is no file of the machine.
func configPlaces() (places []string) {
	if dir, err := os.UserConfigDir(); err == nil && (runtime.GOOS == "windows" || os.Geteuid() != 0) {
		places = append(places, filepath.Join(dir, "sipdoctor", "sipdoctor.yaml"))
	}
	if runtime.GOOS != "windows" {
		places = append(places, "/etc/sipdoctor/sipdoctor.yaml")
	}
	return places
}

// ReadConfig reads a configuration file, at most 64 KiB. One in a place where it is
// found without being named must belong to the user or root, and not everybody may
// write to it: otherwise the error is ErrExposed.
func ReadConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && slices.Contains(configPlaces(), name) {
		err = trustedConfig(name, info)
	}
	if err != nil {
		return nil, err
	}
	return readAll(f, name, maxConfig)
}

func trustedConfig(name string, info os.FileInfo) error {
	return private(name, info, 0o002, func(i os.FileInfo) bool { return ours(i) || ownedBy(i, 0) })
}
