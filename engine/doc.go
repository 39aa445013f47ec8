// Package engine traces one packet through one Open vSwitch node: ofproto/trace segment by segment,
// every conntrack recirculation answered from the node's own entries.
//
// ofproto/trace translates a packet up to the first ct() that recirculates, and takes conntrack's
// answer there from its caller. An Engine walks the datapath actions in the kernel's order, has a
// ctstate.Tracker answer each ct() from a table of entries, and resumes the translation with that
// answer: one Segment for each. Where headers do not decide which way the packet goes (a hash, a
// port out of a range), each way is an Outcome of its own, with the entries that it leaves.
//
// It returns data and prints nothing. It reaches the node through the small interfaces declared
// here, of which a caller brings what it has:
//
//   - Tracer, over a control socket of ovs-vswitchd. Package engine/vswitchd has one for a daemon on
//     this machine, with its Ports.
//   - Ports, what lies behind the port numbers of datapath actions.
//   - ctstate.Table, the entries: a snapshot in memory, or anything that answers a look-up by zone
//     and tuple.
//   - ctstate.Tracker, the model of the datapath's conntrack: ctstate.NewKernel for the kernel's.
//   - Underlay and Bonds, for a datapath that needs them.
//
// The zero values of the optional ones mean what their comments say.
package engine
