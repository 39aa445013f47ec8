// Package ovsdb reads rows of an OVSDB server's databases (RFC 7047).
//
// Nothing is replicated or monitored. Every question is one or several selects with conditions and
// a column list, and asks only for columns that the server's schema has: one program serves every
// release. Rows are decoded one by one as the answer arrives, so that an answer of half a million
// rows needs the memory of one.
//
// Operations and conditions are written by libovsdb's ovsdb package. The connection is this
// package's own, for reasons that docs/architecture.md gives with their figures.
package ovsdb
