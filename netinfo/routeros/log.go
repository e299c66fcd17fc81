package routeros

import (
	"regexp"
	"slices"
	"strings"
)

// A Log is one line of RouterOS's log.
type Log struct {
	Time    string // by the router's clock, as it stands there; the date is missing for today
	Topics  []string
	Message string
}

// logLine is a line as /log print, a log file and a remote syslog server have it.
var logLine = regexp.MustCompile(`^\s*((?:(?:[a-z]{3}/\d{2}(?:/\d{4})?|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}) )?\d{2}:\d{2}:\d{2}) ([a-z][a-z0-9-]*(?:,[a-z0-9-]+)*):? (.*)$`)

// ReadLog reads a line; ok is false if it is none of RouterOS's. The first of its
// topics must be one that RouterOS has, because other programs write lines of this
// form as well.
func ReadLog(line string) (l Log, ok bool) {
	const maxLine = 4096
	if len(line) > maxLine {
		return Log{}, false
	}
	m := logLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if m == nil {
		return Log{}, false
	}
	l = Log{Time: m[1], Topics: strings.Split(m[2], ","), Message: utf8Of(m[3])}
	known := "account async backup bfd bgp bridge caps certificate ddns dhcp dns dot1x e-mail error event firewall gps gsm hotspot igmp-proxy " +
		"info interface ipsec iscsi isdn kvm l2tp ldp lora lte manager mme mpls netwatch ntp ospf ovpn packet pim poe-out ppp pppoe pptp " +
		"queue radius radvd raw read rip route rsvp script sertcp simulator smb snmp socksify ssh sstp state store stp system telephony " +
		"tftp timer tr069 ups vpls vrrp watchdog warning web-proxy wireguard wireless wifi critical debug"
	return l, slices.Contains(strings.Fields(known), l.Topics[0])
}
