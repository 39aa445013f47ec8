package odp

import (
	"strconv"
	"strings"
	"time"
)

// ParseFlow reads a datapath flow: keys separated by commas. "<empty>" and what else is not
// NAME(...) become keys of Text.
func ParseFlow(in string) (Keys, error) {
	p, err := newParser(in)
	if err != nil {
		return nil, err
	}
	if in == "" {
		return nil, &SyntaxError{In: in, Msg: "no key"}
	}
	for i := 0; i <= len(in); {
		end := p.item(i, len(in))
		if i == end {
			return nil, &SyntaxError{In: in, Off: i, Msg: "empty key"}
		}
		i = end + 1
	}
	return p.keys(0, len(in)), nil
}

// DPFlow is one line of dpctl/dump-flows or dpif/dump-flows.
type DPFlow struct {
	UFID           string // as printed behind "ufid:"
	NoComma        bool   // dpif/dump-flows puts only a blank behind it
	Keys           Keys
	Packets, Bytes uint64
	Used           time.Duration
	Never          bool     // used:never
	Rest           []string // flags:, offloaded:, dp:, as printed
	Actions        Actions
	Extra          string // dp-extra-info:
}

// ParseDPFlow reads one line of dpctl/dump-flows (format_dpif_flow) or of dpif/dump-flows
// (ofproto_unixctl_dpif_dump_flows), with or without -m.
func ParseDPFlow(in string) (DPFlow, error) {
	var f DPFlow
	line := strings.TrimRight(in, "\r\n")
	fault := func(off int, msg string) (DPFlow, error) {
		return DPFlow{}, &SyntaxError{In: in, Off: off, Msg: msg}
	}
	keysAt := 0
	if rest, ok := strings.CutPrefix(line, "ufid:"); ok {
		ufid, _, ok := strings.Cut(rest, " ")
		f.UFID, f.NoComma = strings.TrimSuffix(ufid, ","), !strings.HasSuffix(ufid, ",")
		if !ok || f.UFID == "" {
			return fault(0, "nothing follows the ufid")
		}
		keysAt = len("ufid:") + len(ufid) + len(" ")
	}
	stats := strings.Index(line[keysAt:], ", packets:")
	if stats < 0 {
		return fault(keysAt, `no ", packets:"`)
	}
	stats += keysAt
	acts := strings.Index(line[stats:], ", actions:")
	if acts < 0 {
		return fault(stats, `no ", actions:"`)
	}
	acts += stats
	var err error
	if f.Keys, err = ParseFlow(line[keysAt:stats]); err != nil {
		return DPFlow{}, shifted(err, in, keysAt)
	}
	if !f.stats(line[stats+2 : acts]) {
		return fault(stats+2, "not a flow's statistics")
	}
	actions := line[acts+len(", actions:"):]
	if i := strings.Index(actions, ", dp-extra-info:"); i >= 0 {
		f.Extra = actions[i+len(", dp-extra-info:"):]
		actions = actions[:i]
	}
	if f.Actions, err = Parse(actions); err != nil {
		return DPFlow{}, shifted(err, in, acts+len(", actions:"))
	}
	return f, nil
}

// stats reads "packets:N, bytes:N, used:T[, flags:F][, offloaded:yes][, dp:ovs]".
func (f *DPFlow) stats(s string) bool {
	for _, item := range strings.Split(s, ", ") {
		name, value, _ := strings.Cut(item, ":")
		var err error
		switch name {
		case "packets":
			f.Packets, err = strconv.ParseUint(value, 10, 64)
		case "bytes":
			f.Bytes, err = strconv.ParseUint(value, 10, 64)
		case "used":
			f.Never = value == "never"
			if !f.Never {
				f.Used, err = time.ParseDuration(value)
			}
		default:
			f.Rest = append(f.Rest, item)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// shifted makes an error about a part one about the whole line.
func shifted(err error, in string, by int) error {
	if e, ok := err.(*SyntaxError); ok {
		return &SyntaxError{In: in, Off: e.Off + by, Msg: e.Msg}
	}
	return err
}

// String prints the flow as one line of dpctl/dump-flows.
func (f DPFlow) String() string {
	var b []byte
	if f.UFID != "" {
		b = append(append(b, "ufid:"...), f.UFID...)
		if !f.NoComma {
			b = append(b, ',')
		}
		b = append(b, ' ')
	}
	b = append(f.Keys.append(b), ", packets:"...)
	b = append(appendUint(b, f.Packets), ", bytes:"...)
	b = append(appendUint(b, f.Bytes), ", used:"...)
	if f.Never {
		b = append(b, "never"...)
	} else {
		b = append(strconv.AppendFloat(b, f.Used.Seconds(), 'f', 3, 64), 's')
	}
	for _, r := range f.Rest {
		b = append(append(b, ", "...), r...)
	}
	b = f.Actions.append(append(b, ", actions:"...))
	if f.Extra != "" {
		b = append(append(b, ", dp-extra-info:"...), f.Extra...)
	}
	return string(b)
}
