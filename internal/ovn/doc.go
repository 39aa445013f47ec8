// Package ovn asks OVN's Southbound and Northbound databases and a node's
// Open_vSwitch database for the rows a trace needs.
//
// No table is replicated or monitored: every question is an OVSDB "select"
// with conditions and a column list (RFC 7047 section 5.2.2), and only columns
// that the server's schema has are asked for, so that OVN 20.03 and 26.03 are
// served by the same code. Operations and conditions are those of
// libovsdb's ovsdb package. Its client is not used: it
// binds to a model of fixed columns and keeps a cache of them, where
// this package streams the UUIDs of half a million rows in constant memory.
package ovn
