#!/bin/sh
# Before removing; of an upgrade too, which is "upgrade" for dpkg and 1 for rpm. Where
# systemd does not run, as in an image that is being built, its links are removed all
# the same.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now sipdoctor.service || true
	elif command -v systemctl >/dev/null; then
		systemctl disable sipdoctor.service || true
	fi
	;;
esac
