package ctstate

import (
	"fmt"
	"strconv"
)

// Release is a release of the kernel or of Open vSwitch; some answers depend on it. The zero
// Release is the newest one known.
type Release struct{ Major, Minor, Patch int }

// newest is later than every change that the model knows.
var newest = Release{Major: 1 << 16}

// ParseRelease reads what uname -r prints, as in "6.1.0-13-amd64": two or three numbers, and any
// text after them. Other text is a *SyntaxError, and the Release zero.
func ParseRelease(in string) (Release, error) {
	var r Release
	off := 0
	for i, part := range []*int{&r.Major, &r.Minor, &r.Patch} {
		end := off
		for end < len(in) && '0' <= in[end] && in[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(in[off:end])
		if err != nil {
			if i == 2 {
				break
			}
			return Release{}, &SyntaxError{In: in, Off: off, Msg: "want MAJOR.MINOR"}
		}
		*part = n
		if end == len(in) || in[end] != '.' {
			if i == 0 {
				return Release{}, &SyntaxError{In: in, Off: end, Msg: "want MAJOR.MINOR"}
			}
			break
		}
		off = end + 1
	}
	return r, nil
}

// String returns the release as uname prints it, without what a distribution adds.
func (r Release) String() string { return fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch) }

// AtLeast reports whether r is major.minor or newer; the zero Release always is.
func (r Release) AtLeast(major, minor int) bool {
	if r == (Release{}) {
		r = newest
	}
	return r.Major > major || r.Major == major && r.Minor >= minor
}

// dnatClashNull: the extra null source binding for destination NAT ("openvswitch: handle DNAT tuple
// collision").
func (r Release) dnatClashNull() bool { return r.AtLeast(5, 10) }

// icmpErrorBits: 6.2 to 6.7 translated ICMP errors without setting the flow key's bits (fixed by
// e6345d2824a3).
func (r Release) icmpErrorBits() bool { return !r.AtLeast(6, 2) || r.AtLeast(6, 8) }

// expectAttached: since 6.6 a look-up attaches an expected connection without consuming the
// expectation; before it, OVS only peeked (ovs_ct_expect_find).
func (r Release) expectAttached() bool { return r.AtLeast(6, 6) }

// icmpv6Redirect: nf_conntrack_icmpv6_redirect, "set icmpv6 redirects as RELATED".
func (r Release) icmpv6Redirect() bool { return r.AtLeast(6, 2) }

// beLiberal: nf_ct_set_tcp_be_liberal on established connections.
func (r Release) beLiberal() bool { return r.AtLeast(5, 11) }

// dnatFromStart: a destination port search starts at the range's minimum ("nat: restore default
// DNAT behavior", 6.8). Older stable releases are assumed not to have it: 6.1.192 was observed to
// start at random.
func (r Release) dnatFromStart() bool { return r.AtLeast(6, 8) }

// evictsClosing: since 6.5 a source port search may evict closing connections
// (nf_nat_used_tuple_harder).
func (r Release) evictsClosing() bool { return r.AtLeast(6, 5) }
