#!/bin/bash
# Makes the captures of this folder: tcpdump in network namespaces of their own, around a TCP
# connection, a UDP packet to a closed port (answered by an ICMP error) and, over IPv6, another.
# Needs root, iproute2, nft, tcpdump and python3. It was run with tcpdump 4.99.3, libpcap 1.10.3 on
# Linux 6.18 (2026-11-29).
set -eu
server= tun=
cd "$(dirname "$0")"
a=ct-pcap-a b=ct-pcap-b
trap 'ip netns del $a; ip netns del $b; kill $server $tun 2>/dev/null || true' EXIT
ip netns add $a
ip netns add $b
ip link add e0 netns $a address 0a:00:00:00:00:01 type veth peer name e0 netns $b address 0a:00:00:00:00:02
for n in $a $b; do
	ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	ip -n $n link set lo up
	ip -n $n link set e0 up
done
ip -n $a addr add 10.0.0.3/24 dev e0
ip -n $b addr add 10.0.0.5/24 dev e0
ip -n $a addr add fd00::3/64 dev e0 nodad
ip -n $b addr add fd00::5/64 dev e0 nodad
# An interface without Ethernet: what is sent to it, nobody answers.
ip netns exec $a python3 -c '
import fcntl, struct, time
t = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(t, 0x400454ca, struct.pack("16sH", b"t0", 0x1001))
while True: t.read(2000)' &
tun=$!
sleep 1
ip -n $a link set t0 up
ip -n $a addr add 10.0.8.3/24 dev t0
ip netns exec $a nft -f - <<-N
	table inet t {
	  chain out { type filter hook output priority 0; meta l4proto { tcp, udp } log prefix "to the server" group 5; }
	  chain in { type filter hook input priority 0; meta l4proto { tcp, udp, icmp } log group 5; }
	}
N
ip netns exec $b python3 -c '
import socket
s = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, _ = s.accept()
    c.recv(100)
    c.sendall(b"answer")
    c.close()' &
server=$!
sleep 2
dump() { local out=$1; shift; ip netns exec $a tcpdump -Z root -q -U -w $out "$@" & dumps+=($!); }
dumps=()
dump ether.pcap -i e0
dump cut.pcap -i e0 -s 46
dump nano.pcap -i e0 --nano
dump cooked.pcap -i any -y LINUX_SLL
dump cooked2.pcap -i any -y LINUX_SLL2
dump nflog.pcap -i nflog:5
dump raw.pcap -i t0
sleep 2
ip netns exec $a python3 -c '
import socket, sys, time
for host in sys.argv[1:]:
    c = socket.create_connection((host, 80), timeout=2, source_address=("", 40000 + sys.argv.index(host)))
    c.sendall(b"question"); c.recv(100); c.close(); time.sleep(0.3)
    u = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("", 41000 + sys.argv.index(host))); u.sendto(b"question", (host, 5353)); time.sleep(0.3)
' 10.0.0.5 fd00::5
ip netns exec $a python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("", 41009)); u.sendto(b"question", ("10.0.8.5", 5353))'
# A frame with a VLAN tag: the kernel removes it from what is received, and libpcap puts it back.
ip netns exec $b python3 -c '
import socket
p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
p.bind(("e0", 0))
p.send(bytes.fromhex("0a0000000001" "0a0000000002" "81000007" "0800" "4500001c00010000401166c80a0000050a000003" "a4121389" "00080000"))'
sleep 2
kill "${dumps[@]}"
wait "${dumps[@]}" || true
