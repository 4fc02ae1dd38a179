#!/usr/bin/env bash
# Runs the kernel tests inside Debian hosts that QEMU emulates; ends with `N passed, N failed, N skipped`.
# usage: scripts/test-host.sh [--profile NAME]... [--keep] [PATTERN]...      see test/host/README.md
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
cache=${VMLET_TEST_HOST_DIR:-${VMLET_STATE_DIR:-/var/lib/vmlet}/test-host}
mkdir -p "$cache"
# One at a time: an emulated host takes a whole CPU, and the cache is shared. The lock ends with the process.
exec 9> "$cache/lock"
flock -n 9 || { echo "test host: another run uses $cache; wait for it, or set VMLET_TEST_HOST_DIR" >&2; exit 75; }
exec node --disable-warning=ExperimentalWarning test/host/main.ts "$@"
