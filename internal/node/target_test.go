package node

import (
	"strings"
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

// TestExpandKeepsWords checks that each word stays one, and that a brace that names nothing stays.
func TestExpandKeepsWords(t *testing.T) {
	got, err := Expand("ssh -o 'ProxyCommand=nc {ip} 22' {hostname} run {chassis} {other}", "hv1.b-c_d", "host", "fd00::1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ssh", "-o", "ProxyCommand=nc fd00::1 22", "host", "run", "hv1.b-c_d", "{other}"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestExpandRefuses: what a host has written into the database reaches no command if it could be
// more than a name there.
func TestExpandRefuses(t *testing.T) {
	bad := []string{"", "-oProxyCommand=x", "hv 1", "a'b", `a"b`, "a;b", "a|b", "a&b", "a$b", "a`b", "a(b", "a)b", "a<b", "a>b", "a*b", "a?b", "a[b", "a]b", "a{b",
		"{ip}", "a#b", "a~b", "a!b", `a\b`, "a\nb", "a\tb", "a\x00b", "a=b", "a^b", "a%b", "a\u00a0b", "a\u2028b", "a\xffb"}
	for _, v := range bad {
		for _, at := range []string{"{chassis}", "{hostname}", "{ip}"} {
			value := func(name string) string {
				if name == at {
					return v
				}
				return "x"
			}
			words, err := Expand("ssh root@"+at, value("{chassis}"), value("{hostname}"), value("{ip}"))
			if err == nil || !strings.Contains(err.Error(), at) {
				t.Errorf("%s %q: %q %v", at, v, words, err)
			}
			// What the template does not ask for does not matter.
			if _, err := Expand("ssh root@host", value("{chassis}"), value("{hostname}"), value("{ip}")); err != nil {
				t.Error(err)
			}
		}
	}
}

// FuzzExpand: no value makes a shell see other words than those that are run.
func FuzzExpand(f *testing.F) {
	for _, v := range []string{"hv1", "a b", "$(x)", "-x", "a'b", "fd00::1"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		words, err := Expand("ssh root@{hostname} ip netns exec {chassis}", value, "h", "")
		if err != nil {
			return
		}
		again, err := SplitCommand(strings.Join(words, " "))
		if d := cmp.Diff(words, again); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}
