package ctdpif

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// lineItems are the items of a line in the order of ct_dpif_format_entry; orig is the first.
var lineItems = [...]item[Line]{
	{"orig", always[Line], func(p *parser, l *Line) {
		p.enclosed(func() { l.Orig, l.CountOrig = p.tuple(l.Proto) })
	}, func(b []byte, l *Line) []byte {
		return append(l.CountOrig.append(l.Orig.append(append(b, '('))), ')')
	}},
	{"reply", func(l *Line) bool { return l.HasReply }, func(p *parser, l *Line) {
		l.HasReply = true
		p.enclosed(func() { l.Reply, l.CountRpl = p.tuple(l.Proto) })
	}, func(b []byte, l *Line) []byte {
		return append(l.CountRpl.append(l.Reply.append(append(b, '('))), ')')
	}},
	{"start", func(l *Line) bool { return l.Start != "" }, func(p *parser, l *Line) { l.Start = string(p.word()) },
		func(b []byte, l *Line) []byte { return append(b, l.Start...) }},
	{"stop", func(l *Line) bool { return l.Stop != "" }, func(p *parser, l *Line) { l.Stop = string(p.word()) },
		func(b []byte, l *Line) []byte { return append(b, l.Stop...) }},
	{"id", func(l *Line) bool { return l.HasID }, func(p *parser, l *Line) { l.HasID, l.ID = true, p.u32() },
		func(b []byte, l *Line) []byte { return appendUint(b, l.ID) }},
	{"zone", func(l *Line) bool { return l.Zone != 0 }, func(p *parser, l *Line) { l.Zone = uint16(p.notZero(1<<16 - 1)) },
		func(b []byte, l *Line) []byte { return appendUint(b, l.Zone) }},
	{"status", func(l *Line) bool { return l.HasStatus }, func(p *parser, l *Line) {
		l.HasStatus, l.Status = true, ctstate.Status(p.flags(statusFlags[:]))
	}, func(b []byte, l *Line) []byte { return appendFlags(b, statusFlags[:], uint32(l.Status)) }},
	{"timeout", func(l *Line) bool { return l.HasTimeout }, func(p *parser, l *Line) { l.HasTimeout, l.Timeout = true, p.u32() },
		func(b []byte, l *Line) []byte { return appendUint(b, l.Timeout) }},
	{"mark", func(l *Line) bool { return l.Mark != 0 }, func(p *parser, l *Line) { l.Mark = uint32(p.notZero(1<<32 - 1)) },
		func(b []byte, l *Line) []byte { return appendUint(b, l.Mark) }},
	{"labels", func(l *Line) bool { return l.Label != ctstate.Label{} }, func(p *parser, l *Line) {
		p.need("0x")
		l.Label = p.label()
	}, func(b []byte, l *Line) []byte {
		if l.Label.Hi != 0 {
			return fmt.Appendf(b, "0x%x%016x", l.Label.Hi, l.Label.Lo)
		}
		return fmt.Appendf(b, "0x%x", l.Label.Lo)
	}},
	{"protoinfo", func(l *Line) bool { return l.TCP != nil || l.SCTP != nil }, readProtoInfo, func(b []byte, l *Line) []byte {
		if l.TCP != nil {
			return appendEnclosed(b, l.TCP, tcpItems[:], l.TCP.Layout)
		}
		return appendEnclosed(b, l.SCTP, sctpItems[:], l.SCTP.Layout)
	}},
	{"helper", func(l *Line) bool { return l.Helper != "" }, func(p *parser, l *Line) { l.Helper = string(p.word()) },
		func(b []byte, l *Line) []byte { return append(b, l.Helper...) }},
	// The parent's protocol is not printed; the helpers (FTP, TFTP) expect only connections of the
	// parent's protocol.
	{"parent", func(l *Line) bool { return l.Parent != nil }, func(p *parser, l *Line) {
		p.enclosed(func() {
			t, c := p.tuple(l.Proto)
			if c != (Counters{}) {
				p.fail(p.off, "counters of a parent")
			}
			l.Parent = &t
		})
	}, func(b []byte, l *Line) []byte { return append(l.Parent.append(append(b, '(')), ')') }},
}

// readProtoInfo reads the protocol information. The model needs all of it, so an incomplete one is
// an error.
func readProtoInfo(p *parser, l *Line) {
	p.enclosed(func() {
		switch l.Proto {
		case ctstate.ProtoTCP:
			if l.TCP = p.tcp; l.TCP == nil {
				l.TCP = &TCP{}
			}
			*l.TCP = TCP{}
			seen := readItems(p, l.TCP, tcpItems[:], &l.TCP.Layout, true)
			l.TCP.Verbose = seen&^tcpPlain != 0
			if seen != tcpPlain && seen&tcpVerbose != tcpVerbose || seen&tcpPlain != 0 && l.TCP.Verbose || seen&tcpScale != 0 && seen&tcpScale != tcpScale {
				p.fail(p.off, "the TCP state is incomplete")
			}
		case ctstate.ProtoSCTP:
			l.SCTP = &SCTP{}
			if readItems(p, l.SCTP, sctpItems[:], &l.SCTP.Layout, true) != 1<<len(sctpItems)-1 {
				p.fail(p.off, "the SCTP state is incomplete")
			}
		default:
			p.fail(p.off, "unknown protocol information")
		}
	})
}

// The bits of tcpItems: items printed without -m, items printed with -m, and optional items.
const (
	tcpPlain   = 1 << 0
	tcpVerbose = 1<<1 | 1<<2 | 1<<5 | 1<<6
	tcpScale   = 1<<3 | 1<<4
)

// tcpItems are ct_dpif_format_protoinfo_tcp and ct_dpif_format_protoinfo_tcp_verbose.
var tcpItems = [...]item[TCP]{
	{"state", func(t *TCP) bool { return !t.Verbose }, func(p *parser, t *TCP) { t.State = p.tcpState() },
		func(b []byte, t *TCP) []byte { return append(b, t.State.String()...) }},
	{"state_orig", verbose, func(p *parser, t *TCP) { t.Orig = p.tcpState() },
		func(b []byte, t *TCP) []byte { return append(b, t.Orig.String()...) }},
	{"state_reply", verbose, func(p *parser, t *TCP) { t.Reply = p.tcpState() },
		func(b []byte, t *TCP) []byte { return append(b, t.Reply.String()...) }},
	{"wscale_orig", scaled, func(p *parser, t *TCP) { t.HasWScale, t.WScaleOrig = true, p.u8() },
		func(b []byte, t *TCP) []byte { return appendUint(b, t.WScaleOrig) }},
	{"wscale_reply", scaled, func(p *parser, t *TCP) { t.HasWScale, t.WScaleR = true, p.u8() },
		func(b []byte, t *TCP) []byte { return appendUint(b, t.WScaleR) }},
	{"flags_orig", verbose, func(p *parser, t *TCP) { t.FlagsOrig = p.flags(tcpFlags[:]) },
		func(b []byte, t *TCP) []byte { return appendFlags(b, tcpFlags[:], t.FlagsOrig) }},
	{"flags_reply", verbose, func(p *parser, t *TCP) { t.FlagsRpl = p.flags(tcpFlags[:]) },
		func(b []byte, t *TCP) []byte { return appendFlags(b, tcpFlags[:], t.FlagsRpl) }},
}

// sctpItems are ct_dpif_format_protoinfo_sctp.
var sctpItems = [...]item[SCTP]{
	{"state", always[SCTP], func(p *parser, s *SCTP) { s.State = p.enum(sctpStates[:]) },
		func(b []byte, s *SCTP) []byte { return append(b, enumString(sctpStates[:], s.State)...) }},
	{"vtag_orig", always[SCTP], func(p *parser, s *SCTP) { s.VTagOrig = p.u32() },
		func(b []byte, s *SCTP) []byte { return appendUint(b, s.VTagOrig) }},
	{"vtag_reply", always[SCTP], func(p *parser, s *SCTP) { s.VTagRepl = p.u32() },
		func(b []byte, s *SCTP) []byte { return appendUint(b, s.VTagRepl) }},
}

func always[T any](*T) bool { return true }

func verbose(t *TCP) bool { return t.Verbose }

func scaled(t *TCP) bool { return t.Verbose && t.HasWScale }

func appendUint[T uint8 | uint16 | uint32](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}
