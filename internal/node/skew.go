package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// skew is the error of a node whose greeting names another protocol than this program's. It says
// which side is to be updated: the one with the smaller number.
func skew(line string) error {
	theirs, ourNumber := protocolOf(line), protocolOf(greeting)
	side := "install one version of the tool on both sides"
	switch {
	case theirs == 0:
	case theirs < ourNumber:
		side = "the tool there is older than this one: update it there"
	case theirs > ourNumber:
		side = "the tool there is newer than this one: update the tool here"
	}
	return fmt.Errorf("speaks protocol %q, not %q: %s", clip(line, 80), strings.TrimSpace(greeting), side)
}

// protocolOf returns the number in a greeting, or 0 where it has none.
func protocolOf(line string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(line, protocolName), " ")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// lacks is the error of a node that speaks this protocol and does not know a call: fields and calls
// are added within one protocol number. It is errors.ErrUnsupported, for callers that can do
// without.
type lacks struct {
	node, call, version string
}

func (e *lacks) Error() string {
	return fmt.Sprintf("chassis %s: the tool there (version %s, here %s) does not know %q: update it there", e.node, e.version, Version(), strings.ToLower(e.call))
}

// Is reports whether target is errors.ErrUnsupported.
func (e *lacks) Is(target error) bool { return target == errors.ErrUnsupported }
