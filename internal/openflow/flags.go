package openflow

import (
	"strconv"
	"strings"
)

// tcpNames are packet_tcp_flag_to_string's words by bit (lib/packets.c).
var tcpNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}

// ctNames are ct_state_to_string's words by bit (lib/flow.c).
var ctNames = []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}

const (
	tcpMask = 0xfff
	ctMask  = 0xff
)

// ParseTCPFlags reads syn|ack, +syn-ack, 0x12, 0x12/0x3f; without a mask all flags are told.
func ParseTCPFlags(s string) (value, mask uint16, err error) {
	v, m, err := parseFlags(s, tcpNames, tcpMask)
	return uint16(v), uint16(m), err
}

// FormatTCPFlags prints flags as OVS does: syn|ack, and 0 for none.
func FormatTCPFlags(v uint16) string { return formatFlags(uint32(v), tcpNames) }

// FormatTCPFlagsMatch prints a masked match as OVS does: +syn-ack, or syn|ack under the full mask.
func FormatTCPFlagsMatch(v, mask uint16) string {
	return formatMatch(uint32(v), uint32(mask), tcpNames, tcpMask)
}

// ParseCTState reads new|trk, new,trk, +new-est+trk, 0x21, 0x21/0x23; without a mask all flags are told.
func ParseCTState(s string) (value, mask uint32, err error) { return parseFlags(s, ctNames, ctMask) }

// FormatCTState prints flags as OVS does: new|trk, and 0 for none.
func FormatCTState(v uint32) string { return formatFlags(v, ctNames) }

// FormatCTStateMatch prints a masked match as OVS does: +new-est+trk, or new|trk under the full mask.
func FormatCTStateMatch(v, mask uint32) string { return formatMatch(v, mask, ctNames, ctMask) }

// parseFlags follows parse_flags (lib/flow.c).
func parseFlags(in string, names []string, all uint32) (value, mask uint32, err error) {
	fault := func(off int, msg string) (uint32, uint32, error) {
		return 0, 0, &SyntaxError{In: in, Off: off, Msg: msg}
	}
	if in == "" {
		return fault(0, "no flags")
	}
	if num, m, ok := strings.Cut(in, "/"); ok {
		v, ok1 := parseUint(num)
		mv, ok2 := parseUint(m)
		if !ok1 || !ok2 || v > uint64(all) || mv > uint64(all) {
			return fault(0, "not FLAGS/MASK in numbers")
		}
		return uint32(v), uint32(mv), nil
	}
	if in[0] == '+' || in[0] == '-' {
		for i := 0; i < len(in); {
			end := i + 1
			for end < len(in) && in[end] != '+' && in[end] != '-' {
				end++
			}
			bit := flagBit(in[i+1:end], names)
			if bit == 0 {
				return fault(i, "unknown flag")
			}
			if mask&bit != 0 {
				return fault(i, "flag told twice")
			}
			mask |= bit
			if in[i] == '+' {
				value |= bit
			}
			i = end
		}
		return value, mask, nil
	}
	for i := 0; i <= len(in); {
		end := i
		for end < len(in) && in[end] != '|' && in[end] != ',' {
			end++
		}
		bit := uint64(flagBit(in[i:end], names))
		if bit == 0 {
			var ok bool
			if bit, ok = parseUint(in[i:end]); !ok || bit > uint64(all) {
				return fault(i, "unknown flag")
			}
		}
		value |= uint32(bit)
		i = end + 1
	}
	return value, all, nil
}

func flagBit(name string, names []string) uint32 {
	for i, n := range names {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// formatFlags follows format_flags (lib/flow.c).
func formatFlags(v uint32, names []string) string {
	if v == 0 {
		return "0"
	}
	var parts []string
	for i, n := range names {
		if v&(1<<i) != 0 {
			parts = append(parts, n)
			v &^= 1 << i
		}
	}
	if v != 0 {
		parts = append(parts, "0x"+strconv.FormatUint(uint64(v), 16))
	}
	return strings.Join(parts, "|")
}

// formatMatch follows format_flags_masked (lib/flow.c).
func formatMatch(v, mask uint32, names []string, all uint32) string {
	if mask == all {
		return formatFlags(v, names)
	}
	if mask == 0 {
		return "0/0"
	}
	var b strings.Builder
	for i := range 32 {
		if mask&(1<<i) == 0 {
			continue
		}
		if v&(1<<i) != 0 {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
		if i < len(names) {
			b.WriteString(names[i])
		} else {
			b.WriteString("[Unknown]")
		}
	}
	return b.String()
}
