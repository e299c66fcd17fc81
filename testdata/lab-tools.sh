#!/bin/sh
# Installs the programs that the lab's tests use as peers and referees, where
# that is possible without asking; says what stays out where it is not.
want="ip:iproute2 sysctl:procps script:bsdutils unshare:util-linux nft:nftables iptables:iptables conntrack:conntrack turnserver:coturn kamailio:kamailio unbound:unbound dnsmasq:dnsmasq-base sipp:sip-tester fail2ban-server:fail2ban miniupnpd:miniupnpd nmap:nmap"
missing=""
for w in $want; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "${w%%:*}" >/dev/null 2>&1 || missing="$missing ${w#*:}"
done
# Kamailio's TLS and WebSocket are packages of their own.
ls /usr/lib/*/kamailio/modules/tls.so >/dev/null 2>&1 || missing="$missing kamailio-tls-modules"
ls /usr/lib/*/kamailio/modules/websocket.so >/dev/null 2>&1 || missing="$missing kamailio-websocket-modules"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "not installed, so the tests that use them are skipped:$missing"
	exit 0
fi
run=""
if [ "$(id -u)" != 0 ]; then
	if sudo -n true 2>/dev/null; then run=sudo; else
		echo "not installed, so the tests that use them are skipped (no root here):$missing"
		exit 0
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
'
