#!/usr/bin/env bash
# Runs every fuzz target for the given time (default: 10s).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
count=0
while IFS=: read -r file target; do
	pkg=./$(dirname "$file")
	echo "fuzz: $pkg $target ($time)"
	go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
	count=$((count + 1))
done < <(grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^\.\///; s/:func /:/' | sort)
[ "$count" -gt 0 ] || { echo "fuzz: no target found" >&2; exit 1; }
echo "fuzz: targets=$count"
