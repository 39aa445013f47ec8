// Package ofreplay executes OpenFlow actions over a packet and its registers: those of a trace, one
// a line as ofproto/trace prints them, and those that a controller action carries in its bytes. It
// computes what a trace does not print: the packet at each table look-up, at each learn(), and at
// each point where it goes to the datapath or a controller.
//
// It models Open vSwitch only: its callers know the meaning that OVN gives a register or a
// controller action's bytes. It does no I/O.
package ofreplay
