#!/bin/sh
# boot.sh DEB FOLDER CGROUP: starts systemd in a copy of this machine that is
# thrown away, with the package installed: what is written goes to memory, and
# processes, network and mounts are its own. Ends with the process.
set -e
if [ -z "$INSIDE" ]; then
	echo $$ >"$3/cgroup.procs" # so that the cgroups it makes are below this one
	INSIDE=1 exec unshare --fork --pid --kill-child --mount --net --ipc --uts --cgroup --propagation private sh "$0" "$@"
fi
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/up" "$2/work" "$2/root"
root=$2/root
mount -t overlay -o "lowerdir=/,upperdir=$2/up,workdir=$2/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
cp "$1" "$root/run/sipdoctor.deb"
chroot "$root" dpkg -i /run/sipdoctor.deb
ip link set lo up
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --system --unit=basic.target
