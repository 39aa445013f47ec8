// Package ovn says what the rows of OVN's Southbound and Northbound databases, and of a node's
// Open_vSwitch database, mean to a trace.
//
// It asks by internal/ovsdb. Only columns that the server's schema has are asked for, so that OVN
// 20.03 and 26.03 are served by the same code.
package ovn

// The databases' names.
const (
	Southbound  = "OVN_Southbound"
	Northbound  = "OVN_Northbound"
	OpenVSwitch = "Open_vSwitch"
)
