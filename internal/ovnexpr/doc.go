// Package ovnexpr reads OVN's expression language: descriptions of one packet, and the matches of
// logical flows.
//
// Parse returns an expression as written (Expr), and String prints it so that it parses to the
// same. Eval evaluates it for a packet that is partly known. Lower and Annotate convert it into
// OVN's own form (struct expr), which a Normalizer reduces to alternatives.
//
// The package reads no database: Names and Packet give the contents of address sets, port groups
// and ports.
package ovnexpr
