#!/usr/bin/env bash
# Runs every check, fast ones first: then two lanes of steps in labs, side by side. Prints each step
# and its time. Stops at the first failure, of either lane, and leaves no process or lab behind.
#
#   scripts/test.sh                     everything
#   scripts/test.sh userspace|kernel    the steps of one lane; needs what the steps before have built
set -euo pipefail
cd "$(dirname "$0")/.."
began=$SECONDS
lane=${1:-}
results=${CT_TRACE_CACHE:-$PWD/.cache}
# A separate name, so that a running lab of the user is not used.
export CT_TRACE_LAB_NAME=test-$$

# Each step and each lane is a process group, so that all of it can be ended. A shell that waits runs
# its traps at once.
set -m
running=()
spawn() {
	setpriv --pdeathsig TERM "$@" </dev/null &
	running+=($!)
}
# finished waits for one of the running groups, and returns its status.
finished() {
	local ended='' rc=0
	wait -n -p ended "${running[@]}" || rc=$?
	local left=() p
	for p in "${running[@]}"; do
		[ "$p" = "$ended" ] || left+=("$p")
	done
	running=("${left[@]}")
	return $rc
}
leave() {
	trap '' INT TERM HUP
	local p
	for p in "${running[@]}"; do
		kill -TERM -- "-$p" 2>/dev/null || true
	done
	for p in "${running[@]}"; do
		wait "$p" || true
	done
	local topology datapath
	for topology in '' kube; do
		for datapath in '' userspace; do
			CT_TRACE_DATAPATH=$datapath CT_TRACE_LAB_TOPOLOGY=$topology bin/labctl down >/dev/null 2>&1 || true
		done
	done
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

step() {
	local name=$1 t=$SECONDS
	shift
	echo "test: == $name"
	spawn "$@"
	finished || { echo "test: == $name FAILED after $((SECONDS - t)) s" >&2; exit 1; }
	echo "test: == $name ok, $((SECONDS - t)) s"
}
# lanes runs lanes side by side; the lines of each have its name before them.
lanes() {
	local name
	for name in "$@"; do
		spawn scripts/test.sh "$name" > >(trap '' INT TERM HUP; exec sed -u "s/^/$name: /") 2>&1
	done
	while [ ${#running[@]} -gt 0 ]; do
		finished || { echo "test: == a lane FAILED" >&2; exit 1; }
	done
}

# In namespaces of this machine, without emulation.
userspace() {
	local lab=(env CT_TRACE_DATAPATH=userspace)
	# Every case. Most of the time goes by in waiting for packets, so that two labs share them.
	step "oracle on the userspace datapath" "${lab[@]}" bin/labctl oracle -labs 2 -results "$results/oracle-userspace.json"
	# One zone a node, with databases on sockets of that node only.
	local kube=("${lab[@]}" CT_TRACE_LAB_TOPOLOGY=kube)
	step "lab of one zone a node" "${kube[@]}" bin/labctl up
	step "oracle over one zone a node" "${kube[@]}" bin/labctl oracle
	step "conn, nat, doctor and why over one zone a node" "${kube[@]}" bin/labctl zones
	step "cases from must-gathers over one zone a node" "${kube[@]}" bin/labctl offline -archives must-gather -case '^kube-(service-near|policy-denied|session-service|snat)$'
	"${kube[@]}" bin/labctl down
	step "lab on the userspace datapath" "${lab[@]}" bin/labctl up
	step "cases from archives in the userspace lab" "${lab[@]}" bin/labctl offline -archives '^(sosreport|bundle)$' -case '^(router-tcp|vip-three|session-vip|acl-reject-tcp|related-snat)$'
	step "conn in the userspace lab" "${lab[@]}" bin/labctl conn
	step "nat in the userspace lab" "${lab[@]}" bin/labctl nat
	step "matrix in the userspace lab" "${lab[@]}" bin/labctl matrix -traces 30 -sent 15
	step "node serve in the lab" "${lab[@]}" bin/labctl serve
	step "commands with few privileges" "${lab[@]}" bin/labctl privileges
	# A program outside the module traces and asserts: over the whole lab, and on one bridge of hv1.
	step "library in the lab" "${lab[@]}" bin/labctl exec env OVS_RUNDIR=/run/ctlab/hv1/ovs "$PWD/bin/library.test"
	step "ways to the nodes in the lab" "${lab[@]}" bin/labctl nodes
	step "capture and verify in the lab" "${lab[@]}" bin/labctl verify
	step "examples of docs/debugging.md" "${lab[@]}" bin/labctl debugging
	# A dozen kinds of different nature are also asked from sosreports; make campaign ARCHIVES=. asks all, from each kind of archive.
	archived='^(acl-drop-egress|port-unbound|interface-missing|no-bridge-mapping|next-hop-unresolved|stale-mac-binding|lb-no-backend|stale-snat|table-full|zone-clash|flow-not-installed|stale-controller|qos-rate)$'
	step "campaign of faults on the userspace datapath" "${lab[@]}" bin/labctl campaign -archives sosreport -archived "$archived"
	# Faults are put into the lab; why names each, and its commands mend them.
	step "why in the lab" "${lab[@]}" bin/labctl why
	# Two changes under live connections, which must die or go on as predicted.
	step "what-if in the lab" "${lab[@]}" bin/labctl whatif -kinds '^(acl-add|lb-backend)$'
	"${lab[@]}" bin/labctl down
	# A newer release: a selection, and all cases that need a newer release.
	step "oracle on Debian trixie's userspace datapath" "${lab[@]}" scripts/debian.sh trixie \
		bin/labctl oracle -newer -case "$some" -results "$results/oracle-trixie-userspace.json"
}
some='^(switch-tunnel|router-tcp|ipv6-router|vip-three|lb-hairpin-snat-ip|acl-label|acl-reject-tcp|acl-sets|gr-snat|fip-distributed-in|snat-ping|ecmp|mtu-too-big|prov-across|dhcp|missing-neighbour|related-snat|fragment-acl-three|transit-tcp|session-vip)$'

# Through the kernel's datapath, mostly in emulated guests.
kernel() {
	# One boot for the next steps.
	step "lab" bin/labctl up
	step "doctor in the lab" bin/labctl doctor
	step "conn in the lab" bin/labctl conn
	step "difftest through the kernel datapath" timeout -k 30 30m bin/labctl exec "$PWD/bin/difftest" -datapath ovs-kernel -steps 500
	# One case of each feature that depends on the datapath; the userspace lane judges the others. make oracle runs all, which
	# takes an hour under emulation.
	local datapath='NAT|ACL|fragment|ICMP errors|conntrack|SCTP|connection|tunnel|underlay|across chassis|IPv6|MTU|mirror|meter|bond|missing|load balancer, (one|several b|UDP|hairpin|est|aff)|sessions$'
	step "oracle on the kernel's datapath" bin/labctl oracle -each 1 -feature "$datapath" -results "$results/oracle.json"
	bin/labctl down
	step "oracle on Debian trixie" scripts/debian.sh trixie bin/labctl oracle -case "$some" -results "$results/oracle-trixie.json"
}

case $lane in
userspace | kernel)
	"$lane"
	echo "test: == lane ok, $((SECONDS - began)) s"
	exit
	;;
?*)
	echo "test: no lane $lane" >&2
	exit 2
	;;
esac
step setup scripts/setup.sh
step build make --no-print-directory build labctl
step "build the differential test" env CGO_ENABLED=0 go build -o bin/difftest ./internal/difftest
step "build the library's test" scripts/library.sh bin/library.test
step lint make --no-print-directory lint
# One package more at a time than processors, because some wait: for servers that do not answer, for guests.
step "unit and live tests, with the race detector" go test -race -p 3 -timeout 20m ./...
step difftest make --no-print-directory difftest
# Here, because both lanes need it.
step "Debian trixie" scripts/debian.sh trixie
lanes userspace kernel
step "every feature judged" bin/labctl coverage "$results"/oracle{,-userspace,-trixie,-trixie-userspace}.json
echo "test: all passed in $((SECONDS - began)) s"
