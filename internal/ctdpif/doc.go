// Package ctdpif reads the userspace datapath's conntrack table, which only
// ovs-vswitchd can show: the text of dpctl/dump-conntrack, line by line as it
// comes in, and a ctstate.Table over it.
//
// For the kernel datapath the same text leaves things out; internal/ctnetlink
// reads that table.
package ctdpif
