package pcapfilter

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// corpus returns the filters of testdata/filters.txt.
func corpus(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestPrint(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"tcp dst port 80 or 443", "(tcp dst port 80 or tcp dst port 443)"},
		{"tcp or udp and port 53", "((tcp or udp) and port 53)"}, // one precedence, from the left
		{"not host 10.0.0.1 and 10.0.0.2", "(not host 10.0.0.1 and host 10.0.0.2)"},
		{"tcp && !port 80 || udp", "((tcp and not port 80) or udp)"},
		{"src or dst 10.0.0.1", "host 10.0.0.1"},
		{"src and dst host 10.0.0.1", "src and dst host 10.0.0.1"},
		{"net 10.1", "net 10.1.0.0/16"},
		{"net 10.0.0.0 mask 255.0.0.0", "net 10.0.0.0/8"},
		{"dst portrange 443-80", "dst portrange 80-443"},
		{"ether proto arp", "ether proto 0x0806"},
		{"ip proto \\tcp", "ip proto 6"},
		{"not port (80 or 443)", "not (port 80 or port 443)"},
		{"vlan 10 and vlan", "(vlan 10 and vlan)"},
		{"ip6 proto icmp6", "ip6 proto 58"},
	} {
		e, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := text(e); got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		in  string
		off int
		msg string
	}{
		{"foo", 0, `"foo" begins no condition`},
		{"tcp[13] & 2 != 0", 0, `"tcp[13]" begins no condition`},
		{"10.0.0.1", 0, `"10.0.0.1" begins no condition`},
		{"tcp and", 7, "a condition is missing"},
		{"tcp 80", 4, `"80" is not expected here`},
		{"tcp or 80", 7, `"80" begins no condition`},
		{"(tcp", 4, "a ) is missing for the ( at offset 0"},
		{"tcp)", 3, `")" is not expected here`},
		{"host", 4, "a value for host is missing"},
		{"host example.org", 5, "names are not looked up"},
		{"host fe80::1%eth0", 5, "is no IP address"},
		{"port http", 5, `"http" is no port number`},
		{"port 70000", 5, "larger than 65535"},
		{"portrange 80", 10, "is no range of ports"},
		{"portrange 80-70000", 13, "larger than 65535"},
		{"net 10.0.0.1/8", 4, "has bits outside the network 10.0.0.0/8"},
		{"net 10.0.0.0/33", 4, "is no length of a network's prefix"},
		{"net 10.0.0.0 mask 255.0.255.0", 18, "is no mask of a network"},
		{"tcp host 10.0.0.1", 4, "tcp does not go with host"},
		{"ip port 80", 3, "ip does not go with port"},
		{"src proto 6", 4, "proto has no direction"},
		{"ip6 host 10.0.0.1", 9, "ip6 has no address 10.0.0.1"},
		{"arp host fd00::1", 9, "arp has no address fd00::1"},
		{"ip proto 256", 9, "larger than 255"},
		{"ether proto 5", 12, "smaller than 0x0600"},
		{"ether", 5, "ether is followed by"},
		{"ether host 10.0.0.1", 11, "is no MAC address"},
		{"vlan 4096", 5, "larger than 4095"},
		{"host (10.0.0.1 or tcp)", 18, `"tcp" is no IP address`},
		{"port (80 443)", 9, "holds values only"},
		{strings.Repeat("(", 200), 100, "more than 100 parentheses"},
		{strings.Repeat(" ", maxLen+1), maxLen, "at most 4096 bytes"},
	} {
		e, err := Parse(c.in)
		var se *syntax.Error
		switch {
		case !errors.As(err, &se) || e != nil:
			t.Errorf("%s: %v, %v, want an error", c.in, e, err)
		case se.Off != c.off || !strings.Contains(se.Msg, c.msg):
			t.Errorf("%s: offset %d: %s, want offset %d: %s", c.in, se.Off, se.Msg, c.off, c.msg)
		}
	}
}

// A printed filter is read as the same one.
func FuzzParse(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		e, err := Parse(in)
		if err != nil || e == nil {
			if err != nil && e != nil {
				t.Fatal("an error with a filter")
			}
			return
		}
		printed := text(e)
		if len(printed) > maxLen {
			return
		}
		again, err := Parse(printed)
		if err != nil {
			if strings.Contains(err.Error(), "within each other") { // parentheses are added
				return
			}
			t.Fatalf("%q, printed as %q: %v", in, printed, err)
		}
		if d := cmp.Diff(e, again, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
			t.Fatalf("%q, printed as %q:\n%s", in, printed, d)
		}
		for _, compile := range []func() error{
			func() error { _, err := Compile(e, 1); return err },
			func() error { _, err := CompileSocket(e, Received, 1); return err },
		} {
			if err := compile(); err != nil && !errors.Is(err, errTooLong) {
				t.Fatalf("%q: %v", in, err)
			}
		}
	})
}
