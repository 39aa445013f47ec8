// Package ctnetlink reads and writes the kernel's conntrack table over
// ctnetlink. A look-up is one request by tuple and zone, never a dump.
//
// This package encodes and decodes messages itself: no Go library offers CTA_NAT_SRC, GET of an
// expectation, delete by CTA_ID and NLM_F_DUMP_FILTERED, and a look-up must cost little more than
// its system calls. mdlayher/netlink opens the sockets, in the namespace of the table.
package ctnetlink
