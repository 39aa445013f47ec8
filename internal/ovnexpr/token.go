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
	tPunct     // any other token; token.text contains it
)

// token is one token. off and end are byte offsets of the text.
type token struct {
	kind     tokenKind
	off, end int
	text     string // identifier, string, name of a set, punctuation, or error message
	num      number // value of an integer
}

// is reports whether the token is this punctuation.
func (t token) is(p string) bool { return t.kind == tPunct && t.text == p }

// number is an integer or address, with its mask if there is one.
type number struct {
	val, mask u128.Uint
	masked    bool
	format    format
}

// format is the notation of an integer.
type format uint8

const (
	fDecimal format = iota
	fHex
	fIPv4
	fIPv6
	fMAC
)
