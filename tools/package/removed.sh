#!/bin/sh
# After removing. "purge" takes what the responder kept as well; rpm has no such
# thing and leaves it. What "fix" needs to undo stays, in /var/lib/sipdoctor.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /var/lib/private/sipdoctor-responder /var/lib/sipdoctor-responder
fi
