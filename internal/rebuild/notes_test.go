package rebuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is taken to be as usual, or is known in part, is said.
func TestNotes(t *testing.T) {
	for _, c := range []struct {
		name string
		host Host
		br   bridge
		macs *Part
		want []string // in the notes, one each
	}{
		{"whole", Host{Kernel: "6.1.0", Sysctls: map[string]string{"a": "1"}}, bridge{}, part(""), nil},
		{"nothing", Host{}, bridge{}, nil, []string{"settings of the kernel", "the kernel's release", "MAC addresses"}},
		{"userspace", Host{}, bridge{userland: true}, part(""), nil},
		{"cut", Host{}, bridge{userland: true}, &Part{Cut: "it is cut", Open: part("").Open}, []string{"(it is cut)"}},
	} {
		b := &builder{host: &c.host, conf: &conf{bridges: []*bridge{&c.br}}, out: &Chassis{}}
		b.kernel()
		file := filepath.Join(t.TempDir(), "flows")
		if err := os.WriteFile(file, []byte("priority=0 actions=NORMAL\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		n := newNeeds()
		n.look("actions=NORMAL")
		if err := b.unlearned(file, n, &c.br, c.macs, nil); err != nil {
			t.Error(err)
		}
		if len(b.out.Notes) != len(c.want) {
			t.Errorf("%s: %q", c.name, b.out.Notes)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(b.out.Notes[i], want) {
				t.Errorf("%s: %q, want %q", c.name, b.out.Notes[i], want)
			}
		}
	}
}
