#!/bin/bash
# Writes what OpenShift's must-gather collects of OVN into a folder of its shape, by copying the files
# that its gather_network_logs_basics copies, without a cluster:
#
#   mustgatherdump.sh FOLDER NODE=NB_FILE,SB_FILE...
#
# Each node has the databases of its zone. LEGACY=1 takes the first node's only, as must-gather does where
# all nodes share them. DATAPATH_TYPE replaces the type of the datapath that the chassis say they have: a
# cluster has the kernel's. CLUSTERED=1 makes the files those of clustered databases, with one server.
set -eu
out=$1
shift
top=$out/quay-io-openshift-release-dev-ocp-v4-0-art-dev-sha256-0000
logs=$top/network_logs
mkdir -p "$logs"
now() { date '+%Y-%m-%d %H:%M:%S.%N %z UTC m=+0.1'; }
now >"$out/timestamp"

# copy FROM TO copies a database, as oc cp does.
copy() {
	cp "$1" "$2"
	if [ -n "${DATAPATH_TYPE:-}" ] && ovsdb-tool db-name "$2" | grep -q Southbound; then
		ovsdb-tool transact "$2" '["OVN_Southbound", {"op": "mutate", "table": "Chassis", "where": [], "mutations": [
			["other_config", "delete", ["set", ["datapath-type"]]],
			["other_config", "insert", ["map", [["datapath-type", "'"$DATAPATH_TYPE"'"]]]]]}]' >/dev/null
		rm -f "$(dirname "$2")/.$(basename "$2").~lock~"
	fi
	if [ -n "${CLUSTERED:-}" ]; then
		mv "$2" "$2.alone"
		ovsdb-tool -vconsole:err create-cluster "$2" "$2.alone" tcp:127.0.0.1:6644
		rm "$2.alone"
	fi
}

# object FOLDER NAME writes an object as oc adm inspect does.
object() { mkdir -p "$top/$1" && cat >"$top/$1/$2.yaml"; }

if [ -n "${LEGACY:-}" ]; then
	files=${1#*=}
	copy "${files%,*}" "$logs/leader_nbdb"
	copy "${files#*,}" "$logs/leader_sbdb"
	gzip "$logs/leader_nbdb" "$logs/leader_sbdb"
else
	store=$logs/ovnk_database_store
	mkdir -p "$store"
	for node in "$@"; do
		name=${node%%=*} files=${node#*=} pod=ovnkube-node-${node%%=*}x
		copy "${files%,*}" "$store/${pod}_nbdb"
		copy "${files#*,}" "$store/${pod}_sbdb"
		object cluster-scoped-resources/core/nodes "$name" <<END
---
apiVersion: v1
kind: Node
metadata:
  annotations:
    k8s.ovn.org/node-chassis-id: $name
    k8s.ovn.org/zone-name: $name
  name: $name
END
		object "namespaces/openshift-ovn-kubernetes/pods/$pod" "$pod" <<END
---
apiVersion: v1
kind: Pod
metadata:
  labels:
    app: ovnkube-node
  name: $pod
  namespace: openshift-ovn-kubernetes
spec:
  nodeName: $name
status:
  phase: Running
END
	done
	tar -zcf "$store.tar.gz" -C "$logs" ovnk_database_store --remove-files
fi
now >>"$out/timestamp"
