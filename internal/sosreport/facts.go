package sosreport

import (
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// hostname returns the host's name: that of its file, else that of the folder.
func (r *reader) hostname() string {
	for _, l := range append(r.lines("hostname", 1000), r.text("hostname", 1000)...) {
		if l = strings.TrimSpace(l); l != "" {
			return l
		}
	}
	return strings.TrimPrefix(path.Base(r.tree.From), "sosreport-")
}

// kernel returns the release in uname -a; empty if it is not there.
func (r *reader) kernel() string {
	for _, l := range append(r.text("uname -a", 4000), r.lines("uname", 4000)...) {
		if f := strings.Fields(l); len(f) > 3 && f[0] == "Linux" {
			return f[2]
		}
	}
	return ""
}

var (
	// Packages of Debian, in dpkg -l, and of Red Hat, in rpm -qa.
	debs = map[string]*regexp.Regexp{
		"ovs": regexp.MustCompile(`^ii\s+openvswitch-(?:switch|common)\S*\s+(?:\d+:)?(\d+\.\d+\.\d+)`),
		"ovn": regexp.MustCompile(`^ii\s+ovn-host\S*\s+(?:\d+:)?(\d+\.\d+\.\d+)`),
	}
	rpms = map[string]*regexp.Regexp{
		"ovs": regexp.MustCompile(`^openvswitch(?:\d+\.\d+)?-(\d+\.\d+\.\d+)-`),
		"ovn": regexp.MustCompile(`^ovn(?:\d+\.\d+)?-host-(\d+\.\d+\.\d+)-`),
	}
)

// versions returns the versions of the installed packages; empty where they are not known.
func (r *reader) versions() (ovs, ovn string) {
	found := map[string]string{}
	for _, x := range []struct {
		file string
		res  map[string]*regexp.Regexp
	}{{"installed-debs", debs}, {"installed-rpms", rpms}} {
		for _, l := range r.lines(x.file, 16<<20) {
			for name, re := range x.res {
				if m := re.FindStringSubmatch(l); m != nil && found[name] == "" {
					found[name] = m[1]
				}
			}
		}
	}
	return found["ovs"], found["ovn"]
}

// maxSysctls is the longest output of sysctl -a that is read, in bytes: each network device has
// some 5 kB, which come before the settings of conntrack.
const maxSysctls = 64 << 20

// sysctls returns the settings of conntrack, by name.
func (r *reader) sysctls() map[string]string {
	out := map[string]string{}
	for _, l := range r.text("sysctl -a", maxSysctls) {
		if name, value, ok := strings.Cut(l, " = "); ok && strings.HasPrefix(name, "net.netfilter.") {
			out[name] = strings.TrimSpace(value)
		}
	}
	return out
}

// cleanMAC begins the MAC addresses that sos clean makes ("SOS" in ASCII).
const cleanMAC = "53:4f:53:"

// cleaned returns an error if sos clean has changed the report.
func (r *reader) cleaned() error {
	var files []string
	for base, of := range r.index.base {
		if strings.HasPrefix(base, "ovs-vsctl_") || strings.HasPrefix(base, "ip_") || strings.HasPrefix(base, "ovs-ofctl_show_") {
			files = append(files, of...)
		}
	}
	for _, n := range r.tree.Names() { // the host of the databases may have nothing else
		if base := path.Base(n); base == "conf.db" || base == "ovnnb_db.db" || base == "ovnsb_db.db" {
			files = append(files, n)
		}
	}
	slices.Sort(files)
	for _, f := range files {
		if r.has(f, cleanMAC) {
			return &CleanedError{From: r.tree.From, In: f}
		}
	}
	return nil
}

// has reports whether a text is in the first 4 MB of a file. A database may be one line.
func (r *reader) has(name, text string) bool {
	f, err := r.tree.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4<<20))
	return err == nil && bytes.Contains(b, []byte(text))
}
