#!/bin/bash
# Makes the captures trace/dummy-VERSION.txt, flows/odp-VERSION.txt and flows/openflow-VERSION.txt beside this
# script, from the installed Open vSwitch with its dummy datapath. Needs no root and no network.
#
# Every case is one OpenFlow rule that makes the translation print one kind of line or datapath action.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
dir=$(mktemp -d /tmp/ovs-capture-XXXXXX)
export OVS_RUNDIR=$dir OVS_LOGDIR=$dir OVS_DBDIR=$dir OVS_SYSCONFDIR=$dir
pids=()
finish() {
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

cd "$dir"
schema=/usr/share/openvswitch/vswitch.ovsschema
ovsdb-tool create conf.db "$schema"
ovsdb-server conf.db --remote=punix:"$dir"/db.sock --pidfile -vconsole:off &
pids+=($!)
for _ in $(seq 200); do [ -S db.sock ] && break; sleep 0.05; done
ovs-vsctl --no-wait init
ovs-vswitchd --enable-dummy=system --disable-system --pidfile -vconsole:off --log-file &
pids+=($!)
for _ in $(seq 200); do ovs-appctl version >/dev/null 2>&1 && break; sleep 0.05; done

version=$(ovs-appctl version | head -1)
short=${version##* }
trace=$here/trace/dummy-$short.txt
odp=$here/flows/odp-$short.txt
flows=$here/flows/openflow-$short.txt
for f in "$trace" "$odp" "$flows"; do
    printf '# %s\n# made by testdata/capture-dummy.sh on %s\n' "$version" "$(date -u +%F)" >"$f"
done
OF="-O OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15"

# show COMMAND ARGS...: one capture of a trace.
show() {
    { printf '########## %s\n' "$*"; ovs-appctl "$@" 2>&1 | sed "s,$dir,RUNDIR,g" || true; echo; } >>"$trace"
}

ovs-vsctl add-br br0 -- set bridge br0 fail-mode=secure other-config:hwaddr=aa:55:aa:55:00:01 \
    -- add-br br1 -- set bridge br1 fail-mode=secure other-config:hwaddr=aa:55:aa:55:00:02 \
    -- add-br brp -- set bridge brp fail-mode=standalone other-config:hwaddr=aa:55:aa:55:00:03
for i in 1 2 3 4; do
    ovs-vsctl add-port br0 p$i -- set interface p$i type=dummy ofport_request=$i
done
ovs-vsctl add-port br0 pt0 -- set interface pt0 type=patch options:peer=pt1 ofport_request=10 \
    -- add-port br1 pt1 -- set interface pt1 type=patch options:peer=pt0 ofport_request=11 \
    -- add-port br1 q1 -- set interface q1 type=dummy ofport_request=21 \
    -- add-port br1 q2 -- set interface q2 type=dummy ofport_request=22
ovs-vsctl add-port brp eth0 -- set interface eth0 type=dummy ofport_request=1
ovs-vsctl -- --id=@br get bridge br0 -- --id=@i create IPFIX 'targets="127.0.0.1:4739"' \
    -- create Flow_Sample_Collector_Set id=1 bridge=@br ipfix=@i >/dev/null
ovs-ofctl $OF add-tlv-map br0 "{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0x103,type=0x1,len=16}->tun_metadata1"

ovs-ofctl -O OpenFlow15 add-meter br0 meter=1,pktps,stats,bands=type=drop,rate=100
group() { ovs-ofctl -O OpenFlow15 add-group br0 "$1"; }
group 'group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,actions=ct(commit,table=40,zone=7,nat(dst=10.0.1.1:8080)),bucket=bucket_id:1,weight:100,actions=ct(commit,table=40,zone=7,nat(dst=10.0.1.2:8080))'
group 'group_id=2,type=all,bucket=actions=output:2,bucket=actions=set_field:00:00:00:00:00:77->eth_dst,output:3,bucket=actions=resubmit(,40)'
group 'group_id=3,type=ff,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=output:3'
group 'group_id=4,type=indirect,bucket=actions=dec_ttl,output:2'
group 'group_id=5,type=select,selection_method=hash,fields(ip_src),bucket=weight:1,actions=output:2,bucket=weight:3,actions=output:3'
group 'group_id=6,type=select,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=group:4'
group 'group_id=7,type=select'

cat >base.flows <<'FLOWS'
table=40,priority=10,cookie=0xabc,ct_state=+new+trk,ip actions=resubmit(,41)
table=40,priority=9,ct_state=+est+trk,ip actions=output:3
table=40,priority=8,ct_state=+rel+trk,ip actions=output:4
table=40,priority=0 actions=output:2
table=41,priority=5,ip,nw_src=10.0.0.0/24 actions=output:2
table=41,priority=4,ipv6,ipv6_src=fd00::/64 actions=output:2
table=42,priority=5,reg0=0x1/0x1 actions=controller(userdata=00.00.00.01),output:2
table=42,priority=4 actions=output:3
table=43,conj_id=5,ip,priority=7,cookie=0x77 actions=output:4
table=43,priority=7,ip,nw_src=10.0.0.1 actions=conjunction(5,1/2)
table=43,priority=7,udp,tp_src=1234 actions=conjunction(5,2/2)
table=44,priority=1 actions=resubmit(,45),resubmit(,46),resubmit(,47)
table=45,priority=1 actions=resubmit(,46),output:2
table=46,priority=1 actions=set_field:0x9->reg5,output:3
table=47,priority=1,metadata=0x3 actions=output:4
table=48,priority=1,ip actions=push:NXM_NX_REG0[],ct(table=49,zone=3),pop:NXM_NX_REG1[],output:4
table=49,priority=1 actions=pop:NXM_NX_REG2[],output:2
table=50,priority=1 actions=output:10
FLOWS
ovs-ofctl $OF add-flows br0 base.flows
cat >br1.flows <<'FLOWS'
priority=10,udp,tp_dst=5000 actions=ct(table=1,zone=9)
table=1,priority=1,ct_state=+trk,ip actions=ct(commit,zone=9,exec(set_field:0x5->ct_mark)),output:21
priority=0 actions=output:21
FLOWS
ovs-ofctl $OF add-flows br1 br1.flows

# Packets that the rules are tried with.
l2=in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:ff
udp4=$l2,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1234,udp_dst=
tcp4=$l2,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_flags=syn,tcp_src=1234,tcp_dst=
udp6=$l2,udp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,udp_src=1234,udp_dst=
tcp6=$l2,tcp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,tcp_flags=syn,tcp_src=1234,tcp_dst=
sctp4=$l2,sctp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,sctp_src=1234,sctp_dst=

n=1000
# try MATCH PACKET ACTIONS [ARGS]: a rule for one destination port, and its trace.
try() {
    n=$((n + 1))
    if ! ovs-ofctl $OF add-flow br0 "table=0,priority=100,cookie=$n,$1,tp_dst=$n actions=$3" 2>err; then
        echo "skipped: $3: $(cat err)" >&2
        return
    fi
    show ofproto/trace br0 "$2$n" "${@:4}"
}
u() { try udp "$udp4" "$@"; }
u6() { try udp6 "$udp6" "$@"; }
t() { try tcp "$tcp4" "$@"; }
t6() { try tcp6 "$tcp6" "$@"; }
# rule MATCH ACTIONS FLOW: a rule and a trace of their own.
rule() {
    if ! ovs-ofctl $OF add-flow br0 "table=0,priority=200,$1 actions=$2" 2>err; then
        echo "skipped: $2: $(cat err)" >&2
        return
    fi
    show ofproto/trace br0 "$3"
    ovs-ofctl $OF --strict del-flows br0 "table=0,priority=200,$1"
}

# Outputs.
u drop
u output:2
u output:2,output:3,output:1
u in_port
u local
u normal
u flood
u all
u 'output(port=2,max_len=100)'
u 'set_field:0x2->reg0,output:NXM_NX_REG0[]'
u 'enqueue:2:1'
u 'set_queue:3,output:2,pop_queue,output:3'
u output:77
u output:2,output:2 --names
u 'resubmit(,42)' --names
# Header fields.
u 'set_field:00:00:00:00:00:22->eth_src,set_field:00:00:00:00:00:33->eth_dst,output:2'
u 'set_field:00:00:00:00:00:22/00:00:00:00:00:ff->eth_src,output:2'
u 'set_field:1.2.3.4->ip_src,set_field:1.2.3.5->ip_dst,set_field:7->nw_ttl,set_field:32->nw_tos,set_field:2->nw_ecn,output:2'
u 'set_field:1.2.0.0/255.255.0.0->ip_src,output:2'
u 'set_field:9->udp_src,set_field:10->udp_dst,output:2'
u 'set_field:0x0f00/0xff00->udp_src,output:2'
t 'set_field:9->tcp_src,set_field:10->tcp_dst,output:2'
try sctp "$sctp4" 'set_field:9->sctp_src,set_field:10->sctp_dst,output:2'
u6 'set_field:fd00::9->ipv6_src,set_field:fd00::8->ipv6_dst,set_field:0x12345->ipv6_label,set_field:5->nw_ttl,set_field:4->nw_tos,output:2'
u6 'set_field:fd00:1::/ffff:ffff::->ipv6_src,output:2'
u 'set_field:0x5->pkt_mark,output:2,set_field:0x50/0xf0->pkt_mark,output:3'
u 'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],load:0x5->NXM_NX_REG3[4..7],push:NXM_NX_REG3[],pop:NXM_NX_REG4[],output:2'
u 'mod_vlan_vid:5,mod_vlan_pcp:3,output:2'
u 'push_vlan:0x8100,set_field:4101->vlan_vid,output:2,push_vlan:0x88a8,set_field:4102->vlan_vid,output:3'
u 'dec_ttl,output:2'
u 'dec_ttl,dec_ttl(1,2),output:2'
u 'push_mpls:0x8847,set_field:77->mpls_label,set_field:3->mpls_tc,output:2'
u 'push_mpls:0x8847,set_field:77->mpls_label,push_mpls:0x8847,set_field:78->mpls_label,output:2'
u 'delete_field:tun_metadata0,output:2'
u 'encap(nsh(md_type=1)),set_field:0x1234->nsh_spi,set_field:4->nsh_si,set_field:0x11->nsh_c1,encap(ethernet),set_field:00:00:00:00:00:44->eth_dst,output:2'
u 'encap(nsh(md_type=2,tlv(0x1000,10,0x12345678))),encap(ethernet),output:2'
u 'decap(),output:2'
rule 'in_port=1,dl_vlan=5' 'strip_vlan,output:2' "$l2,dl_vlan=5,dl_vlan_pcp=2,dl_type=0x0800,nw_proto=17,nw_ttl=3,udp_src=1,udp_dst=2"
rule 'in_port=1,mpls' 'pop_mpls:0x0800,resubmit(,40)' "$l2,mpls,mpls_label=5,mpls_ttl=3,mpls_bos=1"
rule 'in_port=1,mpls' 'dec_mpls_ttl,set_field:9->mpls_label,output:2' "$l2,mpls,mpls_label=5,mpls_ttl=3,mpls_bos=1"
rule 'in_port=1,dl_type=0x894f' 'decap(),decap(),output:2' "$l2,dl_type=0x894f,nsh_mdtype=1,nsh_np=3,nsh_spi=0x1,nsh_si=2,nsh_ttl=4"
rule 'in_port=1,dl_type=0x894f' 'set_field:0x7->nsh_spi,dec_nsh_ttl,set_field:0x9->nsh_c2,output:2' "$l2,dl_type=0x894f,nsh_mdtype=1,nsh_np=3,nsh_spi=0x1,nsh_si=2,nsh_ttl=4"
rule 'in_port=1,arp' 'set_field:2->arp_op,set_field:1.1.1.1->arp_spa,set_field:1.1.1.2->arp_tpa,set_field:00:00:00:00:00:0a->arp_sha,set_field:00:00:00:00:00:0b->arp_tha,in_port' "$l2,arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_sha=00:00:00:00:00:01"
rule 'in_port=1,icmp' 'set_field:3->icmp_type,set_field:1->icmp_code,output:2' "$l2,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=8,icmp_code=0"
rule 'in_port=1,icmp6,icmp_type=135' 'set_field:fd00::7->nd_target,set_field:00:00:00:00:00:0c->nd_sll,output:2' "$l2,icmp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,nd_target=fd00::2,nd_sll=00:00:00:00:00:01"
rule 'in_port=1,icmp6,icmp_type=135' 'set_field:136->icmpv6_type,set_field:0xe0000000->nd_reserved,set_field:2->nd_options_type,output:2' "$l2,icmp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=255,icmpv6_type=135,icmpv6_code=0"
# Compound actions.
u 'clone(set_field:00:00:00:00:00:55->eth_dst,output:2),output:3'
u 'clone(clone(dec_ttl,output:2),output:3),output:4'
u 'clone(ct_clear,resubmit(,42)),resubmit(,42)'
u 'sample(probability=32768,collector_set_id=1,obs_domain_id=2,obs_point_id=3),output:2'
u 'sample(probability=65535,collector_set_id=1,obs_domain_id=2,obs_point_id=3,sampling_port=2,egress),output:2'
u 'meter:1,output:2'
u 'check_pkt_larger(1500)->NXM_NX_REG0[0],resubmit(,42)'
u 'check_pkt_larger(1500)->NXM_NX_REG0[0],resubmit(,42),output:4'
u 'controller'
u 'controller(max_len=128,reason=action,id=3),output:2'
u 'controller(userdata=01.02.03.04,pause),output:2'
u 'controller(userdata=01.02.03.04,pause,meter_id=1),output:2'
u 'note:00.01.02,output:2'
u 'learn(table=60,priority=5,hard_timeout=10,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0x1->NXM_NX_REG0[],output:NXM_OF_IN_PORT[]),output:2'
u 'multipath(symmetric_l4,1024,modulo_n,4,0,NXM_NX_REG0[]),output:2'
u 'bundle(eth_src,0,hrw,ofport,members:2,3)'
u 'resubmit(,43)'
u 'resubmit(,44)'
u 'set_field:0x3->metadata,resubmit(,44),resubmit(,99),output:2'
u 'resubmit(,99)'
u 'write_actions(set_field:00:00:00:00:00:66->eth_dst,output:2),goto_table:44'
u 'write_actions(group:2),write_metadata:0x3,goto_table:47'
u 'clear_actions,write_actions(output:2)'
for g in 1 2 3 4 5 6 7; do u "group:$g"; done
u 'group:2,resubmit(,42)'
t 'fin_timeout(idle_timeout=1),output:2'
# Connection tracking.
for a in 'ct()' 'ct(commit)' 'ct(zone=5)' 'ct(table=40)' 'ct(table=40,zone=7,nat)' 'ct(commit,zone=7,table=40,nat(src=10.1.0.1))' \
    'ct(commit,zone=7,nat(src=10.1.0.1-10.1.0.9:1000-2000,random))' 'ct(commit,force,zone=7,nat(dst=10.1.0.1:80,persistent,hash))' \
    'ct(commit,zone=7,exec(set_field:0x5->ct_mark))' 'ct(commit,zone=7,exec(set_field:0x5/0xf->ct_mark,set_field:0x1/0x3->ct_label))' \
    'ct(commit,zone=7,exec(set_field:0x11112222333344445555666677778888->ct_label),nat(src))' 'ct(commit,zone=7,alg=ftp)' \
    'ct(zone=NXM_NX_REG0[0..15],table=40)' 'ct_clear,output:2' 'ct(zone=1),ct(zone=2,table=40),ct(table=40,zone=3),output:2' \
    'ct(commit,zone=7,exec(move:NXM_NX_REG0[]->NXM_NX_CT_MARK[])),output:2' 'clone(ct(table=40,zone=1)),ct(table=40,zone=2)' \
    'ct(table=47,zone=6),write_actions(output:4)' 'resubmit(,48)' 'ct(table=40,zone=7),resubmit(,44)'; do
    t "$a"
done
u 'ct(commit,zone=7,alg=tftp),ct_clear,output:2'
for a in 'ct(table=40,zone=7,nat)' 'ct(commit,table=40,zone=7,nat(src=fd01::1))' 'ct(commit,zone=7,nat(src=[fd01::1]-[fd01::9]:1000-2000,random))' \
    'ct(commit,zone=7,nat(dst=[fd01::1]:80)),output:2' 'ct(commit,zone=7,nat(dst=fd01::1-fd01::5,hash)),output:2'; do
    t6 "$a"
done
t 'ct(table=40,zone=7,nat)' --ct-next trk,est
t 'ct(table=40,zone=7,nat)' --ct-next trk,est,rpl,dnat --names
t 'ct(table=40,zone=7),ct(table=40,zone=8)' --ct-next trk,est
# Other bridges.
u output:10
u output:10,output:2
u 'resubmit(,50),output:2'
ovs-ofctl $OF add-flow br0 "table=0,priority=100,udp,tp_dst=5000 actions=ct_clear,output:10"
show ofproto/trace br0 "${udp4}5000"
ovs-ofctl $OF add-flow br0 "table=0,priority=100,udp,tp_dst=5001 actions=flood"
show ofproto/trace br0 "${udp4}5001"
show ofproto/trace br0 "${udp4}4999"
show ofproto/trace brp "$udp4"1
show ofproto/trace-packet-out br0 "${udp4}7" 'resubmit(,44)'
show ofproto/trace-packet-out br0 "${tcp4}7,reg0=0x1" 'ct(table=40,zone=1)'
show ofproto/trace br0 "recirc_id=0x9999,${udp4}7"
show ofproto/trace br0 "${udp4}7,nw_frag=later"
ovs-ofctl set-frags br0 drop
show ofproto/trace br0 "$l2,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,nw_frag=first,udp_src=1,udp_dst=2"
ovs-ofctl set-frags br0 normal
# Tunnels: as the kernel datapath has them, then native ones.
# (Made this late because OVS 3.1.0 aborts when it floods to them in a trace.)
tunnel() { ovs-vsctl add-port br0 "$1" -- set interface "$1" type="$2" ofport_request="$3" options:remote_ip="$4" "${@:5}"; }
tunnel gnv geneve 30 10.9.0.2 options:key=flow options:csum=true
tunnel gnv6 geneve 31 fd09::2 options:key=flow
tunnel vxl vxlan 32 10.9.0.2 options:key=flow
tunnel vxg vxlan 38 10.9.0.2 options:key=flow options:exts=gbp options:dst_port=4790
tunnel gre0 gre 33 10.9.0.2 options:key=5 options:tos=0x10 options:csum=true
tunnel ers erspan 34 10.9.0.2 options:key=7 options:erspan_ver=1 options:erspan_idx=3
tunnel ers2 erspan 35 10.9.0.3 options:key=8 options:erspan_ver=2 options:erspan_dir=1 options:erspan_hwid=0x4
tunnel gtp gtpu 36 10.9.0.2 options:key=flow
tunnel flw geneve 37 flow options:key=flow
ovs-appctl dpif/set-dp-features br0 tnl_push_pop false >/dev/null
tun='set_field:0x3->tun_id'
u "$tun,set_field:0x10002->tun_metadata0,output:30"
u "$tun,set_field:0x10002->tun_metadata0,set_field:0x123456789abcdef0->tun_metadata1,output:30"
u "$tun,output:31"
u "$tun,set_field:5->tun_gbp_id,set_field:1->tun_gbp_flags,output:38"
u "$tun,output:32"
u output:33
u output:34
u output:35
u "$tun,output:36"
u "$tun,set_field:10.9.0.7->tun_dst,set_field:10.9.0.1->tun_src,output:37"
u "$tun,set_field:fd09::7->tun_ipv6_dst,output:37"
u "$tun,output:30,set_field:0x4->tun_id,output:30,output:2"
show ofproto/trace br0 "in_port=30,tun_id=0x3,tun_src=10.9.0.2,tun_dst=10.9.0.1,tun_ttl=64,tun_metadata0=0x10002,udp,udp_src=1,udp_dst=1002"
ovs-appctl dpif/set-dp-features br0 tnl_push_pop true >/dev/null
u "$tun,output:30"
ovs-appctl netdev-dummy/ip4addr brp 10.9.0.1/24 >/dev/null
ovs-appctl netdev-dummy/ip6addr brp fd09::1/64 >/dev/null
ovs-appctl ovs/route/add 10.9.0.0/24 brp >/dev/null
ovs-appctl ovs/route/add fd09::/64 brp >/dev/null
u "$tun,output:30"
ovs-appctl tnl/neigh/set brp 10.9.0.2 00:00:00:00:09:02 >/dev/null
ovs-appctl tnl/neigh/set brp 10.9.0.3 00:00:00:00:09:03 >/dev/null
ovs-appctl tnl/neigh/set brp fd09::2 00:00:00:00:09:06 >/dev/null
u "$tun,set_field:0x10002->tun_metadata0,output:30"
u "$tun,set_field:0x10002->tun_metadata0,set_field:0x123456789abcdef0->tun_metadata1,output:30"
u "$tun,output:31"
u "$tun,output:32"
u output:33
u output:34
u output:35
u "$tun,output:36"
u "$tun,output:30,output:32,output:2"
show ofproto/trace brp "in_port=1,dl_src=00:00:00:00:09:02,dl_dst=aa:55:aa:55:00:03,udp,nw_src=10.9.0.2,nw_dst=10.9.0.1,nw_ttl=64,udp_src=777,udp_dst=6081"
# Sampling by the bridge, slow path.
ovs-vsctl -- --id=@s create sFlow targets='"127.0.0.1:6343"' sampling=64 agent=lo -- set bridge br0 sflow=@s >/dev/null
u output:2
ovs-vsctl clear bridge br0 sflow
ovs-vsctl set interface p4 cfm_mpid=1
sleep 1
show ofproto/trace br0 "in_port=4,dl_src=00:00:00:00:00:01,dl_dst=01:80:c2:00:00:30,dl_type=0x8902"
ovs-vsctl clear interface p4 cfm_mpid
ovs-vsctl add-bond br1 bond0 b1 b2 bond_mode=balance-tcp lacp=active other-config:lb-output-action=true \
    -- set interface b1 type=dummy -- set interface b2 type=dummy
ovs-ofctl $OF add-flow br1 "priority=20,udp,in_port=22 actions=normal"
show ofproto/trace br1 "in_port=22,${udp4#in_port=1,}1"
# Refusals.
show ofproto/trace nobr "${udp4}1"
show ofproto/trace br0 bogus=1
show ofproto/trace br0
show ofproto/trace
show ofproto/trace br0 "${udp4}1" --bogus
show ofproto/trace br0 "${udp4}1" --ct-next bogus
show ofproto/trace-packet-out br0 "${udp4}1" 'bogus(1)'
show ofproto/bogus

# Real packets, and the datapath flows they leave.
# (Without the tunnels to which OVS 3.1.0 aborts when it floods.)
for p in gre0 ers ers2 gtp flw gnv6 vxg; do ovs-vsctl del-port br0 $p; done
recv() { ovs-appctl netdev-dummy/receive "$@"; }
eth='eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:ff)'
for port in $(seq 1001 "$n"); do
    recv p1 "in_port(1),$eth,eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1234,dst=$port)"
    recv p1 "in_port(1),$eth,eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=1234,dst=$port),tcp_flags(syn)"
    recv p1 "in_port(1),$eth,eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,label=0,proto=17,tclass=0,hlimit=64,frag=no),udp(src=1234,dst=$port)"
    recv p1 "in_port(1),$eth,eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,label=0,proto=6,tclass=0,hlimit=64,frag=no),tcp(src=1234,dst=$port),tcp_flags(syn)"
done
recv p2 "in_port(2),$eth,eth_type(0x8100),vlan(vid=5,pcp=2),encap(eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2))"
recv p2 "in_port(2),$eth,eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=00:00:00:00:00:01,tha=00:00:00:00:00:00)"
ovs-appctl revalidator/wait 2>/dev/null || sleep 1
for args in '' '-m' '--names' '-m --names'; do
    printf '########## dpctl/dump-flows %s\n' "$args"
    ovs-appctl dpctl/dump-flows $args
done >>"$odp"
for br in br0 br1; do
    for args in '' '--names' '--no-stats'; do
        printf '########## dump-flows %s %s\n' "$args" $br
        ovs-ofctl -O OpenFlow15 $args dump-flows $br | sed 1d\;'s/duration=[0-9.]*s/duration=1.000s/'
    done
done >>"$flows"
wc -l "$trace" "$odp" "$flows"
