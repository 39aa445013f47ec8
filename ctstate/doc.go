// Package ctstate is connection tracking as a pure model: what the datapath's
// conntrack would answer for one packet at one ct() action, and the entry it
// would leave. It does no I/O; entries come from a [Table].
//
// [Kernel] models the kernel datapath, [Userspace] the userspace one; both are a [Tracker]. What a packet
// does to a connection goes into an [Overlay], which the next packet is asked over.
package ctstate
