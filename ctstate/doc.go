// Package ctstate is connection tracking as a pure model: what the datapath's
// conntrack would answer for one packet at one ct() action, and the entry it
// would leave. It does no I/O; entries come from a [Table].
package ctstate
