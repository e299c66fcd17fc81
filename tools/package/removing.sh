#!/bin/sh
# Before removing; of an upgrade too, which is "upgrade" for dpkg and 1 for rpm.
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now sipdoctor.service || true
	fi
	;;
esac
