package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// zones are the conntrack zones of the packets; each has a network device.
var zones = [...]uint16{1, 2, 300}

// host is a new network namespace that tracks, translates and forwards packets.
type host struct {
	in  map[uint16]int // tun devices packets are injected through, by zone
	out int            // tun device that receives forwarded packets
	buf [4096]byte
	kernelTable
}

// newHost moves the calling thread permanently into a new network namespace: the calling goroutine
// must end with the host.
func newHost(specs []natSpec) (*host, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	h := &host{in: make(map[uint16]int)}
	for _, s := range []struct{ name, value string }{
		{"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/all/rp_filter", "0"}, {"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv6/conf/all/forwarding", "1"}, {"net/ipv6/conf/default/addr_gen_mode", "1"},
		{"net/ipv6/conf/all/disable_ipv6", "0"}, {"net/ipv6/conf/default/disable_ipv6", "0"},
	} {
		if err := os.WriteFile("/proc/sys/"+s.name, []byte(s.value), 0); err != nil {
			return nil, err
		}
	}
	var err error
	if h.out, err = openTun("out", unix.IFF_TUN); err != nil {
		return nil, err
	}
	for _, z := range zones {
		if h.in[z], err = openTun(fmt.Sprintf("z%d", z), unix.IFF_TUN); err != nil {
			return nil, err
		}
	}
	if err := h.configure(specs); err != nil {
		return nil, err
	}
	return h, h.kernelTable.open()
}

// openTun makes a tun device: kind is IFF_TUN for layer 3, IFF_TAP for frames.
func openTun(name string, kind uint16) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var req struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:], name)
	req.flags = kind | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return -1, fmt.Errorf("tun %s: %w", name, errno)
	}
	return fd, nil
}

// configure sets the devices up and loads the rules.
func (h *host) configure(specs []natSpec) error {
	var ip strings.Builder
	fmt.Fprintln(&ip, "link set lo up\nlink set out up")
	for _, z := range zones {
		fmt.Fprintf(&ip, "link set z%d up\n", z)
	}
	fmt.Fprintln(&ip, "route add default dev out\nroute add ::/0 dev out")
	if err := run(ip.String(), "ip", "-batch", "-"); err != nil {
		return err
	}
	return run(ruleset(specs), "nft", "-f", "-")
}

func run(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...) // inherits this thread's namespace
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out.String())
	}
	return nil
}

// The TTLs that encode a packet's conntrack state.
const (
	codeInvalid = 20 + iota
	codeUntracked
	codeNew
	codeEst
	codeEstReply
	codeRel
	codeRelReply
)

// ruleset returns rules that set the zone by device, write a packet's conntrack state into its TTL,
// and translate by its DSCP.
func ruleset(specs []natSpec) string {
	var b strings.Builder
	fmt.Fprintln(&b, "table inet d {")
	fmt.Fprintln(&b, " chain raw { type filter hook prerouting priority -300;")
	fmt.Fprint(&b, "  ct zone set iifname map { ")
	for i, z := range zones {
		if i > 0 {
			fmt.Fprint(&b, ", ")
		}
		fmt.Fprintf(&b, "\"z%d\" : %d", z, z)
	}
	fmt.Fprintln(&b, " }\n }")
	fmt.Fprintln(&b, " chain state { type filter hook prerouting priority -150;")
	for _, c := range []struct {
		match string
		code  int
	}{
		{"ct state invalid", codeInvalid}, {"ct state untracked", codeUntracked},
		{"ct state new", codeNew},
		{"ct state established ct direction original", codeEst}, {"ct state established ct direction reply", codeEstReply},
		{"ct state related ct direction original", codeRel}, {"ct state related ct direction reply", codeRelReply},
	} {
		fmt.Fprintf(&b, "  meta nfproto ipv4 %s ip ttl set %d accept\n", c.match, c.code)
		fmt.Fprintf(&b, "  meta nfproto ipv6 %s ip6 hoplimit set %d accept\n", c.match, c.code)
	}
	fmt.Fprintln(&b, " }\n}")
	for _, family := range []string{"ip", "ip6"} {
		fmt.Fprintf(&b, "table %s n {\n chain pre { type nat hook prerouting priority -100;\n", family)
		writeNAT(&b, specs, family, false)
		fmt.Fprint(&b, " }\n chain post { type nat hook postrouting priority 100;\n")
		writeNAT(&b, specs, family, true)
		fmt.Fprint(&b, " }\n}\n")
	}
	return b.String()
}

func writeNAT(b *strings.Builder, specs []natSpec, family string, src bool) {
	for i, s := range specs {
		if s.nat.Src == src && s.v6 == (family == "ip6") {
			fmt.Fprintf(b, "  %s dscp %d %s\n", family, i+1, s.rule())
		}
	}
}

// send sends one packet and returns the forwarded packet, nil if it was dropped. The kernel
// forwards it inside write.
func (h *host) send(zone uint16, pkt []byte) ([]byte, error) {
	for { // skip packets that the kernel itself has sent
		if _, err := unix.Read(h.out, h.buf[:]); err != nil {
			break
		}
	}
	if _, err := unix.Write(h.in[zone], pkt); err != nil {
		return nil, fmt.Errorf("inject: %w", err)
	}
	for {
		n, err := unix.Read(h.out, h.buf[:])
		if errors.Is(err, unix.EAGAIN) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read back: %w", err)
		}
		if n < 40 || h.buf[0]>>4 != 6 || h.buf[24] != 0xff { // the kernel's own multicast
			return bytes.Clone(h.buf[:n]), nil
		}
	}
}
