#!/bin/sh
# Installs the Asterisks that the lab's tests use as peers, each into a folder of
# its own in the user's cache: 16, the last of Debian with chan_sip, and what sid
# has. Nothing of them runs on this machine: the tests start them in the lab. Says
# what stays out where it is not possible.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sipdoctor-lab"
recipe="1" # another number builds the folders anew

# The mirror is the one that apt uses here.
mirror() {
	apt-get indextargets --format '$(LABEL)	$(REPO_URI)' 2>/dev/null | sed -n 's/^Debian	//p' | head -n 1
}

# build SUITE ROOT: a root that holds Asterisk and what it needs.
build() {
	debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$1" "$2" "$(mirror)" || return
	printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d" && chmod +x "$2/usr/sbin/policy-rc.d" || return
	printf 'path-exclude=/usr/share/%s/*\n' doc man info locale >"$2/etc/dpkg/dpkg.cfg.d/small"
	chroot "$2" apt-get install -y -qq --no-install-recommends asterisk || return
	chroot "$2" apt-get clean
	rm -rf "$2"/var/lib/apt/lists/* "$2"/usr/share/doc "$2"/usr/share/man "$2"/usr/share/info "$2"/usr/share/locale
	# In the lab no resolver answers: loopback refuses at once.
	echo "127.0.0.1 localhost" >"$2/etc/hosts"
	echo "nameserver 127.0.0.1" >"$2/etc/resolv.conf"
	chroot "$2" asterisk -V
}

# root NAME SUITE builds what is not there yet.
root() {
	dir="$cache/$1"
	[ "$(cat "$dir/recipe" 2>/dev/null)" = "$recipe" ] && return 0
	rm -rf "$dir"
	mkdir -p "$dir"
	# Once more, if a mirror was being updated.
	if build "$2" "$dir" </dev/null >"$cache/$1.log" 2>&1 || { rm -rf "$dir" && sleep 30 && build "$2" "$dir" </dev/null >"$cache/$1.log" 2>&1; }; then
		echo "$recipe" >"$dir/recipe"
		rm -f "$cache/$1.log"
	else
		tail -n 5 "$cache/$1.log"
		echo "not installed, so the tests that use it are skipped: Asterisk of $2 (see $cache/$1.log)"
		rm -rf "$dir"
	fi
}

have() { [ "$(cat "$cache/asterisk16/recipe" 2>/dev/null)" = "$recipe" ] && [ "$(cat "$cache/asterisk-sid/recipe" 2>/dev/null)" = "$recipe" ]; }

have && exit
for p in debootstrap apt-get chroot; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "$p" >/dev/null 2>&1 || {
		echo "not installed, so the tests that use it are skipped: Asterisk ($p is missing)"
		exit 0
	}
done
[ "$(id -u)" = 0 ] || {
	echo "not installed, so the tests that use it are skipped: Asterisk (no root here)"
	exit 0
}
[ -n "$(mirror)" ] || apt-get update -qq >/dev/null 2>&1 # apt names a mirror once it has its lists
[ -n "$(mirror)" ] || {
	echo "not installed, so the tests that use it are skipped: Asterisk (apt knows no mirror of Debian)"
	exit 0
}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
echo "installing Asterisk of bullseye and sid into $cache: two minutes"
mkdir -p "$cache"
root asterisk16 bullseye &
root asterisk-sid sid &
wait
