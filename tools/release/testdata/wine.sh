#!/bin/sh
# wine.sh ROOT FOLDER PROGRAM [ARGUMENT…]: runs a Windows program of FOLDER in Wine,
# which testdata/wine-root.sh has put into ROOT. Wine keeps its files in FOLDER; its
# server, network and mounts are its own and end with the program.
set -e
if [ -z "$INSIDE" ]; then
	INSIDE=1 exec unshare --fork --pid --kill-child --mount --net --propagation private sh "$0" "$@"
fi
root=$1 folder=$2
shift 2
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$folder" "$root/mnt"
ip link set lo up
exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/mnt WINEPREFIX=/mnt/prefix WINEDEBUG=-all LC_ALL=C.UTF-8 chroot "$root" \
	sh -c '[ -d "$WINEPREFIX" ] || wineboot --init >/mnt/wineboot.log 2>&1; cd /mnt && exec wine "$@"' sh "$@"
