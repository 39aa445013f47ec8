// Package pcapfilter reads a part of libpcap's filter language and compiles it to BPF, for packet
// sockets and for frames in memory. It looks no name up.
//
// The part (pcap-filter(7)): ip, ip6, arp, rarp, tcp, udp, sctp, icmp, icmp6; host, net, port and
// portrange, each with src, dst or both, a protocol before it, and further values behind it
// ("port 80 or 443"); ip proto, ip6 proto, proto, ether proto, ether host; broadcast, multicast;
// vlan; and, or, not, parentheses. As in libpcap, "and" and "or" have the same precedence and
// associate to the left, and "vlan" moves the headers of everything to its right by one tag.
package pcapfilter
