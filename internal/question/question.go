// Package question answers a question about a deployment: it checks the question, finds the ports,
// fills in the packet, traces it or plays its session, and compares the result with the
// expectation.
package question

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Question is a packet, where it enters, and how it should end. The public package ovncttrace has
// the same fields and documents them; it converts its type into this one.
type Question struct {
	From, To, Network, Chassis string
	Microflow, Datapath        string
	Flow, Frame, Capture       string
	Proto                      string
	Length                     int
	ICMPInner                  string
	Backend                    string
	Close                      string
	Expect                     string
	AsNew, AsLive              bool
}

// Judged is a question that has passed the checks that need no database.
type Judged struct {
	q     Question
	given microflow.Microflow // as far as it was read without a database
	ready bool                // given is the whole packet
	in    string              // the port that the packet itself names; may be empty
	dest  microflow.Target
	inner *packet.Inner // of ICMPInner
	// captured is the connection of a session's capture, and notes are remarks about it.
	captured []capture.Exchanged
	notes    []string
	session  bool      // the packet begins one
	inject   *Injected // of ForInjection
}

// Judge reads and checks what needs no database, so that a mistake is reported before anything is
// connected. It returns a *usage.Error where the question is wrong whatever the databases contain.
// With session the packet is the first of a session, which is played; without it is traced.
func (q Question) Judge(session bool) (*Judged, error) {
	j := &Judged{q: q, session: session}
	for _, step := range []func() error{j.check, j.read, j.early} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// JudgeFrame is Judge for a packet that was captured at Question.From: a frame of wire bytes, of
// which the capture may have cut off the end.
func (q Question) JudgeFrame(frame []byte, wire int) (*Judged, error) {
	j := &Judged{q: q, ready: true}
	if err := j.check(); err != nil {
		return nil, err
	}
	f, err := capture.Ethernet(frame, wire)
	if err != nil {
		return nil, &usage.Error{Msg: err.Error(), Err: err}
	}
	f.Tunnel = nil // a guest's own tunnel: the frame entered as it is
	j.given = microflow.FromFrame(f)
	return j, j.early()
}

// check refuses invalid values.
func (j *Judged) check() error {
	if j.q.AsNew && j.q.AsLive {
		return usage.Errorf("ask twice", "--as-new and --as-live exclude each other")
	}
	if err := CheckExpect(j.q.Expect); err != nil {
		return err
	}
	switch j.q.Close {
	case "", "none", "fin", "rst":
	default:
		return usage.Errorf("--close fin, rst or none", "no way to close is called %q", j.q.Close)
	}
	if j.q.Length < 0 || j.q.Length > 65535 {
		return usage.Errorf("--len 1500", "no packet has %d bytes", j.q.Length)
	}
	if _, ok := protoOf(j.q.Proto); !ok {
		return usage.Errorf("--proto tcp, udp, icmp or sctp", "no protocol %q", j.q.Proto)
	}
	if err := j.checkInner(); err != nil {
		return err
	}
	return j.checkBackend()
}

// checkInner reads Question.ICMPInner.
func (j *Judged) checkInner() error {
	if j.q.ICMPInner == "" {
		return nil
	}
	t, err := ctstate.ParseTuple(j.q.ICMPInner)
	if err != nil {
		bad := &usage.Error{Msg: "--icmp-inner: " + err.Error(), Hint: "--icmp-inner 'tcp 10.0.0.1:1000>10.0.0.2:80'", Err: err}
		var at *ctstate.SyntaxError
		if errors.As(err, &at) {
			bad.Msg, bad.Mark = "--icmp-inner: "+at.Msg, usage.Mark(at.In, at.Off)
		}
		return bad
	}
	j.inner = &packet.Inner{
		Proto: t.Proto, Src: t.Src.Addr(), Dst: t.Dst.Addr(), SrcPort: t.Src.Port(), DstPort: t.Dst.Port(),
		ICMPType: t.ICMPType, ICMPCode: t.ICMPCode, ICMPID: t.ICMPID,
	}
	return nil
}

// checkBackend reads Question.Backend, and writes it as results do.
func (j *Judged) checkBackend() error {
	if j.q.Backend == "" {
		return nil
	}
	if a, err := netip.ParseAddr(strings.Trim(j.q.Backend, "[]")); err == nil {
		j.q.Backend = a.String()
		return nil
	}
	ap, err := netip.ParseAddrPort(j.q.Backend)
	if err != nil {
		return usage.Errorf("--lb-backend 10.0.0.5:8080, [fd00::5]:8080, or the address alone where the load balancer has no ports",
			"no backend is called %q", j.q.Backend)
	}
	j.q.Backend = ap.String()
	return nil
}

// protoOf reads Question.Proto; none is 0.
func protoOf(name string) (uint8, bool) {
	switch name {
	case "":
		return 0, true
	case "tcp":
		return packet.ProtoTCP, true
	case "udp":
		return packet.ProtoUDP, true
	case "icmp":
		return packet.ProtoICMP, true
	case "sctp":
		return packet.ProtoSCTP, true
	}
	return 0, false
}

// read reads the destination, and the packet where it is given as a flow or a frame.
func (j *Judged) read() error {
	q := j.q
	ways := 0
	for _, s := range []string{q.Microflow, q.Flow, q.Frame, q.Capture} {
		if s != "" {
			ways++
		}
	}
	switch {
	case ways > 1:
		return usage.Errorf("give the packet once", "MICROFLOW, --of-flow, --packet and --pcap exclude each other")
	case ways == 0 && (q.From == "" || q.To == ""):
		return usage.Errorf("ovn-ct-trace trace --from PORT --to IP:PORT", "no packet is given: neither MICROFLOW nor --from and --to")
	}
	var err error
	if q.To != "" {
		if j.dest, err = microflow.ParseTarget(q.To); err != nil {
			return microflowUsage("--to", err)
		}
	}
	what := ""
	switch {
	case q.Flow != "":
		what = "--of-flow"
		j.given, err = microflow.FromOpenFlow(q.Flow)
	case q.Frame != "":
		what = "--packet"
		j.given, err = microflow.FromHex(q.Frame)
	case q.Capture != "":
		what = "--pcap"
		err = j.readCapture()
	}
	j.ready = what != ""
	return microflowUsage(what, err)
}

// microflowUsage marks the place of a syntax error in the input; nil stays nil.
func microflowUsage(what string, err error) error {
	if err == nil {
		return nil
	}
	ue := &usage.Error{Msg: what + ": " + err.Error(), Err: err}
	var se *microflow.SyntaxError
	if errors.As(err, &se) {
		ue.Mark, ue.Hint = se.Mark(), se.Hint
		if ue.Hint == "" && what == "microflow" && !strings.ContainsAny(se.In, "=<>") { // names alone
			ue.Hint = `--from PORT --to IP:PORT, or an expression: 'inport == "PORT" && ip4.dst == IP && tcp.dst == 80'`
		}
	}
	if strings.TrimSpace(ue.Mark) == "^" {
		ue.Mark = ""
	}
	return ue
}
