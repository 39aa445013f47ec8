// Package engine traces one packet through one Open vSwitch node: ofproto/trace segment by segment,
// where the node's own entries answer every conntrack recirculation.
//
// ofproto/trace translates a packet up to the first ct() that recirculates, and expects conntrack's
// answer from its caller. An Engine runs the datapath actions in the kernel's order, asks a
// ctstate.Tracker for the answer to each ct(), and resumes the translation with it. Each
// translation is a Segment. Where the headers do not determine the packet's way (a hash, a port out
// of a range), each way is an Outcome of its own, with the entries that it leaves.
//
// It returns data and prints nothing. It reaches the node through small interfaces, which the
// caller implements or takes from the packages named here:
//
//   - Tracer, over a control socket of ovs-vswitchd. Package engine/vswitchd has one for a daemon
//     on this machine, with its Ports.
//   - Ports, what lies behind the port numbers of datapath actions.
//   - ctstate.Table, the entries: a snapshot in memory, or anything that answers a look-up by zone
//     and tuple.
//   - ctstate.Tracker, the model of the datapath's conntrack: ctstate.NewKernel for the kernel's.
//   - Underlay and Bonds, for a datapath that needs them.
//
// The comments of Engine's fields say which of them are optional.
package engine
