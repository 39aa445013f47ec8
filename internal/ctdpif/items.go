package ctdpif

import "github.com/ovn-ct-trace/ovn-ct-trace/ctstate"

// item describes one kind of item: its key, and how to read its value.
type item[T any] struct {
	key  string
	read func(p *parser, v *T)
}

// lineItems are the items of a line in the order of ct_dpif_format_entry; orig is the first.
var lineItems = [...]item[Line]{
	{"orig", func(p *parser, l *Line) {
		p.enclosed(func() { l.Orig, l.CountOrig = p.tuple(l.Proto) })
	}},
	{"reply", func(p *parser, l *Line) {
		l.HasReply = true
		p.enclosed(func() { l.Reply, l.CountRpl = p.tuple(l.Proto) })
	}},
	{"start", func(p *parser, l *Line) { l.Start = string(p.word()) }},
	{"stop", func(p *parser, l *Line) { l.Stop = string(p.word()) }},
	{"id", func(p *parser, l *Line) { l.HasID, l.ID = true, p.u32() }},
	{"zone", func(p *parser, l *Line) { l.Zone = uint16(p.notZero(1<<16 - 1)) }},
	{"status", func(p *parser, l *Line) {
		l.HasStatus, l.Status = true, ctstate.Status(p.flags(statusFlags[:]))
	}},
	{"timeout", func(p *parser, l *Line) { l.HasTimeout, l.Timeout = true, p.u32() }},
	{"mark", func(p *parser, l *Line) { l.Mark = uint32(p.notZero(1<<32 - 1)) }},
	{"labels", func(p *parser, l *Line) {
		p.need("0x")
		l.Label = p.label()
	}},
	{"protoinfo", readProtoInfo},
	{"helper", func(p *parser, l *Line) { l.Helper = string(p.word()) }},
	// The parent's protocol is not printed; the helpers (FTP, TFTP) expect only connections of the
	// parent's protocol.
	{"parent", func(p *parser, l *Line) {
		p.enclosed(func() {
			t, c := p.tuple(l.Proto)
			if c != (Counters{}) {
				p.fail(p.off, "counters of a parent")
			}
			l.Parent = &t
		})
	}},
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
	{"state", func(p *parser, t *TCP) { t.State = p.tcpState() }},
	{"state_orig", func(p *parser, t *TCP) { t.Orig = p.tcpState() }},
	{"state_reply", func(p *parser, t *TCP) { t.Reply = p.tcpState() }},
	{"wscale_orig", func(p *parser, t *TCP) { t.HasWScale, t.WScaleOrig = true, p.u8() }},
	{"wscale_reply", func(p *parser, t *TCP) { t.HasWScale, t.WScaleR = true, p.u8() }},
	{"flags_orig", func(p *parser, t *TCP) { t.FlagsOrig = p.flags(tcpFlags[:]) }},
	{"flags_reply", func(p *parser, t *TCP) { t.FlagsRpl = p.flags(tcpFlags[:]) }},
}

// sctpItems are ct_dpif_format_protoinfo_sctp.
var sctpItems = [...]item[SCTP]{
	{"state", func(p *parser, s *SCTP) { s.State = p.enum(sctpStates[:]) }},
	{"vtag_orig", func(p *parser, s *SCTP) { s.VTagOrig = p.u32() }},
	{"vtag_reply", func(p *parser, s *SCTP) { s.VTagRepl = p.u32() }},
}
