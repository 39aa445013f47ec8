// Package ofreplay executes OpenFlow actions over a packet and its registers: those of a trace, one
// a line as ofproto/trace prints them, and those that a controller action carries in its bytes. It
// finds what a trace does not print: the packet at each table look-up, at each learn(), and at each
// point where it is handed to the datapath or a controller.
//
// It models Open vSwitch alone; what OVN means by a register or by a controller action's bytes is
// its callers' knowledge. It does no I/O.
package ofreplay
