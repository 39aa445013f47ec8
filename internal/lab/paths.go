package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Binaries holds the paths of OVS's and OVN's programs and schemas: the system's, or those under
// the prefix CT_TRACE_OVS_PREFIX.
type Binaries struct {
	Prefix string
	path   []string
	share  []string
}

// FindBinaries searches under prefix, or in PATH and the sbin folders if it is empty.
func FindBinaries(prefix string) (*Binaries, error) {
	b := &Binaries{Prefix: prefix}
	if prefix != "" {
		for _, d := range []string{"sbin", "bin", "usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin"} {
			b.path = append(b.path, filepath.Join(prefix, d))
		}
		for _, d := range []string{"share", "usr/share", "usr/local/share"} {
			b.share = append(b.share, filepath.Join(prefix, d))
		}
	} else {
		b.path = filepath.SplitList(os.Getenv("PATH"))
		for _, d := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"} {
			if !slices.Contains(b.path, d) {
				b.path = append(b.path, d)
			}
		}
		b.share = []string{"/usr/share", "/usr/local/share"}
	}
	for _, name := range []string{"ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovn-northd", "ovn-controller", "ovn-nbctl", "ovn-sbctl"} {
		if _, err := b.Tool(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Tool returns the path of a program.
func (b *Binaries) Tool(name string) (string, error) {
	for _, d := range b.path {
		p := filepath.Join(d, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: %w in %s", name, exec.ErrNotFound, strings.Join(b.path, ":"))
}

// schema returns the path of a database schema.
func (b *Binaries) schema(name string) (string, error) {
	for _, d := range b.share {
		for _, sub := range []string{"ovn", "openvswitch"} {
			p := filepath.Join(d, sub, name)
			if _, err := os.Stat(p); err == nil {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("no %s under %s", name, strings.Join(b.share, ", "))
}

// Env returns an environment in which the same programs are found.
func (b *Binaries) Env() []string {
	env := []string{"PATH=" + strings.Join(append(slices.Clone(b.path), "/usr/sbin", "/usr/bin", "/sbin", "/bin"), ":")}
	if b.Prefix != "" && !b.ownLibC() {
		var lib []string
		for _, d := range []string{"lib", "usr/lib", "usr/lib/x86_64-linux-gnu", "usr/local/lib", "lib/x86_64-linux-gnu"} {
			lib = append(lib, filepath.Join(b.Prefix, d))
		}
		env = append(env, "LD_LIBRARY_PATH="+strings.Join(lib, ":"))
	}
	return env
}

// ownLibC reports whether the prefix contains a C library. Its programs then have the paths of
// their libraries (scripts/debian.sh), and the environment must not give these libraries to the
// system's programs.
func (b *Binaries) ownLibC() bool {
	_, err := os.Stat(filepath.Join(b.Prefix, "usr/lib/x86_64-linux-gnu/libc.so.6"))
	return err == nil
}
