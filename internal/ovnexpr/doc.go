// Package ovnexpr reads OVN's expression language: what a person writes for one packet and what the
// match of a logical flow says.
//
// Parse keeps an expression as it is written (Expr), and String prints it so that it parses to the
// same. Two things follow from there. Eval decides it over a packet that is known in part. Plain
// and Annotate turn it into OVN's own form (struct expr), which a Normalizer reduces to
// alternatives.
//
// The package reads no database: what names of address sets, port groups and ports stand for comes
// through Names and Packet.
package ovnexpr
