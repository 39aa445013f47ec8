// Package ctstate is connection tracking as a pure model: what the datapath's conntrack answers for
// one packet at one ct() action, and the entry that the action leaves. It does no I/O: entries come
// from a [Table], and settings and the clock are fields.
//
// [Kernel] models the kernel datapath and [Userspace] Open vSwitch's own; both are a [Tracker].
// What a packet does to a connection goes into an [Overlay], over which the next packet is asked.
//
// # Reading it beside the sources
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
// Not everything that decides is exported. A [Result] says how sure it is ([Certainty]) and why; a
// port that nobody can know comes with its [Range]; a question with few answers comes as
// [Alternative] results, one for each answer.
//
// # Concurrency
//
// Trackers keep nothing between calls: one may serve several goroutines as long as its fields are
// not changed and each goroutine has a [Table] of its own. [MemTable] and [Overlay] are for one
// goroutine at a time.
package ctstate
