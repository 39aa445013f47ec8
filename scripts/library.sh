#!/bin/sh
# Builds testdata/library, a test of its own module that uses this one as a
# library, to the file that is named, after vetting it. Nothing is fetched: the
# sums of what this module needs are the ones that it needs.
set -eu
cd "$(dirname "$0")/.."
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
mod=$(mktemp -d)
trap 'rm -rf "$mod"' EXIT
cp testdata/library/go.mod go.sum "$mod"
cd testdata/library
# -modfile: the requirements that go adds are written there, not to the folder.
export GOFLAGS="-mod=mod -modfile=$mod/go.mod" GOPROXY=off GOWORK=off CGO_ENABLED=0
go vet ./...
go test -c -o "$out" .
