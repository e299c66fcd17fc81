package platform

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// linuxConntrack reads the connection table's size and filling. Both files
// appear with the kernel's module; the size is that of the whole machine, the
// count that of the network namespace.
func linuxConntrack() (count, most int, err error) {
	for _, f := range []struct {
		name string
		to   *int
	}{{"nf_conntrack_max", &most}, {"nf_conntrack_count", &count}} {
		b, err := os.ReadFile("/proc/sys/net/netfilter/" + f.name)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the connection table: %w", err)
		}
		if *f.to, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
			return 0, 0, fmt.Errorf("reading %s: %w", f.name, err)
		}
	}
	return count, most, nil
}
