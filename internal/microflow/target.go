package microflow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// TargetKind is the form of a target's name. A logical port's name is free text and has precedence
// over every other reading, so that the kind is final only after the look-up.
type TargetKind uint8

// The kinds of target.
const (
	TargetName   TargetKind = iota
	TargetIP                // an address: there is no look-up
	TargetMAC               // aa:bb:cc:dd:ee:ff
	TargetUUID              // a UUID, or its first eight or more hex digits
	TargetPod               // pod:NAMESPACE/NAME
	TargetServer            // server:NAME
)

// Target is the argument of --to: a name or address, optionally with port and protocol.
type Target struct {
	Text    string // as written
	Kind    TargetKind
	Name    string     // the name to look up, without port and protocol
	Addr    netip.Addr // of TargetIP
	Port    uint16
	HasPort bool
	// Proto is the IP protocol; 0 if none is given: Fill then takes TCP for a target with a port, and
	// an echo request for one without. ICMP and ICMPv6 are both written icmp; the address decides.
	Proto uint8
}

// ParseTarget reads NAME|IP[:PORT][/PROTO]; an IPv6 address with a port is in brackets.
func ParseTarget(text string) (Target, error) {
	t := Target{Text: text, Name: text}
	fail := func(off int, format string, args ...any) (Target, error) {
		return Target{}, &SyntaxError{In: text, Off: off, Msg: fmt.Sprintf(format, args...),
			Hint: "10.0.0.5:80/tcp, [fd00::1]:53/udp, 10.0.0.5/icmp, PORT, PORT:80"}
	}
	protoOff := len(text)
	if i := strings.LastIndexByte(text, '/'); i >= 0 && !(strings.HasPrefix(text, "pod:") && strings.Count(text, "/") == 1) {
		if proto, ok := protoNumber(text[i+1:]); ok {
			t.Proto, t.Name, protoOff = proto, text[:i], i+1
		} else if _, err := netip.ParsePrefix(text); err == nil {
			return fail(i, "a packet has one destination, not a network")
		} else if ip, _, _ := splitPort(text[:i]); isIP(ip) {
			return fail(i+1, "unknown protocol %q: tcp, udp, sctp or icmp", text[i+1:])
		}
	}
	name, port, off := splitPort(t.Name)
	if off >= 0 {
		v, err := strconv.ParseUint(port, 10, 32)
		switch {
		case err != nil && isIP(name):
			return fail(off, "%q is no port number", port)
		case err == nil && v > 0xffff:
			return fail(off, "port %s is larger than 65535", port)
		case err == nil:
			t.Name, t.Port, t.HasPort = name, uint16(v), true
		}
	}
	t.Name = unbracket(t.Name)
	if t.Name == "" {
		return fail(0, "no destination")
	}
	if t.HasPort && (t.Proto == packet.ProtoICMP || t.Proto == packet.ProtoICMPv6) {
		return fail(protoOff, "icmp has no ports")
	}
	return t.classify(fail, protoOff)
}

func (t Target) classify(fail func(int, string, ...any) (Target, error), protoOff int) (Target, error) {
	a, err := netip.ParseAddr(t.Name)
	_, notMAC := packet.ParseMAC(t.Name)
	switch {
	case err == nil && a.Zone() != "":
		return fail(strings.IndexByte(t.Text, '%'), "an address here has no zone")
	case err == nil:
		t.Kind, t.Addr = TargetIP, a.Unmap()
		if t.Proto == packet.ProtoICMPv6 && t.Addr.Is4() {
			return fail(protoOff, "icmp6 to an IPv4 address")
		}
		if t.Proto == packet.ProtoICMP && t.Addr.Is6() {
			t.Proto = packet.ProtoICMPv6
		}
	case notMAC == nil:
		t.Kind = TargetMAC
	case strings.HasPrefix(t.Name, "pod:"):
		t.Kind = TargetPod
		ns, name, _ := strings.Cut(t.Name[len("pod:"):], "/")
		if ns == "" || name == "" {
			return fail(len("pod:"), "want pod:NAMESPACE/NAME")
		}
	case strings.HasPrefix(t.Name, "server:"):
		if t.Kind = TargetServer; t.Name == "server:" {
			return fail(len("server:"), "want server:NAME")
		}
	case isUUIDPrefix(t.Name):
		t.Kind = TargetUUID
	}
	return t, nil
}

// protoNumber returns the number of a protocol for which Fill can make a packet.
func protoNumber(word string) (uint8, bool) {
	switch strings.ToLower(word) {
	case "tcp":
		return packet.ProtoTCP, true
	case "udp":
		return packet.ProtoUDP, true
	case "sctp":
		return packet.ProtoSCTP, true
	case "icmp", "icmp4":
		return packet.ProtoICMP, true
	case "icmp6", "icmpv6":
		return packet.ProtoICMPv6, true
	}
	return 0, false
}

// splitPort splits off the text after the last colon, unless that is part of an address; off is its
// offset, or -1.
func splitPort(s string) (name, port string, off int) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || isIP(s) {
		return s, "", -1
	}
	if _, err := packet.ParseMAC(s); err == nil {
		return s, "", -1
	}
	if s[:i] == "pod" || s[:i] == "server" {
		return s, "", -1
	}
	return s[:i], s[i+1:], i + 1
}

func unbracket(s string) string {
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' && isIP(s[1:n-1]) {
		return s[1 : n-1]
	}
	return s
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	if n := len(s); err != nil && n > 2 && s[0] == '[' && s[n-1] == ']' {
		_, err = netip.ParseAddr(s[1 : n-1])
	}
	return err == nil
}

// isUUIDPrefix reports whether a text is eight or more hex digits with the dashes of a UUID.
func isUUIDPrefix(s string) bool {
	if len(s) < 8 || len(s) > 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}
