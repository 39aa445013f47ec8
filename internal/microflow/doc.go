// Package microflow makes one packet from a user's description: an OVN expression as ovn-trace
// reads it, an OpenFlow flow, hex digits, a frame of a pcap file, or the names of two ends. It
// fills in what the description leaves out.
package microflow
