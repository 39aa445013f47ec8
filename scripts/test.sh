#!/usr/bin/env bash
# Runs every check, fast ones first. Prints each step and its time; stops at the
# first failure.
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
step "build the differential test" env CGO_ENABLED=0 go build -o bin/difftest ./internal/difftest
step lint make --no-print-directory lint
step "unit and live tests, with the race detector" go test -race -timeout 20m ./...
step difftest make --no-print-directory difftest
results=${CT_TRACE_CACHE:-$PWD/.cache}
# A separate name, so that a running lab of the user is not used.
export CT_TRACE_LAB_NAME=test-$$
trap 'bin/labctl down >/dev/null 2>&1 || true; CT_TRACE_DATAPATH=userspace bin/labctl down >/dev/null 2>&1 || true; CT_TRACE_DATAPATH=userspace CT_TRACE_LAB_TOPOLOGY=kube bin/labctl down >/dev/null 2>&1 || true' EXIT
# Every case, in namespaces of this machine, without emulation. Nothing else runs meanwhile, because the probe depends on timing.
step "oracle on the userspace datapath" env CT_TRACE_DATAPATH=userspace bin/labctl oracle -results "$results/oracle-userspace.json"
# One zone a node, with databases on sockets of that node only.
kube=(env CT_TRACE_DATAPATH=userspace CT_TRACE_LAB_TOPOLOGY=kube)
step "lab of one zone a node" "${kube[@]}" bin/labctl up
step "oracle over one zone a node" "${kube[@]}" bin/labctl oracle
step "conn, nat, doctor and why over one zone a node" "${kube[@]}" bin/labctl zones
step "cases from must-gathers over one zone a node" "${kube[@]}" bin/labctl offline -archives must-gather -case '^kube-(service-near|policy-denied|session-service|snat)$'
"${kube[@]}" bin/labctl down
# A program outside the module traces and asserts: over the whole lab, and on one bridge of hv1.
userspace=(env CT_TRACE_DATAPATH=userspace)
step "build the library's test" scripts/library.sh bin/library.test
step "lab on the userspace datapath" "${userspace[@]}" bin/labctl up
step "cases from archives in the userspace lab" "${userspace[@]}" bin/labctl offline -archives '^(sosreport|bundle)$' -case '^(router-tcp|vip-three|session-vip|acl-reject-tcp|related-snat)$'
step "conn in the userspace lab" "${userspace[@]}" bin/labctl conn
step "nat in the userspace lab" "${userspace[@]}" bin/labctl nat
step "matrix in the userspace lab" "${userspace[@]}" bin/labctl matrix -traces 30 -sent 15
step "node serve in the lab" "${userspace[@]}" bin/labctl serve
step "commands with few privileges" "${userspace[@]}" bin/labctl privileges
step "library in the lab" "${userspace[@]}" bin/labctl exec env OVS_RUNDIR=/run/ctlab/hv1/ovs "$PWD/bin/library.test" </dev/null
step "ways to the nodes in the lab" "${userspace[@]}" bin/labctl nodes
step "capture and verify in the lab" "${userspace[@]}" bin/labctl verify
step "examples of docs/debugging.md" "${userspace[@]}" bin/labctl debugging
# A dozen kinds of different nature are also asked from sosreports; make campaign ARCHIVES=. asks all, from each kind of archive.
archived='^(acl-drop-egress|port-unbound|interface-missing|no-bridge-mapping|next-hop-unresolved|stale-mac-binding|lb-no-backend|stale-snat|table-full|zone-clash|flow-not-installed|stale-controller|qos-rate)$'
step "campaign of faults on the userspace datapath" "${userspace[@]}" bin/labctl campaign -archives sosreport -archived "$archived"
# Faults are put into the lab; why names each, and its commands mend them.
step "why in the lab" "${userspace[@]}" bin/labctl why
# Two changes under live connections, which must die or go on as predicted.
step "what-if in the lab" "${userspace[@]}" bin/labctl whatif -kinds '^(acl-add|lb-backend)$'
"${userspace[@]}" bin/labctl down
# One boot for the next steps.
step "lab" bin/labctl up
step "doctor in the lab" bin/labctl doctor
step "conn in the lab" bin/labctl conn
step "difftest through the kernel datapath" timeout -k 30 30m bin/labctl exec "$PWD/bin/difftest" -datapath ovs-kernel -steps 500 </dev/null
# One case of each feature that depends on the datapath; the steps above have judged the others. make oracle runs all, which
# takes an hour under emulation.
datapath='NAT|ACL|fragment|ICMP errors|conntrack|SCTP|connection|tunnel|underlay|across chassis|IPv6|MTU|mirror|meter|bond|missing|load balancer, (one|several b|UDP|hairpin|est|aff)|sessions$'
step "oracle on the kernel's datapath" bin/labctl oracle -each 1 -feature "$datapath" -results "$results/oracle.json"
bin/labctl down
# A newer release: a selection, and on the userspace datapath also all cases that need a newer release.
some='^(switch-tunnel|router-tcp|ipv6-router|vip-three|lb-hairpin-snat-ip|acl-label|acl-reject-tcp|acl-sets|gr-snat|fip-distributed-in|snat-ping|ecmp|mtu-too-big|prov-across|dhcp|missing-neighbour|related-snat|fragment-acl-three|transit-tcp|session-vip)$'
step "oracle on Debian trixie" scripts/debian.sh trixie bin/labctl oracle -case "$some" -results "$results/oracle-trixie.json"
step "oracle on Debian trixie's userspace datapath" env CT_TRACE_DATAPATH=userspace scripts/debian.sh trixie \
	bin/labctl oracle -newer -case "$some" -results "$results/oracle-trixie-userspace.json"
step "every feature judged" bin/labctl coverage "$results"/oracle{,-userspace,-trixie,-trixie-userspace}.json
echo "test: all passed in $((SECONDS - began)) s"
