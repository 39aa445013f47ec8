package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitCommand(t *testing.T) {
	for in, want := range map[string][]string{
		"ssh {hostname} ovn-ct-trace node stdio": {"ssh", "{hostname}", "ovn-ct-trace", "node", "stdio"},
		`a 'b c' "d e" f\ g`:                     {"a", "b c", "d e", "f g"},
		"  x  ":                                  {"x"},
		"sh -c '$HOME *'":                        {"sh", "-c", "$HOME *"},
		"a ''":                                   {"a", ""},
	} {
		got, err := SplitCommand(in)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%q: %v %s", in, err, d)
		}
	}
	for _, bad := range []string{"", "   ", "a 'b", `a "b`, `a \`} {
		if got, err := SplitCommand(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}

// TestExpandKeepsWords checks that a value with blanks, quotes or braces stays one word and is not
// expanded again.
func TestExpandKeepsWords(t *testing.T) {
	got, err := Expand("ssh -o 'ProxyCommand=nc {ip} 22' {hostname} run {chassis} {other}", "hv 1'; rm -rf {ip}", "host", "fd00::1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ssh", "-o", "ProxyCommand=nc fd00::1 22", "host", "run", "hv 1'; rm -rf {ip}", "{other}"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
