// Package ovn interprets the rows of OVN's Southbound and Northbound databases, and of a node's
// Open_vSwitch database, for a trace.
//
// It reads them with internal/ovsdb, which requests only columns that the server's schema has: the
// same code works with OVN 20.03 and 26.03.
package ovn

// The databases' names.
const (
	Southbound  = "OVN_Southbound"
	Northbound  = "OVN_Northbound"
	OpenVSwitch = "Open_vSwitch"
)
