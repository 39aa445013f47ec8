package ovnexpr

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"

// tokenKind is the kind of a token of OVN's language (lib/lex.c).
type tokenKind uint8

const (
	tEnd tokenKind = iota
	tError
	tID
	tString
	tInteger
	tAddrSet   // $name
	tPortGroup // @name
	tTemplate  // ^name
	tPunct     // everything else; token.text tells which
)

// token is one token. off and end are byte offsets of the text.
type token struct {
	kind     tokenKind
	off, end int
	text     string // identifier, string, name of a set, punctuation, or what is wrong
	num      number // of an integer
}

// is reports whether the token is this punctuation.
func (t token) is(p string) bool { return t.kind == tPunct && t.text == p }

// number is an integer or address, with the mask that may stand behind it.
type number struct {
	val, mask u128.Uint
	masked    bool
	format    format
}

// format is how an integer was written.
type format uint8

const (
	fDecimal format = iota
	fHex
	fIPv4
	fIPv6
	fMAC
)
