// Package ovsdb reads rows of an OVSDB server's databases (RFC 7047).
//
// It replicates and monitors nothing. Every request is one or several selects with conditions and a
// column list, and contains only columns that the server's schema has, so that it works with every
// release. Rows are decoded one by one as the reply arrives: a reply of half a million rows needs
// the memory of one.
//
// Operations and conditions are types of libovsdb's ovsdb package. The connection is this package's
// own, for reasons that docs/architecture.md gives with their figures.
package ovsdb
