#!/bin/sh
# Installs Wine of trixie into a folder of its own in the user's cache, in which
# tools/release tests the Windows program: that of bookworm lacks what Go needs. Says
# why not where it is not possible.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sipdoctor-lab"
recipe="1" # another number builds the folder anew

# The mirror is the one that apt uses here.
mirror() {
	apt-get indextargets --format '$(LABEL)	$(REPO_URI)' 2>/dev/null | sed -n 's/^Debian	//p' | head -n 1
}

build() {
	debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg trixie "$1" "$(mirror)" || return
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" && chmod +x "$1/usr/sbin/policy-rc.d" || return
	printf 'path-exclude=/usr/share/%s/*\n' doc man info locale >"$1/etc/dpkg/dpkg.cfg.d/small"
	chroot "$1" apt-get install -y -qq --no-install-recommends wine wine64 || return
	chroot "$1" apt-get clean
	rm -rf "$1"/var/lib/apt/lists/*
	# It looks for its parts in /proc.
	unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc" && chroot "$1" wine --version' sh "$1"
}

dir="$cache/wine"
[ "$(cat "$dir/recipe" 2>/dev/null)" = "$recipe" ] && exit
for p in debootstrap apt-get chroot; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "$p" >/dev/null 2>&1 || {
		echo "not installed, so the tests that use it are skipped: Wine ($p is missing)"
		exit 0
	}
done
[ "$(id -u)" = 0 ] || {
	echo "not installed, so the tests that use it are skipped: Wine (no root here)"
	exit 0
}
[ -n "$(mirror)" ] || apt-get update -qq >/dev/null 2>&1 # apt names a mirror once it has its lists
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
echo "installing Wine of trixie into $dir: three minutes, 1 GB"
rm -rf "$dir"
mkdir -p "$dir"
# Once more, if a mirror was being updated.
if build "$dir" </dev/null >"$cache/wine.log" 2>&1 || { rm -rf "$dir" && sleep 30 && build "$dir" </dev/null >"$cache/wine.log" 2>&1; }; then
	echo "$recipe" >"$dir/recipe"
	rm -f "$cache/wine.log"
else
	tail -n 5 "$cache/wine.log"
	echo "not installed, so the tests that use it are skipped: Wine (see $cache/wine.log)"
	rm -rf "$dir"
fi
