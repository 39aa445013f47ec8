package engine

import "fmt"

// Verdict is how a branch of a packet ended. The constants are in order, the worst first. The zero
// value is Unknown.
type Verdict uint8

// The verdicts, the worst first.
const (
	Unknown    Verdict = iota // could not be determined
	Dropped                   // by a rule, a table miss or conntrack
	Rejected                  // a reset or ICMP error goes back to the sender
	Controller                // punted to ovn-controller
	Host                      // the bridge's local port
	External                  // left by a physical port
	Delivered                 // a frame comes out of a VIF
)

var verdictNames = [...]string{"unknown", "dropped", "rejected", "controller", "host", "external", "delivered"}

// String returns the verdict's name, such as "delivered".
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// ParseVerdict returns the verdict with this name; ok is false for any other text.
func ParseVerdict(s string) (v Verdict, ok bool) {
	for i, n := range verdictNames {
		if n == s {
			return Verdict(i), true
		}
	}
	return Unknown, false
}

// MarshalText returns the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's name; any other text is an error.
func (v *Verdict) UnmarshalText(b []byte) error {
	p, ok := ParseVerdict(string(b))
	if !ok {
		return fmt.Errorf("no verdict %q", b)
	}
	*v = p
	return nil
}
