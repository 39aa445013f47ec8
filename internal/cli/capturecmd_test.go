package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// A capture that an error ends shows the packets before it.
func TestCaptureBroken(t *testing.T) {
	var stdout bytes.Buffer
	c := &capture{app: &app{out: &stdout}, count: 3, rec: &watch.Recording{Point: &watch.Point{Chassis: "hv1", Port: "sw0-p1"}},
		out: &report.CaptureReport{}, pcap: &pcapFile{}, broken: errors.New("network is down")}
	c.output = "json"
	frame := watch.Frame{CapturedFrame: node.CapturedFrame{Direction: node.CaptureOut, Data: make([]byte, 60), Wire: 60}, Untagged: make([]byte, 60), WireUntagged: 60}
	if err := c.handle(t.Context(), frame); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(); !errors.Is(err, c.broken) {
		t.Error(err)
	}
	var got report.CaptureReport
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || len(got.Frames) != 1 || len(got.Warnings) != 1 || got.Warnings[0] != "1 of 3 packets came" {
		t.Errorf("%+v, %v", got, err)
	}
}
