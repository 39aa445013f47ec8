// Package ctnetlink reads and writes the kernel's conntrack table over
// ctnetlink. A look-up is one request by tuple and zone, never a dump.
//
// Requests and replies are built and read here, attribute by attribute: what
// this tool needs of ctnetlink (CTA_NAT_SRC, GET of an expectation, delete by
// CTA_ID, NLM_F_DUMP_FILTERED) has no counterpart in the libraries at hand, and
// a look-up is to cost no more than its system calls. Sockets and namespaces
// are mdlayher/netlink's.
package ctnetlink
