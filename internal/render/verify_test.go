package render

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// echo is a header of an echo request.
func echo(ttl int) report.Header {
	typ, code := 8, 0
	return report.Header{EthSrc: "02:00:00:00:00:01", EthDst: "02:00:00:00:00:02", EthType: "0x0800", IPSrc: "10.0.0.3", IPDst: "10.0.0.4", IPProto: "icmp",
		IPTTL: &ttl, ICMPType: &typ, ICMPCode: &code}
}

func delivered() *report.Packet {
	end := report.End{Kind: report.EndPort, Chassis: "hv2", Port: "sw0-p2"}
	return &report.Packet{Label: "echo request", Direction: report.DirectionOriginal, From: report.Place{Chassis: "hv1", Port: "sw0-p1"}, Header: echo(64),
		Verdict: engine.Delivered, Branches: []*report.Branch{{Verdict: engine.Delivered, End: end, Header: echo(64)}}}
}

// schemaOf prints a document as JSON and checks it against the schema.
func schemaOf(t *testing.T, write func(*strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if err := reporttest.Check([]byte(b.String())); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return b.String()
}

func TestVerify(t *testing.T) {
	yes, no := true, false
	entry := report.Entry{Original: report.Tuple{Proto: "tcp", Src: "10.0.0.3", Dst: "10.0.0.4"}, Reply: report.Tuple{Proto: "tcp", Src: "10.0.0.4", Dst: "10.0.0.3"},
		Status: "CONFIRMED", Mark: "0x0", Label: "0x0"}
	at := report.Place{Chassis: "hv2", Port: "sw0-p2"}
	for _, c := range []struct {
		r    report.VerifyReport
		opts Options
		want string
	}{
		{report.VerifyReport{Agrees: &yes, Microflow: "ip4", Watched: []report.Place{at},
			Seen: []report.Seen{{At: at, Time: "2026-01-02T15:04:05.5Z", Header: echo(64), Predicted: true}}, Entries: []report.SeenEntry{{Chassis: "hv1", Zone: 7, Predicted: entry, Found: &entry}}}, Options{},
			`agrees: the packet ended as predicted

predicted: icmp 10.0.0.3 > 10.0.0.4 echo request ttl 64 from sw0-p1 on hv1:
  delivered at sw0-p2 on hv2
seen:
  15:04:05.500000 at sw0-p2 on hv2: icmp 10.0.0.3 > 10.0.0.4 echo request ttl 64
  ct zone 7 on hv1: tcp 10.0.0.3 > 10.0.0.4, reply tcp 10.0.0.4 > 10.0.0.3
`},
		{report.VerifyReport{Agrees: &no, Microflow: "ip4", Watched: []report.Place{at}, Why: []string{"predicted at sw0-p2 on hv2, and not seen there"},
			Entries: []report.SeenEntry{{Chassis: "hv1", Zone: 7, Predicted: entry}}, Warnings: []string{"old tables"}}, Options{},
			`differs: the packet did not end as predicted
  predicted at sw0-p2 on hv2, and not seen there

predicted: icmp 10.0.0.3 > 10.0.0.4 echo request ttl 64 from sw0-p1 on hv1:
  delivered at sw0-p2 on hv2
seen:
  nothing, at sw0-p2 on hv2
  ct zone 7 on hv1: tcp 10.0.0.3 > 10.0.0.4: not in the table

warning: old tables
`},
		{report.VerifyReport{Why: []string{"not sent: the prediction is unknown"}}, Options{},
			`not determined
  not sent: the prediction is unknown

predicted: icmp 10.0.0.3 > 10.0.0.4 echo request ttl 64 from sw0-p1 on hv1:
  delivered at sw0-p2 on hv2
`},
		{report.VerifyReport{Agrees: &no}, Options{Quiet: true}, "differs: the packet did not end as predicted\n"},
	} {
		c.r.Schema, c.r.Prediction = report.Schema, delivered()
		var b strings.Builder
		if err := Verify(&b, &c.r, c.opts); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
		}
		schemaOf(t, func(b *strings.Builder) error { return VerifyJSON(b, &c.r) })
	}
}

func TestCapture(t *testing.T) {
	h := echo(64)
	r := &report.CaptureReport{At: report.Place{Chassis: "hv1", Port: "sw0-p1"}, Device: "tap0", Warnings: []string{"1 of 2 packets came"}, Frames: []report.Frame{
		{Number: 1, Time: "2026-01-02T15:04:05Z", Direction: report.FrameIn, Length: 98, Data: "0a0b", Header: &h,
			Trace: &report.Report{Schema: report.Schema, Verdict: engine.Delivered, Packets: []*report.Packet{delivered()}, Expectation: &report.Expectation{Text: "delivered", Met: true}}},
		{Number: 2, Time: "2026-01-02T15:04:06Z", Direction: report.FrameOut, Length: 10, Data: "0c", Error: "the frame ends inside the Ethernet header"},
	}}
	schemaOf(t, func(b *strings.Builder) error { return CaptureJSON(b, r) })
	var b strings.Builder
	for _, f := range r.Frames {
		if err := Frame(&b, r, f, Options{Verbose: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := CaptureWarnings(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	const want = `15:04:05.000000 in sw0-p1 on hv1 (tap0): icmp 10.0.0.3 > 10.0.0.4 echo request ttl 64, 98 bytes
  --packet 0a0b

15:04:06.000000 out sw0-p1 on hv1 (tap0): a frame whose headers cannot be read, 10 bytes
  --packet 0c
  not traced: the frame ends inside the Ethernet header
warning: 1 of 2 packets came
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if got := Headline(r.Frames[0].Trace); got != "delivered at sw0-p2 on hv2" {
		t.Error(got)
	}
}
