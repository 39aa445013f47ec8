// Package microflow turns what a person writes into one packet: an OVN expression as ovn-trace takes it, an OpenFlow
// flow, hex, a packet of a pcap file, or names of two ends with the rest filled in.
package microflow
