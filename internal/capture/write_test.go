package capture

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A file that is written has, for an independent reader, what was given.
func TestWriter(t *testing.T) {
	at := Place{Application: "tool 1.2", Device: "eth0", Description: "port p on hv1", Filter: "tcp port 80"}
	first := Kept{Time: time.Unix(1700000000, 123456789), Data: []byte("0123456789abc"), Wire: 1500, Comment: "one, in"}
	frames := []Kept{first, {Time: time.Unix(1<<33, 5), Data: []byte("0123456789abcdef"), Wire: 16, Inbound: true}}
	var file bytes.Buffer
	w, err := NewWriter(&file, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(file.Bytes()), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range frames {
		data, ci, opt, err := r.ReadPacketDataWithOptions()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want.Data) || !ci.Timestamp.Equal(want.Time) || ci.Length != want.Wire || ci.CaptureLength != len(want.Data) {
			t.Errorf("%q, %+v; want %+v", data, ci, want)
		}
		direction := pcapgo.NgEpbFlagDirectionOutbound
		if want.Inbound {
			direction = pcapgo.NgEpbFlagDirectionInbound
		}
		if opt.Flags == nil || opt.Flags.Direction != direction {
			t.Errorf("flags %+v; want direction %v", opt.Flags, direction)
		}
		if comment := append(opt.Comments, "")[0]; comment != want.Comment {
			t.Errorf("comment %q; want %q", comment, want.Comment)
		}
	}
	if _, _, _, err := r.ReadPacketDataWithOptions(); err == nil {
		t.Error("a third frame")
	}
	i, err := r.Interface(0)
	if err != nil || i.LinkType != layers.LinkTypeEthernet || i.Name != at.Device || i.Description != at.Description || i.Filter != at.Filter || i.SnapLength != 0 {
		t.Errorf("%+v, %v", i, err)
	}
	if got := r.SectionInfo().Application; got != at.Application {
		t.Errorf("application %q", got)
	}
}
