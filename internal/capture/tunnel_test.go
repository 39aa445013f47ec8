package capture

import (
	"encoding/hex"
	"strings"
	"testing"
)

// remarkOf returns the remark about a tunnel, nothing for another frame.
func remarkOf(f Frame) string {
	if f.Tunnel == nil {
		return ""
	}
	return f.Tunnel.Remark()
}

// TestWithin distinguishes a tunnel's packet from the inner packet.
func TestWithin(t *testing.T) {
	inner := frameOf(t, "--to 10.0.0.5:80/tcp")
	outer := func(port string, header []byte) []byte {
		frame := frameOf(t, "--to 10.0.0.5:"+port+"/udp")
		return append(append(frame[:42], header...), inner...)
	}
	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{outer("6081", []byte{2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 1, 0, 0, 0, 7}), "Geneve tunnel (key 5), and is traced as the tunnel's; to trace tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64,"},
		{outer("4789", []byte{8, 0, 0, 0, 0, 0, 9, 0}), "VXLAN tunnel (key 9), and is traced as the tunnel's; to trace tcp"},
		{outer("6081", []byte{0x3f, 0, 0x65, 0x58, 0, 0, 5, 0}), "to trace what is inside, capture"},
		{outer("53", []byte{2, 0, 0x65, 0x58, 0, 0, 5, 0}), ""},
		{inner, ""},
	} {
		// The lengths of IPv4 and UDP do not fit this frame: 0 is that of a packet before
		// segmentation offload.
		if len(c.frame) > len(inner) {
			c.frame[16], c.frame[17] = 0, 0
		}
		f, err := Ethernet(c.frame, len(c.frame))
		if got := remarkOf(f); err != nil || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%x: %q, %v; want %q", c.frame, got, err, c.want)
		}
	}
}

// TestWithinKinds: the type of the inner packet is in the tunnel's header.
func TestWithinKinds(t *testing.T) {
	ether := frameOf(t, "--to 10.0.0.5:80/tcp")
	ip := ether[14:]
	six := frameOf(t, "--to [fd00::5]:53/udp")[14:]
	udp := func(port string, header string, inner []byte) []byte {
		h, err := hex.DecodeString(header)
		if err != nil {
			t.Fatal(err)
		}
		out := append(append(frameOf(t, "--to 10.0.0.5:"+port+"/udp")[:42:42], h...), inner...)
		out[16], out[17] = 0, 0 // as segmentation offload leaves it
		return out
	}
	overIP := func(header string, inner []byte) []byte {
		out := udp("1", header, inner)
		out[23] = 47
		return append(out[:34:34], out[42:]...)
	}
	const tcp, udp6 = "to trace tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64, capture", "to trace udp [fd00::3]:46982 > [fd00::5]:53 ttl 64, capture"
	for _, c := range []struct {
		frame []byte
		cut   int
		want  string
	}{
		{udp("6081", "0000080000000700", ip), 0, "Geneve tunnel (key 7), and is traced as the tunnel's; " + tcp},
		{udp("6081", "010086dd0000070001020304", six), 0, "Geneve tunnel (key 7), and is traced as the tunnel's; " + udp6},
		{udp("6081", "0000655800000700", ether), 0, tcp},
		{udp("6081", "0000655800000700", ether), 10, "to trace what is inside, capture"}, // flags unknown
		{udp("6081", "0000654400000700", ether), 0, "to trace what is inside (Ethernet type 0x6544), capture"},
		{udp("6081", "4000655800000700", ether), 0, "to trace what is inside, capture"}, // another version
		{udp("4789", "0800000000000700", ether), 0, "VXLAN tunnel (key 7), and is traced as the tunnel's; " + tcp},
		{udp("4790", "0c00000100000700", ip), 0, "VXLAN-GPE tunnel (key 7), and is traced as the tunnel's; " + tcp},
		{udp("4790", "0c00000200000700", six), 0, udp6}, {udp("4790", "0c00000300000700", ether), 0, tcp},
		{udp("4790", "0c00000900000700", ether), 0, "to trace what is inside, capture"},
		{overIP("00000800", ip), 0, "GRE tunnel, and is traced as the tunnel's; " + tcp},
		{overIP("2000655800000005", ether), 0, "GRE tunnel (key 5), and is traced as the tunnel's; " + tcp},
		{overIP("b00086dd000000000000000500000001", six), 0, "GRE tunnel (key 5), and is traced as the tunnel's; " + udp6},
		{overIP("2001880b00000005", ether), 0, ""}, {overIP("2000", nil), 0, ""},
	} {
		f, err := readFrame(record{data: c.frame[:len(c.frame)-c.cut], wire: len(c.frame), link: linkEthernet})
		if got := remarkOf(f); err != nil || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%x: %q, %v; want %q", c.frame, got, err, c.want)
		}
	}
}

// TestOVNKeys: what OVN writes into the headers of its tunnels.
func TestOVNKeys(t *testing.T) {
	inner := frameOf(t, "--to 10.0.0.5:80/tcp")
	for _, c := range []struct {
		header                    string
		port                      string
		datapath, ingress, egress int64
		option                    bool
	}{
		// A frame of OVN 23.03's; the option of another class before and behind it is passed over.
		{"0240655800000500" + "01028001" + "00020003", "6081", 5, 2, 3, true},
		{"0600655800000500" + "01030102" + "0000000000000000" + "01028001" + "7fff8001" + "0102ff00", "6081", 5, 0x7fff, 0x8001, true},
		{"0200655800000500" + "01028001" + "ffff0003", "6081", 5, 0x7fff, 3, true}, // the upper bit is reserved
		{"0200655800000500" + "01028101" + "00020003", "6081", 5, 0, 0, false},     // another type
		{"0300655800000500" + "01028002" + "0002000300000000", "6081", 5, 0, 0, false},
		{"0200655800000500" + "0102801f" + "00020003", "6081", 5, 0, 0, false}, // longer than the options
		{"0000655800000500", "6081", 5, 0, 0, false},
		{"0800000000300500", "4789", 5, 0, 3, false},
	} {
		h, err := hex.DecodeString(c.header)
		if err != nil {
			t.Fatal(err)
		}
		frame := append(append(frameOf(t, "--to 10.0.0.5:"+c.port+"/udp")[:42:42], h...), inner...)
		frame[16], frame[17] = 0, 0 // as segmentation offload leaves it
		f, err := Ethernet(frame, len(frame))
		if err != nil || f.Tunnel == nil {
			t.Fatalf("%s: %v", c.header, err)
		}
		tun := f.Tunnel
		if tun.DatapathKey() != c.datapath || tun.IngressKey() != c.ingress || tun.EgressKey() != c.egress || tun.HasOption != c.option {
			t.Errorf("%s: %+v", c.header, tun)
		}
		if tun.Inner == nil || tun.Inner.String() != "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64" || tun.Src != addr("10.0.0.3") || tun.Dst != addr("10.0.0.5") {
			t.Errorf("%s: inner packet %v", c.header, tun.Inner)
		}
	}
}
