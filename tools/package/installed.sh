#!/bin/sh
# After installing or upgrading, of a .deb and an .rpm. Nothing is started that
# was not running: a program that answers strangers is started by its owner.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart sipdoctor.service || true
fi
