package replica

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`acl-add sw0 to-lport 1000 'ip4 && tcp.dst == 80' drop`, `acl-add|sw0|to-lport|1000|ip4 && tcp.dst == 80|drop`},
		{`ovn-nbctl --may-exist ls-add sw9`, `--may-exist|ls-add|sw9`},
		{`--name=no-smtp acl-add pg from-lport 1 "ip" drop -- ls-add a`, `--name=no-smtp|acl-add|pg|from-lport|1|ip|drop|--|ls-add|a`},
		{`set load_balancer lb 'vips="10.0.0.1:80"="10.0.0.2:80"'`, `set|load_balancer|lb|vips="10.0.0.1:80"="10.0.0.2:80"`},
		{`ls-add '$(touch /tmp/x); rm -rf *'`, `ls-add|$(touch /tmp/x); rm -rf *`},
		{`set nb_global . options:x=-1 -5`, `set|nb_global|.|options:x=-1|-5`},
	} {
		got, err := ParseCommand(c.line)
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, %v", c.line, got, err)
		}
	}
	for line, want := range map[string]string{
		``: "no command", `ovn-nbctl`: "no command", `ls-add 'x`: "Unterminated",
		`--db=tcp:10.0.0.1:6641 ls-add x`:   "--db",
		`ls-add x -- --db=unix:/y ls-add y`: "--db",
		`-p /etc/key ls-add x`:              "-p",
		`--private-key=/etc/key ls-add x`:   "--private-key",
		`--log-file=/etc/passwd ls-add x`:   "--log-file",
		`--unixctl=/x ls-add x`:             "--unixctl",
		`-u /x ls-add x`:                    "-u",
		`--detach ls-add x`:                 "--detach",
		`--options`:                         "--options",
		`show`:                              "changes nothing",
		`sync`:                              "changes nothing",
		`ls-add a -- wait-until logical_switch a name=a`: "changes nothing",
		`set-ssl /k /c /ca`:        "private one",
		`set-connection ptcp:6641`: "private one",
	} {
		got, err := ParseCommand(line)
		if err == nil || !strings.Contains(err.Error(), want) || failure.KindOf(err) != failure.Input {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
}

// What ovn-nbctl refuses by its form alone is refused without a database; what depends on rows is
// not.
func TestCheckForm(t *testing.T) {
	testenv.Tool(t, "ovn-nbctl")
	for line, want := range map[string]string{
		"acl-del sw0": "", "set logical_switch nobody name=x": "", "ls-add a -- lsp-add a p": "", "lr-nat-add r snat 10.0.0.1 20.0.0.0/24": "", "--id=@x create acl action=drop -- add logical_switch a acls @x": "",
		"acl-dell sw0":          "unknown command 'acl-dell'",
		"acl-del":               "requires at least 1 arg",
		"ls-add a -- ls-del":    "'ls-del'",
		"--foo ls-add a":        "--foo",
		"set logical_foo x y=1": "logical_foo",
	} {
		words, err := ParseCommand(line)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckForm(t.Context(), Change{Run: [][]string{{"ls-add", "fine"}, words}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || failure.KindOf(err) != failure.Input) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// Whatever is given, the words are those of the line, and no option of ovn-nbctl itself is among
// them.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{`acl-add sw0 to-lport 1 'ip' drop`, `--db=x ls-add y`, `a -- --may-exist b`, "'", `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := ParseCommand(line)
		if err != nil {
			var bad *ChangeError
			if !errors.As(err, &bad) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if len(words) == 0 {
			t.Fatal("no words")
		}
		for _, w := range words {
			name, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), "=")
			if strings.HasPrefix(w, "--") && slices.Contains(refused, name) {
				t.Errorf("%q has %s", line, w)
			}
		}
	})
}
