package ctnetlink

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Record is an entry with the attributes of ctnetlink that ctstate.Entry has no field for.
type Record struct {
	ctstate.Entry
	// Tag is the ISN and ITS of CTA_SYNPROXY, which every entry created over ctnetlink has and only a
	// SYNPROXY rule writes: see Spec.Tag.
	Tag    uint64
	HasTag bool
	// Start is the time at which the entry was created, in nanoseconds since 1970; 0 unless
	// nf_conntrack_timestamp is on.
	Start uint64
}

// decodeRecord reads the attributes of a conntrack message. It skips unknown attributes, because
// newer kernels add some.
func decodeRecord(b []byte, r *Record) error {
	*r = Record{}
	r.Source = ctstate.FromKernel
	d := walk(b)
	var err error
	for d.next() {
		switch d.typ {
		case ctaTupleOrig:
			r.Orig, err = decodeTuple(d.val)
			d.join(err)
		case ctaTupleReply:
			r.Reply, err = decodeTuple(d.val)
			d.join(err)
		case ctaTupleMaster:
			var m ctstate.Tuple
			m, err = decodeTuple(d.val)
			d.join(err)
			r.Master = &m
		case ctaStatus:
			r.Status = ctstate.Status(d.be32())
		case ctaTimeout:
			r.Timeout, r.HasTimeout = d.be32(), true
		case ctaMark:
			r.Mark = d.be32()
		case ctaID:
			r.ID = d.be32()
		case ctaZone:
			r.Zone = d.be16()
		case ctaLabels:
			var b [16]byte
			copy(b[:], d.val)
			r.Label = ctstate.LabelFromBytes(b)
		case ctaProtoInfo:
			d.join(decodeProtoInfo(d.val, &r.Entry))
		case ctaHelp:
			in := walk(d.val)
			for in.next() {
				if in.typ == ctaHelpName {
					r.Helper = in.str()
				}
			}
			d.join(in.err)
		case ctaTimestamp:
			in := walk(d.val)
			for in.next() {
				if in.typ == ctaTimestampStart {
					r.Start = in.be64()
					r.Created = int64(r.Start / 1e9)
				}
			}
			d.join(in.err)
		case ctaCountOrig:
			d.join(decodeCounter(d.val, &counters(&r.Entry).Orig))
		case ctaCountReply:
			d.join(decodeCounter(d.val, &counters(&r.Entry).Reply))
		case ctaSynproxy:
			d.join(decodeTag(d.val, r))
		}
	}
	return d.err
}

// counters returns the entry's counters, made if it has none yet.
func counters(e *ctstate.Entry) *ctstate.Counters {
	if e.Counters == nil {
		e.Counters = new(ctstate.Counters)
	}
	return e.Counters
}

func decodeCounter(b []byte, c *ctstate.Traffic) error {
	in := walk(b)
	for in.next() {
		switch in.typ {
		case ctaCountersPackets:
			c.Packets = in.be64()
		case ctaCountersBytes:
			c.Bytes = in.be64()
		}
	}
	return in.err
}

func decodeTag(b []byte, r *Record) error {
	in := walk(b)
	for in.next() {
		switch in.typ {
		case ctaSynproxyISN:
			r.Tag |= uint64(in.be32()) << 32
			r.HasTag = true
		case ctaSynproxyITS:
			r.Tag |= uint64(in.be32())
		}
	}
	return in.err
}

func decodeProtoInfo(b []byte, e *ctstate.Entry) error {
	d := walk(b)
	for d.next() {
		in := walk(d.val)
		switch d.typ {
		case ctaProtoInfoTCP:
			t := new(ctstate.TCPInfo)
			for in.next() {
				switch in.typ {
				case ctaTCPState:
					t.State = ctstate.TCPState(in.u8())
				case ctaTCPWScaleOrig:
					t.WScaleOrig = in.u8()
				case ctaTCPWScaleRepl:
					t.WScaleRepl = in.u8()
				case ctaTCPFlagsOrig:
					t.FlagsOrig = in.u8()
				case ctaTCPFlagsReply:
					t.FlagsReply = in.u8()
				}
			}
			e.TCP = t
		case ctaProtoInfoSCTP:
			s := new(ctstate.SCTPInfo)
			for in.next() {
				switch in.typ {
				case ctaSCTPState:
					s.State = ctstate.SCTPState(in.u8())
				case ctaSCTPVTagOrig:
					s.VTagOrig = in.be32()
				case ctaSCTPVTagRepl:
					s.VTagRepl = in.be32()
				}
			}
			e.SCTP = s
		}
		d.join(in.err)
	}
	return d.err
}
