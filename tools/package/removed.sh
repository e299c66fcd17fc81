#!/bin/sh
# After removing. "purge" takes what the responder kept as well; rpm has no such
# thing and leaves it.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
case "$1" in
purge)
	rm -rf /var/lib/private/sipdoctor
	rm -f /var/lib/sipdoctor 2>/dev/null || true
	;;
esac
