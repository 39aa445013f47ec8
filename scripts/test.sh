#!/usr/bin/env bash
# Every check, in the order of what fails fastest. Prints each step and its
# time; stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
began=$SECONDS
step() {
	local name=$1 t=$SECONDS
	shift
	echo "test: == $name"
	"$@" || { echo "test: == $name FAILED after $((SECONDS - t)) s" >&2; exit 1; }
	echo "test: == $name ok, $((SECONDS - t)) s"
}
step setup scripts/setup.sh
step build make --no-print-directory build labctl
step lint make --no-print-directory lint
step "unit and live tests, with the race detector" go test -race -timeout 20m ./...
step difftest make --no-print-directory difftest
step oracle make --no-print-directory oracle
echo "test: all passed in $((SECONDS - began)) s"
