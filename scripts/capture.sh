#!/usr/bin/env bash
# Captures the parsers' corpus again from the kept lab (make capture): writes raw
# outputs of ofproto/trace, dump-flows, dpctl and others to testdata/. The first
# line of each file contains the command, the OVS version and the date.
set -euo pipefail
cd "$(dirname "$0")/.."
share=${CT_TRACE_CACHE:-$PWD/.cache}/lab/${CT_TRACE_LAB_NAME:-default}/share
rm -rf "$share/capture"
bin/labctl exec /run/ctlab-bin/labctl capture "$share/capture" </dev/null
cp -r "$share/capture/." testdata/
find testdata -newer "$share/capture" -name '*.txt' | wc -l | xargs printf 'capture: %s files in testdata\n'
