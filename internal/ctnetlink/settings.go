package ctnetlink

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Settings is the part of a namespace's conntrack configuration on which a trace depends. If the
// kernel lacks a sysctl, its field describes the kernel's built-in behaviour and Missing contains
// its name.
type Settings struct {
	Count, Max, Buckets uint64

	TCPLoose            bool
	TCPBeLiberal        bool
	TCPIgnoreInvalidRST bool
	TCPNoWindowCheck    bool
	Checksum            bool
	Timestamp           bool
	Acct                bool
	Events              int

	// Timeouts in seconds, by sysctl name without nf_conntrack_ and _timeout:
	// "tcp_syn_sent", "udp", "udp_stream", "icmp", "sctp_closed", "generic", ...
	Timeouts map[string]uint32

	Kernel  KernelRelease
	Missing []string
}

// KernelRelease is uname's release, and its number.
type KernelRelease struct {
	Release             string
	Major, Minor, Patch int
}

// AtLeast reports whether the release is not older than major.minor.
func (k KernelRelease) AtLeast(major, minor int) bool {
	return k.Major > major || k.Major == major && k.Minor >= minor
}

func (k KernelRelease) String() string { return k.Release }

const sysctlDir = "/proc/sys/net/netfilter/"

// Settings reads the sysctls of the table's namespace.
func (t *Table) Settings() (Settings, error) {
	var s Settings
	// /proc/sys/net shows the namespace of the thread that opens a file in it.
	err := t.ns.DoFile(t.file, func() error {
		var err error
		s, err = readSettings(sysctlDir)
		return err
	})
	if err != nil {
		return Settings{}, fmt.Errorf("conntrack settings of %v: %w", t.ns, err)
	}
	s.Kernel, err = Kernel()
	return s, err
}

// Sysctls returns the sysctls of conntrack in the table's namespace, as sysctl -a names them:
// net.netfilter.nf_conntrack_max.
func (t *Table) Sysctls() (out map[string]string, err error) {
	err = t.ns.DoFile(t.file, func() error {
		texts, err := readSysctls(sysctlDir)
		out = map[string]string{}
		for name, text := range texts {
			out["net.netfilter."+name] = strings.TrimSpace(text)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("conntrack settings of %v: %w", t.ns, err)
	}
	return out, nil
}

func readSettings(dir string) (Settings, error) {
	texts, err := readSysctls(dir)
	if err != nil {
		return Settings{}, err
	}
	return settingsOf(texts), nil
}

// readSysctls returns the texts of the sysctls of conntrack by their names.
func readSysctls(dir string) (map[string]string, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, n := range names {
		if !strings.HasPrefix(n.Name(), sysctlPrefix) {
			continue
		}
		b, err := os.ReadFile(dir + n.Name())
		if err != nil {
			return nil, err
		}
		texts[n.Name()] = string(b)
	}
	return texts, nil
}

// SettingsOf returns the settings of a machine from its sysctls by name, as sysctl -a prints them:
// net.netfilter.nf_conntrack_max. Kernel is empty.
func SettingsOf(sysctls map[string]string) Settings {
	texts := map[string]string{}
	for name, text := range sysctls {
		if name, ok := strings.CutPrefix(name, "net.netfilter."); ok {
			texts[name] = text
		}
	}
	return settingsOf(texts)
}

// sysctlPrefix begins the names of conntrack's sysctls.
const sysctlPrefix = "nf_conntrack_"

// settingsOf reads the settings from the sysctls' texts by name.
func settingsOf(texts map[string]string) Settings {
	// The built-in behaviour without the sysctls: loose pick-up, checksums are verified.
	s := Settings{TCPLoose: true, Checksum: true, Timeouts: map[string]uint32{}}
	nums := map[string]uint64{}
	for name, text := range texts {
		name, ok := strings.CutPrefix(name, sysctlPrefix)
		v, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil || !ok {
			continue // not a number: nf_conntrack_helper and the like are not read
		}
		nums[name] = v
		if strings.Contains(name, "timeout") {
			s.Timeouts[timeoutName(name)] = uint32(min(v, 1<<32-1))
		}
	}
	num := func(name string, to *uint64) {
		if v, ok := nums[name]; ok {
			*to = v
		} else {
			s.Missing = append(s.Missing, "nf_conntrack_"+name)
		}
	}
	flag := func(name string, to *bool) {
		if v, ok := nums[name]; ok {
			*to = v != 0
		} else {
			s.Missing = append(s.Missing, "nf_conntrack_"+name)
		}
	}
	num("count", &s.Count)
	num("max", &s.Max)
	num("buckets", &s.Buckets)
	flag("tcp_loose", &s.TCPLoose)
	flag("tcp_be_liberal", &s.TCPBeLiberal)
	flag("tcp_ignore_invalid_rst", &s.TCPIgnoreInvalidRST)
	flag("tcp_no_window_check", &s.TCPNoWindowCheck)
	flag("checksum", &s.Checksum)
	flag("timestamp", &s.Timestamp)
	flag("acct", &s.Acct)
	var events uint64
	num("events", &events)
	s.Events = int(events)
	return s
}

// timeoutName shortens tcp_timeout_syn_sent to tcp_syn_sent, udp_timeout to udp.
func timeoutName(name string) string {
	return strings.Replace(name, "_timeout", "", 1)
}

// Kernel returns the running kernel's release.
func Kernel() (KernelRelease, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return KernelRelease{}, fmt.Errorf("uname: %w", err)
	}
	return ParseRelease(unix.ByteSliceToString(u.Release[:])), nil
}

// ParseRelease parses the number at the start of a kernel release.
func ParseRelease(s string) KernelRelease {
	k := KernelRelease{Release: s}
	rest := s
	for _, to := range []*int{&k.Major, &k.Minor, &k.Patch} {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		v, err := strconv.Atoi(rest[:n])
		if err != nil {
			break
		}
		*to = v
		if rest = rest[n:]; rest == "" || rest[0] != '.' {
			break
		}
		rest = rest[1:]
	}
	return k
}
