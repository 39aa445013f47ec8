// Package ctstate is connection tracking as a pure model: it computes what the datapath's conntrack
// answers for one packet at one ct() action, and the entry that the action leaves. It does no I/O:
// entries come from a [Table], and settings and the clock are fields.
//
// [Kernel] models the kernel datapath and [Userspace] Open vSwitch's own; both are a [Tracker].
// [Overlay] records what a packet does to the connections, and is the [Table] for the next packet.
//
// # Reading it with the sources
//
// The names are those of the sources, and each function names the one that it mirrors:
//
//	kernelrun.go, commit.go    net/openvswitch/conntrack.c
//	track.go, expect.go        net/netfilter/nf_conntrack_core.c, nf_conntrack_expect.c
//	tcp.go, tcptable.go        net/netfilter/nf_conntrack_proto_tcp.c
//	icmptrack.go               net/netfilter/nf_conntrack_proto_icmp.c, _icmpv6.c
//	othertrack.go              net/netfilter/nf_conntrack_proto_udp.c, _gre.c, _sctp.c, _generic.c
//	nat.go                     net/netfilter/nf_nat_ovs.c, nf_nat_core.c, nf_nat_proto.c
//	natselect.go, natport.go   net/netfilter/nf_nat_core.c
//	userrun.go, userkey.go     lib/conntrack.c (Open vSwitch)
//	usertcp.go, userother.go   lib/conntrack-tcp.c, lib/conntrack-other.c, lib/conntrack-icmp.c
//	usernat.go, userport.go    lib/conntrack.c: nat_packet, nat_get_unique_tuple
//	usertimeout.go             lib/conntrack-tp.c
//	userfrag.go                lib/ipf.c
//
// Where releases differ, [Release] has a method for the change.
//
// # Certainty
//
// The datapaths do not export everything that an answer depends on. A [Result] contains its
// [Certainty] and the reasons; a port that cannot be known has a [Range]; a question with few
// answers gives one [Alternative] for each answer.
//
// # Concurrency
//
// Trackers keep nothing between calls: several goroutines may use one at a time, if its fields are
// not changed and each goroutine has its own [Table]. [MemTable] and [Overlay] are for one
// goroutine at a time.
package ctstate
