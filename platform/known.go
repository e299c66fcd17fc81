package platform

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// knownPlaces are the files and directories that checks read. Configuration
// names others (#include, logpath), and a link in it may lead anywhere: the
// program that runs as root reads them, but a bundle that is sent to strangers
// holds only what lies here in the end. Whoever adds a reader adds its place.
func knownPlaces() []string {
	return strings.Fields(`
	/etc/asterisk /etc/fail2ban /etc/kamailio /etc/freeswitch /etc/freepbx.conf /etc/amportal.conf
	/etc/csf /etc/apf /etc/ufw /etc/default/ufw /etc/firewalld /etc/crowdsec /etc/sshguard
	/etc/iptables /etc/sysconfig/iptables /etc/sysconfig/ip6tables /etc/nftables.conf /etc/nftables /etc/sysconfig/nftables.conf
	/etc/hosts /etc/hosts.allow /etc/hosts.deny /etc/hostname /etc/localtime /etc/timezone /etc/os-release
	/usr/lib/os-release /usr/lib/firewalld /usr/lib/fail2ban /usr/share/zoneinfo /usr/share/asterisk
	/usr/local/etc/asterisk /usr/local/etc/fail2ban /usr/local/etc/kamailio /usr/local/csf
	/var/log /var/lib/asterisk /var/lib/fail2ban /var/lib/csf /var/lib/crowdsec /var/lib/denyhosts
	/var/lib/sshguard /var/db/sshguard /var/spool/asterisk
	/var/www/html/admin
	/proc/net /proc/sys/net /proc/modules /proc/timer_list /proc/version /proc/uptime
	/sys/module /sys/class/net`)
}

var (
	// The directories of these programs may lie on another disk, as logs do.
	knownPrograms = regexp.MustCompile(`^/(opt|srv|mnt|data|var)(/.*)?/(log|logs|etc)/(asterisk|fail2ban)/|^/opt/asterisk/`)
	// What /proc/net is in the end: that of a thread.
	threadNetPath = regexp.MustCompile(`^/proc/\d+(/task/\d+)?/net/`)
	// What /sys/class/net leads to: figures of an interface.
	sysInterface = regexp.MustCompile(`^/sys/devices/.*/net/[^/]+/(address|speed|uevent)$`)
	// Nobody's configuration: keys, and whatever lies in somebody's home.
	privatePath = regexp.MustCompile(`(?i)^/(root|home)/|/\.[^/]*/|/(keys|private)/|/(id_[^/]*|ssh_host_[^/]*|g?shadow[^/]*|passwd-?|sudoers[^/]*|[^/]*\.(key|pem|p12|pfx|jks|keytab|kdbx?))$`)
	// What is in a file of keys or of password hashes, under whatever name: a
	// hard link has no other.
	privateKey   = regexp.MustCompile(`(?m)^[ \t]*-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----`)
	passwordHash = regexp.MustCompile(`(?m)^[a-z_][a-z0-9_.-]*:[!*]?\$[0-9a-z]+\$[^:\n]*:\d*:`)
)

// notForBundles says why a file stays out of a bundle: it was opened as name
// and is in truth at place. more are places known besides. Empty: it may be in it.
func notForBundles(name, place string, more ...string) string {
	place = path.Clean(strings.TrimSuffix(place, " (deleted)"))
	where := "it is"
	if place != path.Clean(name) {
		where = "it leads to " + place + ","
	}
	switch {
	case privatePath.MatchString(place):
		return where + " a private place"
	case threadNetPath.MatchString(place), sysInterface.MatchString(place), knownPrograms.MatchString(place):
		return ""
	}
	for _, known := range slices.Concat(knownPlaces(), more) {
		if place == known || strings.HasPrefix(place, known+"/") {
			return ""
		}
	}
	return where + " outside the directories that bundles are made of"
}

// maxHashes bounds the files that are searched for password hashes, in bytes: a
// shadow file has a line a user, and a log of 20 MB takes a second to search.
const maxHashes = 256 << 10

// holdsKeys says what in a file keeps it out of a bundle.
func holdsKeys(data []byte) string {
	switch {
	case bytes.Contains(data, []byte("PRIVATE KEY")) && privateKey.Match(data):
		return "it holds a private key"
	case len(data) < maxHashes && passwordHash.Match(data):
		return "it holds password hashes"
	}
	return ""
}
