package pinctrl

import (
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// TestPlacesOfPuntedPackets compares the places found in a trace with the packet-ins that a real
// ovn-controller got for the same packet: opcode, registers and headers.
func TestPlacesOfPuntedPackets(t *testing.T) {
	for _, file := range testenv.Corpus(t, "testdata/place-*.txt") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\n")
		traced, log, _ := strings.Cut(text, "##########\n")
		tr, err := oftrace.Parse(traced)
		if err != nil {
			t.Fatal(err)
		}
		var places []ofreplay.Place
		for _, sec := range tr.Sections {
			places = append(places, ofreplay.Follow(sec, ofreplay.Start{}).Places...)
		}
		found := 0
		for _, in := range messages(t, log) {
			if in.head != "NXT_PACKET_IN2" {
				continue
			}
			found++
			ok := slices.ContainsFunc(places, func(p ofreplay.Place) bool {
				punt, err := Decode(p.Node.Text)
				return err == nil && hex.EncodeToString(punt.UserData) == strings.ReplaceAll(in.userdata, ".", "") && p.Lost == "" &&
					ofreplay.RegistersOf(p.Flow) == ofreplay.RegistersOf(in.metadata) && cmp.Equal(bare(p.Packet), bare(in.packet), addrs)
			})
			if !ok {
				t.Errorf("%s: no place has %s of %s", file, in.metadata, in.packet)
				for _, p := range places {
					t.Logf("place %.60s %s %s %s", p.Node.Text, p.Flow, p.Packet, p.Lost)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no packet-in", file)
		}
	}
}
