#!/bin/bash
# Writes what sosreport collects of this host into a folder of its shape, by running the commands
# that its plugins openvswitch, ovn_host, ovn_central, conntrack, networking, kernel and dpkg run
# (sos 4.12), without sos itself:
#
#   sosdump.sh FOLDER [HOSTNAME] [ENTER...]
#
# ENTER is a command that enters the host's namespaces, as in "ip netns exec hv1". The folders of
# the daemons are those of OVS_RUNDIR and OVN_RUNDIR; OVS_CONF_DB, OVN_NB_FILE and OVN_SB_FILE name
# database files that are copied; OPENFLOW the versions of OpenFlow that the bridges have, and QUICK=1
# leaves out what the tool does not read. OVN_LISTS=1 lists the databases' tables. A command that fails leaves its error message, as in sos.
set -u
export LC_ALL=C # as sos; the times have a decimal point
out=$1 host=${2:-$(hostname)}
shift $(($# < 2 ? $# : 2))
enter=("$@")
mkdir -p "$out/sos_commands" "$out/sos_reports" "$out/etc"
echo "$host" >"$out/hostname"
echo "sosreport (version 4.12)" >"$out/version.txt"
manifest=

# mangle COMMAND sets mangled to the file name that sos makes of a command (_mangle_command). It
# starts no process: dozens of commands are run for each host.
shopt -s extglob
mangle() {
	mangled=${1#/?(usr/)@(bin|sbin)/}
	mangled=${mangled//+([^A-Za-z0-9_.\/-])/_}
	mangled=${mangled//\//.}
	mangled=${mangled##+([ ._-])}
	mangled=${mangled%%+([ ._-])}
}

# run PLUGIN COMMAND [INSTEAD] runs a command and keeps its output. The words are separated by
# blanks. INSTEAD is run in place of COMMAND: one that prints the needed part of the same sooner.
run() {
	local plugin=$1 command=$2 file start end status mangled words
	mangle "$command"
	file=sos_commands/$plugin/$mangled
	[ -d "$out/sos_commands/$plugin" ] || mkdir -p "$out/sos_commands/$plugin"
	start=$EPOCHREALTIME
	read -ra words <<<"${3:-$command}"
	if ! type -P "${words[0]}" >/dev/null; then return 0; fi
	"${enter[@]}" "${words[@]}" </dev/null >"$out/$file" 2>&1
	status=$?
	end=$EPOCHREALTIME
	manifest+="${manifest:+,}{\"exec\": \"$command\", \"filepath\": \"$file\", \"truncated\": false, \"return_code\": $status, \"start_time\": $start, \"end_time\": $end}"
}

if [ -n "${OVS_CONF_DB:-}" ]; then
	mkdir -p "$out/etc/openvswitch" && cp -p "$OVS_CONF_DB" "$out/etc/openvswitch/conf.db"
	for c in "list interface" ${QUICK:+-} "list Open_vSwitch" "list bridge" "list datapath" "list-br" show; do
		[ "$c" = - ] && break
		run openvswitch "ovs-vsctl -t 5 $c"
	done
	for c in "ovs/route/show" "tnl/arp/show" ${QUICK:+-} bond/show "tnl/ports/show -v" "ofproto/list-tunnels" "lacp/show" "dpif-netdev/pmd-rxq-show"; do
		[ "$c" = - ] && break
		run openvswitch "ovs-appctl $c"
	done
	for dp in $("${enter[@]}" ovs-appctl dpctl/dump-dps); do
		for c in "dump-conntrack -m" "ct-stats-show -m" "ipf-get-status" ${QUICK:+-} "show -s" "dump-flows -m"; do
			[ "$c" = - ] && break
			run openvswitch "ovs-appctl dpctl/$c $dp"
		done
	done
	for br in $("${enter[@]}" ovs-vsctl -t 5 list-br); do
		for c in fdb/show fdb/stats-show "bridge/dump-flows --offload-stats" ${QUICK:+-} mdb/show dpif/show-dp-features; do
			[ "$c" = - ] && break
			run openvswitch "ovs-appctl $c $br"
		done
		for c in ${QUICK:+-} dump-flows dump-ports-desc dump-ports show dump-groups; do
			[ "$c" = - ] && break
			run openvswitch "ovs-ofctl $c $br"
		done
		for v in ${OPENFLOW:-OpenFlow10 OpenFlow11 OpenFlow12 OpenFlow13 OpenFlow14 OpenFlow15}; do
			for c in dump-groups dump-flows dump-tlv-map dump-meters ${QUICK:+-} show dump-ports-desc; do
				[ "$c" = - ] && break
				run openvswitch "ovs-ofctl -O $v $c $br"
			done
		done
	done
	if [ -z "${QUICK:-}" ]; then
		run ovn_host "ovs-ofctl -O OpenFlow13 dump-flows br-int"
		run ovn_host "ovs-vsctl list Open_vSwitch"
	fi
fi
if [ -n "${OVN_NB_FILE:-}" ]; then
	mkdir -p "$out/var/lib/ovn" && cp -p "$OVN_NB_FILE" "$out/var/lib/ovn/ovnnb_db.db" && cp -p "$OVN_SB_FILE" "$out/var/lib/ovn/ovnsb_db.db"
	if [ -z "${QUICK:-}" ]; then
		run ovn_central "ovn-nbctl --no-leader-only show"
		run ovn_central "ovn-sbctl --no-leader-only show"
	fi
fi
if [ -n "${OVN_LISTS:-}" ]; then # OVN_NB_DB and OVN_SB_DB say where the databases are
	for t in $(ovsdb-client list-tables "$OVN_NB_DB" OVN_Northbound | tail -n +3); do
		run ovn_central "ovn-nbctl list $t"
	done
	for t in $(ovsdb-client list-tables "$OVN_SB_DB" OVN_Southbound | tail -n +3); do
		[ "$t" = Logical_Flow ] || run ovn_central "ovn-sbctl list $t"
	done
	run ovn_central "ovn-sbctl lflow-list"
fi
run conntrack "conntrack -L -o extended"
run kernel "uname -a" && ln -sf "sos_commands/kernel/uname_-a" "$out/uname"
run kernel "sysctl -a" ${QUICK:+"sysctl net.netfilter"}
for c in ${QUICK:+-} "ip -o addr" "ip route show table all" "ip -4 rule list" "ip -s -s neigh show" "ip -d address"; do
	[ "$c" = - ] && break
	run networking "$c"
done
run dpkg "dpkg -l" && ln -sf "sos_commands/dpkg/dpkg_-l" "$out/installed-debs"
run date date
cat >"$out/sos_reports/manifest.json" <<END
{"version": "4.12", "cmdline": "sos report", "start_time": "", "end_time": "", "components": {"report": {"plugins": {"openvswitch": {"commands": [$manifest]}}}}}
END
