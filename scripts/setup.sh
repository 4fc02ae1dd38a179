#!/usr/bin/env bash
# Makes this clone ready to run: Debian packages, npm dependencies with the pinned Node.js, state directories, the
# demo guest, and the `vmlet` command. Every step says what it does, or that nothing was left to do.
# usage: scripts/setup.sh [--tests]
set -euo pipefail
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

packages=(qemu-utils libvirt-daemon libvirt-clients runc skopeo xorriso nftables iproute2 busybox-static cpio e2fsprogs)
case "$(uname -m)" in
x86_64) packages+=(qemu-system-x86) ;;
aarch64) packages+=(qemu-system-arm qemu-efi-aarch64) ;;
*) fail "no support for $(uname -m) yet: x86_64 and aarch64 work" 1 ;;
esac
$with_tests && packages+=(docker-registry)
command -v kubectl > /dev/null || packages+=(kubernetes-client)

. /etc/os-release
case "${ID:-}:${VERSION_ID:-}" in
debian:12 | debian:13) packages+=(libvirt-daemon-driver-qemu) ;;
*)
  cat >&2 << TEXT
setup: this is ${PRETTY_NAME:-an unknown system}; only Debian 12 and 13 are set up by themselves.
setup: install what these Debian packages hold, and then run the command again with VMLET_SETUP_PACKAGES=skip:
setup:   ${packages[*]}
TEXT
  [ "${VMLET_SETUP_PACKAGES:-}" = skip ] || exit 3
  ;;
esac

# --- Debian packages
missing=()
if [ "${VMLET_SETUP_PACKAGES:-}" != skip ]; then
  for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "${#missing[@]}" -gt 0 ]; then
  say 'Debian packages' "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The daemons that some packages bring must not start: vmlet runs its own libvirt per VM.
  policy=/usr/sbin/policy-rc.d
  made_policy=false
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made_policy=true
  fi
  installed=true
  { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || installed=false
  ! $made_policy || rm -f "$policy"
  $installed || { tail -n 20 "$log" >&2; fail 'apt-get could not install the packages above; its last lines are shown'; }
else
  say 'Debian packages' 'all there'
fi

# --- npm dependencies, the pinned Node.js among them. No package needs an install script.
lock_sum=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.vmlet-lock 2> /dev/null)" = "$lock_sum" ]; then
  say 'npm dependencies' 'all there'
else
  say 'npm dependencies' 'installing (Node.js 24 included)'
  command -v npm > /dev/null || fail 'npm is missing: apt-get install npm'
  # Not `npm ci`: it refuses the lock file where a registry mirror lacks other platforms' optional packages.
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error > "$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail 'npm install failed; its last lines are shown'; }
  echo "$lock_sum" > node_modules/.vmlet-lock
fi

# --- state directories
state=${VMLET_STATE_DIR:-/var/lib/vmlet}
install -d -m 0700 "$state"
install -d -m 0755 "$state/local-images"
say 'state directory' "$state"

# --- demo guest
if ! apt-cache show "linux-image-cloud-$(dpkg --print-architecture 2> /dev/null)" > /dev/null 2>&1; then
  say 'package lists' 'fetching'
  apt-get update -q > "$log" 2>&1 || { tail -n 20 "$log" >&2; fail 'apt-get update failed'; }
fi
guest=$state/local-images/demo-guest
before=$(cat "$guest/built-from" 2> /dev/null || true)
bash guest/build.sh "$guest"
if [ "$before" = "$(cat "$guest/built-from")" ]; then
  say 'demo guest' 'already built'
else
  say 'demo guest' "built $guest"
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
