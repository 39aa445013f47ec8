#!/bin/bash
# Makes lflow-VERSION.txt beside this script: every match that ovn-northd writes for a network with
# most Northbound features, one a line. Needs no root and no network.
#
#   testdata/ovnexpr/capture.sh [PREFIX]    PREFIX holds usr/bin, usr/sbin, usr/share of another release
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-}
PATH=$prefix/usr/bin:$prefix/usr/sbin:$PATH:/usr/sbin
export LC_ALL=C
dir=$(mktemp -d /tmp/ovn-capture-XXXXXX)
export OVN_RUNDIR=$dir OVS_RUNDIR=$dir OVN_LOGDIR=$dir OVS_LOGDIR=$dir
pids=()
finish() {
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

cd "$dir"
for db in nb sb; do
    ovsdb-tool create $db.db "$prefix/usr/share/ovn/ovn-$db.ovsschema"
    ovsdb-server $db.db --remote=punix:"$dir"/$db.sock --unixctl="$dir"/$db.ctl -vconsole:off &
    pids+=($!)
done
for _ in $(seq 200); do [ -S nb.sock ] && [ -S sb.sock ] && break; sleep 0.05; done
ovn-northd --ovnnb-db=unix:"$dir"/nb.sock --ovnsb-db=unix:"$dir"/sb.sock --unixctl="$dir"/northd.ctl -vconsole:off &
pids+=($!)
nb() { ovn-nbctl --db=unix:"$dir"/nb.sock --no-leader-only --timeout=60 "$@"; }
# try runs what an older ovn-nbctl or schema may not know.
try() { nb "$@" 2>/dev/null || echo "left out: $*" >&2; }
nb init
for c in hv1 hv2; do
    ovn-sbctl --db=unix:"$dir"/sb.sock --no-leader-only chassis-add $c geneve 10.9.0.${c#hv}
done

for s in 0 1; do
    nb ls-add sw$s
    for p in 1 2 3; do
        nb lsp-add sw$s sw$s-p$p -- lsp-set-addresses sw$s-p$p "50:54:00:00:0$s:0$p 10.0.$s.1$p fd0$s::1$p" \
            -- lsp-set-port-security sw$s-p$p "50:54:00:00:0$s:0$p 10.0.$s.1$p fd0$s::1$p"
    done
done
nb lsp-add sw0 sw0-any -- lsp-set-addresses sw0-any unknown -- lsp-add sw0 sw0-off -- lsp-set-addresses sw0-off "50:54:00:00:00:09 10.0.0.19" \
    -- lsp-set-enabled sw0-off disabled -- lsp-add sw0 sw0-vip -- lsp-set-type sw0-vip virtual \
    -- set logical_switch_port sw0-vip options:virtual-ip=10.0.0.50 options:virtual-parents=sw0-p1,sw0-p2
nb lr-add lr0 -- lr-add gr0 -- set logical_router gr0 options:chassis=hv1
for s in 0 1; do
    nb lrp-add lr0 lr0-sw$s 00:00:00:00:ff:0$s 10.0.$s.1/24 fd0$s::1/64 -- lsp-add sw$s sw$s-lr0 -- lsp-set-type sw$s-lr0 router \
        -- lsp-set-addresses sw$s-lr0 router -- lsp-set-options sw$s-lr0 router-port=lr0-sw$s nat-addresses=router
done
nb set logical_router_port lr0-sw0 ipv6_ra_configs:address_mode=slaac ipv6_ra_configs:send_periodic=true options:gateway_mtu=1400
nb ls-add pub -- lsp-add pub ln-pub -- lsp-set-type ln-pub localnet -- lsp-set-addresses ln-pub unknown -- lsp-set-options ln-pub network_name=phys
nb lrp-add lr0 lr0-pub 00:00:20:20:12:13 172.16.0.100/24 fd16::100/64 -- lsp-add pub pub-lr0 -- lsp-set-type pub-lr0 router \
    -- lsp-set-addresses pub-lr0 router -- lsp-set-options pub-lr0 router-port=lr0-pub
nb lrp-set-gateway-chassis lr0-pub hv1 20 -- lrp-set-gateway-chassis lr0-pub hv2 10
nb ls-add join -- lrp-add gr0 gr0-join 00:00:00:00:ee:01 100.64.0.1/16 -- lsp-add join join-gr0 -- lsp-set-type join-gr0 router \
    -- lsp-set-addresses join-gr0 router -- lsp-set-options join-gr0 router-port=gr0-join \
    -- lrp-add lr0 lr0-join 00:00:00:00:ee:02 100.64.0.2/16 -- lsp-add join join-lr0 -- lsp-set-type join-lr0 router \
    -- lsp-set-addresses join-lr0 router -- lsp-set-options join-lr0 router-port=lr0-join
nb set logical_router gr0 options:dnat_force_snat_ip=100.64.0.1 options:lb_force_snat_ip=router_ip options:mcast_relay=true
nb set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=true other_config:mcast_eth_src=00:00:00:00:ff:00 \
    other_config:mcast_ip4_src=10.0.0.1 other_config:mcast_flood_unregistered=false
nb set logical_switch sw1 other_config:vlan-passthru=true

nb lr-nat-add lr0 snat 172.16.0.100 10.0.0.0/24
nb lr-nat-add lr0 dnat_and_snat 172.16.0.110 10.0.0.11 sw0-p1 30:54:00:00:00:03
nb lr-nat-add lr0 dnat_and_snat 172.16.0.111 10.0.0.12
nb lr-nat-add gr0 dnat 100.64.0.9 10.0.1.11
nb lr-nat-add gr0 snat 100.64.0.1 10.0.0.0/16
nb --stateless lr-nat-add lr0 dnat_and_snat fd16::110 fd00::11
nb create address_set name=allowed addresses='"10.0.0.12","10.0.7.0/24"' -- create address_set name=six addresses='"fd00::/64"'
nb set nat "$(nb --bare --columns=_uuid find nat external_ip=172.16.0.111)" allowed_ext_ips="$(nb --bare --columns=_uuid find address_set name=allowed)"
nb lr-route-add lr0 0.0.0.0/0 172.16.0.1 -- --ecmp-symmetric-reply --ecmp lr-route-add lr0 9.0.0.0/8 172.16.0.2 \
    -- --ecmp-symmetric-reply --ecmp lr-route-add lr0 9.0.0.0/8 172.16.0.3 -- --policy=src-ip lr-route-add lr0 10.0.1.0/24 172.16.0.4 \
    -- lr-route-add lr0 ::/0 fd16::1
nb lr-policy-add lr0 100 'ip4.src == 10.0.0.12 && tcp.dst == {22, 23}' drop -- lr-policy-add lr0 101 'inport == "lr0-sw0" && ip6' reroute fd16::9 \
    -- lr-policy-add lr0 102 'ip4.dst == $allowed || ip4.dst == 9.9.9.9' allow
nb lb-add lb0 30.0.0.10:80 10.0.1.11:80,10.0.1.12:80 tcp -- lb-add lb1 '[fd30::1]:53' '[fd01::11]:53' udp -- lb-add lb2 30.0.0.11 10.0.1.13 \
    -- lb-add lb3 30.0.0.12:9 '' sctp -- --reject lb-add lb4 30.0.0.13:81 '' tcp
for l in lb0 lb1 lb2 lb3 lb4; do nb ls-lb-add sw0 $l -- lr-lb-add lr0 $l -- lr-lb-add gr0 $l; done
nb set load_balancer lb0 options:affinity_timeout=60 options:hairpin_snat_ip=30.0.0.99 options:skip_snat=true
try --template lb-add lbt '^vip:^port' '^backends' tcp
try ls-lb-add sw0 lbt
nb set logical_router lr0 options:mac_binding_age_threshold=60

nb pg-add pg0 sw0-p1 sw0-p2 sw1-p1 -- pg-add pg1 sw1-p2
nb acl-add pg0 from-lport 1001 'inport == @pg0 && ip4 && ip4.src == $allowed' allow-related
nb acl-add pg0 to-lport 1002 'outport == @pg0 && ip6 && (tcp.dst == {80, 443} || udp.dst == 53)' allow-related
nb acl-add pg0 to-lport 1000 'outport == @pg0 && !(ip4.src == $allowed || arp)' reject
nb --log --name=named acl-add sw0 to-lport 1003 'outport == "sw0-p1" && ip4.src == 10.0.0.0/255.255.0.0 && 1024 <= tcp.dst <= 2048' allow-related
nb acl-add sw0 to-lport 1004 'outport == "sw0-p2" && ip4.src == 10.0.0.1/255.0.255.0' drop
nb acl-add sw0 from-lport 1005 'inport == "sw0-p3" && icmp4.type == 8 && icmp4.code == 0' allow-stateless
nb acl-add sw0 from-lport 1006 'inport != {"sw0-p1", "sw0-p2"} && eth.type == 0x88cc' drop || true
try --apply-after-lb acl-add sw0 from-lport 900 'ct.est && ip4.dst == 10.0.0.0/8' allow-related
try --tier=1 acl-add sw1 to-lport 800 'outport == @pg1 && sctp && sctp.dst > 100' pass
try --label=77 acl-add sw1 to-lport 801 'vlan.present && vlan.vid == 5 && ip.dscp == 46 && ip.frag != 0' allow-related
nb qos-add sw0 from-lport 100 'inport == "sw0-p1" && ip.ttl == 1' rate=1000 dscp=11
nb meter-add acl-log drop 10 pktps
nb dhcp-options-create 10.0.0.0/24 && d=$(nb --bare --columns=_uuid find dhcp_options cidr=10.0.0.0/24) \
    && nb dhcp-options-set-options "$d" server_id=10.0.0.1 server_mac=00:00:00:00:ff:00 lease_time=3600 router=10.0.0.1 \
    && nb lsp-set-dhcpv4-options sw0-p1 "$d"
nb create dns records:vm.example=10.0.0.11 >dns && nb set logical_switch sw0 dns_records="$(cat dns)"
nb mirror-add m gre 1 both 10.9.0.9 2>/dev/null || try mirror-add m gre both 1 10.9.0.9
try set logical_router lr0 copp="$(nb --bare create copp name=c meters:arp=acl-log)"
try fwd-group-add fg sw1 10.0.1.77 00:11:22:33:44:55 sw1-p1 sw1-p2
nb --wait=sb --timeout=60 sync

version=$(ovn-northd --version | awk 'NR==1 {print $NF}')
out=$here/lflow-ovn$version.txt
{
    echo "# matches of the logical flows of $(ovn-northd --version | head -1)"
    echo "# made by testdata/ovnexpr/capture.sh on $(date -u +%F)"
    ovn-sbctl --db=unix:"$dir"/sb.sock --no-leader-only --bare --columns=match list logical_flow | grep -v '^$' | sort -u
} >"$out"
wc -l "$out"
