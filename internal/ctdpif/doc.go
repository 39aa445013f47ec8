// Package ctdpif reads the userspace datapath's conntrack table, which only ovs-vswitchd can show.
// It parses the text of dpctl/dump-conntrack line by line as it arrives, and offers the result as a
// ctstate.Table.
//
// For the kernel datapath this text is incomplete; internal/ctnetlink reads that table.
package ctdpif
