#!/bin/sh
# container.sh ROOT: runs the program of an image as an engine would: with its user
# and environment, and nothing but its files. Prints what serve and check say.
set -e
[ -n "$INSIDE" ] || INSIDE=1 exec unshare --fork --pid --kill-child --mount --net --propagation private sh "$0" "$@"
mkdir -p "$1/proc" "$1/dev"
mount -t proc proc "$1/proc"
ip link set lo up
inside() { env -i PATH="$PATH" STATE_DIRECTORY=/var/lib/sipdoctor chroot --userspec 65532:65532 "$@"; }
inside "$1" /sipdoctor serve >"$1.log" 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do
	print=$(sed -n 's/.*--responder-fingerprint //p' "$1.log")
	[ -z "$print" ] || break
	sleep 1
done
cat "$1.log"
ls -ln "$1/var/lib/sipdoctor"
inside "$1" /sipdoctor check sip-alg --responder 127.0.0.1 --responder-fingerprint "$print"
