package openflow

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// parseUint reads a number of at most 64 bits to base 8, 10 or 16, as parse_int_string (lib/util.c)
// does.
func parseUint(s string) (uint64, bool) {
	s = strings.TrimPrefix(s, "+")
	if len(s) > 1 && s[0] == '0' && strings.ContainsRune("bBoO", rune(s[1])) || strings.Contains(s, "_") {
		return 0, false // notations of Go only
	}
	v, err := strconv.ParseUint(s, 0, 64)
	return v, err == nil
}

// U128 is a 128-bit number: a ct_label or a register xxregN.
type U128 = u128.Uint

// ParseU128 reads a number of at most 64 bits, or a hexadecimal one of at most 128.
func ParseU128(s string) (U128, bool) {
	hex, ok := strings.CutPrefix(s, "0x")
	if !ok || len(hex) <= 16 {
		lo, ok := parseUint(s)
		return U128{Lo: lo}, ok
	}
	if len(hex) > 32 {
		return U128{}, false
	}
	hi, err1 := strconv.ParseUint(hex[:len(hex)-16], 16, 64)
	lo, err2 := strconv.ParseUint(hex[len(hex)-16:], 16, 64)
	return U128{Hi: hi, Lo: lo}, err1 == nil && err2 == nil
}
