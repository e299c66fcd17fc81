package secrets

import (
	"net/netip"
	"regexp"
	"strings"
)

// switches are words that a value may consist of without being a secret.
var switches = wordSet(`
yes no on off true false none all any auto default never always force dynamic user friend peer
udp tcp tls ws wss sip sips iax2 http https rfc2833 rfc4733 rfc3581 inband info auto_info userpass md5 digest plain
ulaw alaw g722 g729 g726 gsm opus vp8 h264 slin speex ilbc
accept drop reject return deny permit allow ban warn warning error notice debug verbose security critical
systemd polling pyinotify gamin utf-8 ascii ssh sshd nftables iptables port-unreachable
`)

var (
	// Seven digits are 115 days in seconds and 9 MB: longer ones are not settings.
	number    = regexp.MustCompile(`^[-+!]?\d{1,7}(?:\.\d{1,3})?(?:s|m|h|d|w|ms|min|mo|y|[kKMG]i?B?|%)?$`)
	span      = regexp.MustCompile(`^\d{1,5}[-:]\d{1,5}(?:/(?:udp|tcp))?$`)
	filePath  = regexp.MustCompile(`^/[\w./*+-]*$`)
	hostName  = regexp.MustCompile(`^(?:\*\.)?[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40}){0,4}\.[a-z]{2,10}(?::\d{1,5})?$`)
	siteName  = regexp.MustCompile(`^https?://[a-z0-9.-]{1,80}(?::\d{1,5})?/?$`)
	reference = regexp.MustCompile(`^(?:%\([^)]*\)s|<[\w/?=.-]+>|\$\{[^{}:]*\})+$`)
	separator = regexp.MustCompile(`[\s,|&]+`)
)

// isPlain reports whether a value is nothing but numbers, addresses, hosts, names of
// files, switches and references to other options.
func isPlain(value string) bool {
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	for _, item := range separator.Split(value, -1) {
		if !isPlainItem(strings.TrimPrefix(item, "!")) {
			return false
		}
	}
	return true
}

func isPlainItem(s string) bool {
	if s == "" || number.MatchString(s) || span.MatchString(s) || filePath.MatchString(s) || siteName.MatchString(s) || hostName.MatchString(s) || reference.MatchString(s) {
		return true
	}
	return switches[strings.ToLower(s)] || isAddress(s)
}

// isSwitch reports whether a value is a switch or a number too small for a PIN:
// what stays even among credentials.
func isSwitch(value string) bool {
	switch value {
	case "yes", "no", "on", "off", "true", "false":
		return true
	}
	return len(value) <= 2 && strings.Trim(value, "0123456789") == ""
}

// isAddress reads an address, alone, with a port, or with a mask of either kind.
func isAddress(s string) bool {
	if _, err := netip.ParseAddrPort(s); err == nil {
		return true
	}
	host, mask, _ := strings.Cut(s, "/")
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && strings.Trim(mask, "0123456789.:") == ""
}
