package fail2ban

import (
	"strconv"
	"strings"
)

// portListed tells whether a port is in a list such as "5060,5061",
// "10000:20000", "0:65535", "sip,sips" or "all".
func portListed(list string, port uint16) bool {
	for _, item := range names(list) {
		from, to, isRange := strings.Cut(item, ":")
		if !isRange {
			from, to, isRange = strings.Cut(item, "-")
		}
		if !isRange {
			to = from
		}
		low, high := portNumber(from), portNumber(to)
		if item == "all" || item == "any" || low >= 0 && low <= int(port) && int(port) <= high {
			return true
		}
	}
	return false
}

// portNumber reads a port; of the names in /etc/services those that matter
// here. -1: unknown.
func portNumber(s string) int {
	switch s {
	case "sip":
		return 5060
	case "sips", "sip-tls":
		return 5061
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
