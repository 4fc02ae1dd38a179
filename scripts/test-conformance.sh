#!/usr/bin/env bash
# The Kubernetes API conformance suite of test/conformance, against any cluster or (without --kubeconfig) the embedded server.
# usage: scripts/test-conformance.sh [--kubeconfig FILE] [--namespace NS] [--kubectl PATH] [--filter TEXT] [-o json]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
here=$PWD
cd "$root"
. scripts/node.sh
cd "$here"
exec node "$root/test/conformance/main.ts" "$@"
