#!/bin/sh
# Installs the programs that the lab's tests use as peers and referees, where
# that is possible without asking; says what stays out where it is not.
want="ip:iproute2 sysctl:procps script:bsdutils unshare:util-linux nft:nftables iptables:iptables conntrack:conntrack tcpdump:tcpdump turnserver:coturn kamailio:kamailio unbound:unbound dnsmasq:dnsmasq-base sipp:sip-tester fail2ban-server:fail2ban miniupnpd:miniupnpd snmpd:snmpd lldpd:lldpd nmap:nmap ipset:ipset dbus-daemon:dbus-daemon tshark:tshark sngrep:sngrep debootstrap:debootstrap promtool:prometheus prometheus-node-exporter:prometheus-node-exporter systemd-analyze:systemd /usr/lib/nagios/plugins/negate:monitoring-plugins-basic chromium:chromium mandoc:mandoc skopeo:skopeo rpm:rpm"
missing=""
for w in $want; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "${w%%:*}" >/dev/null 2>&1 || missing="$missing ${w#*:}"
done
# Kamailio's TLS and WebSocket are packages of their own.
ls /usr/lib/*/kamailio/modules/tls.so >/dev/null 2>&1 || missing="$missing kamailio-tls-modules"
ls /usr/lib/*/kamailio/modules/websocket.so >/dev/null 2>&1 || missing="$missing kamailio-websocket-modules"
# What a page looks like depends on the letters that there are.
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || missing="$missing fonts-dejavu-core"
# firewalld is written in Python and talks to a bus.
[ -d /usr/lib/python3/dist-packages/gi ] || missing="$missing python3-gi"
[ -d /usr/lib/python3/dist-packages/dbus ] || missing="$missing python3-dbus"

# Firewalls and servers that would take this machine over, or open it, once they
# are installed, and at its next start at the latest, are only unpacked, into the user's cache; the
# tests lay them over a server of the lab.
unpack() {
	command -v apt-get >/dev/null 2>&1 || return 0
	cache="${XDG_CACHE_HOME:-$HOME/.cache}/sipdoctor-lab"
	packages="ufw firewalld python3-firewall python3-nftables python3-cap-ng crowdsec crowdsec-firewall-bouncer openssh-server libwrap0"
	[ "$(cat "$cache/root/packages" 2>/dev/null)" = "$packages" ] && return 0
	echo "unpacking $packages"
	rm -rf "$cache/root" "$cache/debs"
	mkdir -p "$cache/root" "$cache/debs"
	cd "$cache/debs"
	apt-get download -qq $packages >/dev/null 2>&1 ||
		{ $run apt-get update -qq && apt-get download -qq $packages >/dev/null 2>&1; } ||
		{ echo "not unpacked, so the tests that use them are skipped: $packages"; return 0; }
	for deb in *.deb; do dpkg-deb -x "$deb" "$cache/root" || return 1; done
	# Where /lib is a link to /usr/lib, what a package has in /lib belongs there.
	[ ! -d "$cache/root/lib" ] || { mkdir -p "$cache/root/usr/lib" && cp -a "$cache/root/lib/." "$cache/root/usr/lib/"; }
	rm -rf "$cache/debs"
	echo "$packages" >"$cache/root/packages"
}

run=""
if [ -z "$missing" ]; then
	unpack
	exit
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "not installed, so the tests that use them are skipped:$missing"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	if sudo -n true 2>/dev/null; then run=sudo; else
		echo "not installed, so the tests that use them are skipped (no root here):$missing"
		unpack
		exit
	fi
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The packages must not start their daemons on this machine: only the tests do,
# inside their own network.
$run sh -c '
	policy=/usr/sbin/policy-rc.d
	made=""
	[ -e $policy ] || { printf "#!/bin/sh\nexit 101\n" >$policy; chmod +x $policy; made=1; }
	apt-get update -qq && apt-get install -y -qq --no-install-recommends '"$missing"' >/dev/null
	status=$?
	[ -n "$made" ] && rm -f $policy
	exit $status
' || exit
unpack
