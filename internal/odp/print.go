package odp

import "strconv"

// String prints the actions as format_odp_actions does; the empty list is "drop".
func (as Actions) String() string { return string(as.append(make([]byte, 0, 128))) }

func (as Actions) append(b []byte) []byte {
	if len(as) == 0 {
		return append(b, "drop"...)
	}
	for i, a := range as {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.append(b)
	}
	return b
}

// body appends nested actions; nil prints as a message without the attribute does.
func (as Actions) body(b []byte) []byte {
	if as == nil {
		return b
	}
	return as.append(b)
}

func appendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// appendHex prints as printf's %#x does: zero has no 0x.
func appendHex(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return strconv.AppendUint(append(b, "0x"...), v, 16)
}

// append0x always appends the 0x.
func append0x(b []byte, v uint64) []byte { return strconv.AppendUint(append(b, "0x"...), v, 16) }

func call(b []byte, name string, v uint64) []byte {
	return append(appendUint(append(append(b, name...), '('), v), ')')
}

func (a Output) append(b []byte) []byte   { return append(b, a.Port...) }
func (a Drop) append(b []byte) []byte     { return append(b, "drop"...) }
func (a LbOutput) append(b []byte) []byte { return call(b, "lb_output", uint64(a.Bond)) }
func (a Trunc) append(b []byte) []byte    { return call(b, "trunc", uint64(a.MaxLen)) }
func (a Meter) append(b []byte) []byte    { return call(b, "meter", uint64(a.ID)) }
func (a PopEth) append(b []byte) []byte   { return append(b, "pop_eth"...) }
func (a PopVLAN) append(b []byte) []byte  { return append(b, "pop_vlan"...) }
func (a CTClear) append(b []byte) []byte  { return append(b, "ct_clear"...) }
func (a PopNSH) append(b []byte) []byte   { return append(b, "pop_nsh()"...) }
func (a Opaque) append(b []byte) []byte   { return append(b, a.Text...) }

func (a TnlPop) append(b []byte) []byte {
	return append(append(append(b, "tnl_pop("...), a.Port...), ')')
}

func (a TnlPush) append(b []byte) []byte {
	b = append(append(b, "tnl_push(tnl_port("...), a.TnlPort...)
	b = append(append(b, "),"...), a.Text...)
	b = append(append(b, ",out_port("...), a.OutPort...)
	return append(b, "))"...)
}

func (a Userspace) append(b []byte) []byte {
	b = appendUint(append(b, "userspace(pid="...), a.PID)
	if a.Text != "" {
		b = append(append(b, ','), a.Text...)
	}
	if a.WithActions {
		b = append(b, ",actions"...)
	}
	if a.TunnelOutPort != "" {
		b = append(append(b, ",tunnel_out_port="...), a.TunnelOutPort...)
	}
	return append(b, ')')
}

func (a Recirc) append(b []byte) []byte {
	return append(appendHex(append(b, "recirc("...), uint64(a.ID)), ')')
}

func (a Hash) append(b []byte) []byte {
	return append(call(append(b, "hash("...), a.Alg, uint64(a.Basis)), ')')
}

func (a Set) append(b []byte) []byte {
	return append(a.Key.append(append(b, "set("...)), ')')
}

func (a PushEth) append(b []byte) []byte {
	b = append(append(b, "push_eth(src="...), a.Src...)
	b = append(append(b, ",dst="...), a.Dst...)
	return append(b, ')')
}

func (a PushVLAN) append(b []byte) []byte {
	b = append(b, "push_vlan("...)
	start := len(b)
	if a.HasTPID {
		b = append(b, "tpid=0x"...)
		for shift := 12; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[a.TPID>>shift&15])
		}
		b = append(b, ',')
	}
	if a.HasVID || a.VID != 0 {
		b = append(appendUint(append(b, "vid="...), uint64(a.VID)), ',')
	}
	if a.HasPCP || a.PCP != 0 {
		b = append(appendUint(append(b, "pcp="...), uint64(a.PCP)), ',')
	}
	if !a.CFI {
		b = append(b, "cfi=0,"...)
	}
	if len(b) == start {
		return append(b, ')')
	}
	b[len(b)-1] = ')'
	return b
}

func (a PushMPLS) append(b []byte) []byte {
	name := "push_mpls(label="
	if a.Add {
		name = "add_mpls(label="
	}
	b = appendUint(append(b, name...), uint64(a.Label))
	b = appendUint(append(b, ",tc="...), uint64(a.TC))
	b = appendUint(append(b, ",ttl="...), uint64(a.TTL))
	bos := uint64(0)
	if a.BOS {
		bos = 1
	}
	b = appendUint(append(b, ",bos="...), bos)
	return append(append0x(append(b, ",eth_type="...), uint64(a.EthType)), ')')
}

func (a PopMPLS) append(b []byte) []byte {
	return append(append0x(append(b, "pop_mpls(eth_type="...), uint64(a.EthType)), ')')
}

func (a Sample) append(b []byte) []byte {
	b = append(append(b, "sample(sample="...), a.Percent...)
	return append(a.Actions.body(append(b, "%,actions("...)), "))"...)
}

func (a Clone) append(b []byte) []byte {
	return append(a.Actions.body(append(b, "clone("...)), ')')
}

func (a PushNSH) append(b []byte) []byte {
	return append(append(append(b, "push_nsh("...), a.Text...), ')')
}

func (a CheckPktLen) append(b []byte) []byte {
	b = appendUint(append(b, "check_pkt_len(size="...), uint64(a.Size))
	b = a.GT.body(append(b, ",gt("...))
	return append(a.LE.body(append(b, "),le("...)), "))"...)
}

func (a DecTTL) append(b []byte) []byte {
	return append(a.LE1.body(append(b, "dec_ttl(le_1("...)), "))"...)
}

func (a PSample) append(b []byte) []byte {
	b = appendUint(append(b, "psample(group="...), uint64(a.Group))
	switch a.Cookie {
	case "":
	case "0":
		b = append(b, ",cookie=0"...) // ds_put_hex
	default:
		b = append(append(b, ",cookie=0x"...), a.Cookie...)
	}
	return append(b, ')')
}
