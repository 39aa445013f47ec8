package ofreplay

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/ofctl"
)

// act pads an encoded action to eight bytes and writes its length.
func act(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encoded is one action of each form, without its padding.
var encoded = []struct{ version, hex, text string }{
	{"OpenFlow13", "0000 0000 00000003 0000 000000000000", "output:3"},
	{"OpenFlow13", "0000 0000 fffffffd 0080 000000000000", "CONTROLLER:128"},
	{"OpenFlow13", "0000 0000 fffffffe 0000 000000000000", "LOCAL"},
	{"OpenFlow13", "000f 0000 40", "set_mpls_ttl(64)"},
	{"OpenFlow13", "0010 0000 00000000", "dec_mpls_ttl"},
	{"OpenFlow13", "0011 0000 8100", "push_vlan:0x8100"},
	{"OpenFlow13", "0012 0000 00000000", "pop_vlan"},
	{"OpenFlow13", "0013 0000 8847", "push_mpls:0x8847"},
	{"OpenFlow13", "0014 0000 0800", "pop_mpls:0x0800"},
	{"OpenFlow13", "0015 0000 00000007", "set_queue:7"},
	{"OpenFlow13", "0016 0000 00000009", "group:9"},
	{"OpenFlow13", "0017 0000 40", "mod_nw_ttl:64"},
	{"OpenFlow13", "0018 0000 00000000", "dec_ttl"},
	{"OpenFlow15", "001d 0000 00000005", "meter:5"},
	{"OpenFlow13", "0019 0000 80000606 aabbccddeeff", "set_field:aa:bb:cc:dd:ee:ff->eth_dst"},
	{"OpenFlow15", "0019 0000 8000070c aabb00000000 ffff00000000", "set_field:aa:bb:00:00:00:00/ff:ff:00:00:00:00->eth_dst"},
	{"OpenFlow15", "0019 0000 80001708 0a000000 ff000000", "set_field:10.0.0.0/8->ip_src"},
	{"OpenFlow15", "0019 0000 80001708 0a000001 ff0000ff", "set_field:10.0.0.1/255.0.0.255->ip_src"},
	{"OpenFlow15", "0019 0000 80003720 fd000000000000000000000000000001 ffff0000000000000000000000000001", "set_field:fd00::1/ffff::1->ipv6_dst"},
	{"OpenFlow15", "0019 0000 80000408 0000000000000005", "set_field:0x5->metadata"},
	{"OpenFlow15", "0019 0000 0001de10 00000000000000000000000000000000", "set_field:0->xxreg0"},
	{"OpenFlow15", "0019 0000 0001df20 00000000000000000000000000000001 00000000000000000000000000000001", "set_field:0x1/0x1->xxreg0"},
	{"OpenFlow13", "0019 0000 00013a01 40", "set_field:64->nw_ttl"},
	{"OpenFlow13", "0019 0000 80001a02 0050", "set_field:80->tcp_src"},
	{"OpenFlow13", "0019 0000 10000204 60000000", "set_field:1610612736->nd_reserved"},
	{"OpenFlow15", "001c 0000 0020 0000 0040 0000 0001de10 80002c04", "-"},
	{"OpenFlow15", "001c 0000 0020 0040 0000 0000 0001de10 80002c04", "move:NXM_NX_XXREG0[64..95]->NXM_OF_ARP_SPA[]"},
	{"OpenFlow13", "ffff 0000 00002320 0006 0030 0000 0000 00000406 00000206", "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]"},
	{"OpenFlow13", "ffff 0000 00002320 0007 001f 00010004 0000000000000005", "load:0x5->NXM_NX_REG0[]"},
	{"OpenFlow13", "ffff 0000 00002320 0007 00c0 00010004 0000000000000001", "load:0x1->NXM_NX_REG0[3]"},
	{"OpenFlow13", "ffff 0000 00002320 0021 00010108 00000001 00000003", "set_field:0x1/0x3->reg0"},
	{"OpenFlow13", "ffff 0000 00002320 0001 0005 00000000", "resubmit:5"},
	{"OpenFlow13", "ffff 0000 00002320 000e fff8 25 000000", "resubmit(,37)"},
	{"OpenFlow13", "ffff 0000 00002320 000e 0005 ff 000000", "resubmit:5"},
	{"OpenFlow13", "ffff 0000 00002320 000e fffd 28 000000", "resubmit(CONTROLLER,40)"},
	{"OpenFlow13", "ffff 0000 00002320 002c fff8 25 000000", "resubmit(,37,ct)"},
	{"OpenFlow13", "ffff 0000 00002320 0002 0000 00000005", "set_tunnel:0x5"},
	{"OpenFlow13", "ffff 0000 00002320 0009 000000000000 0000000000000005", "set_tunnel64:0x5"},
	{"OpenFlow13", "ffff 0000 00002320 0005 0000 00000000", "pop_queue"},
	{"OpenFlow13", "ffff 0000 00002320 0008 6f766e000000 0000 0578", "note:6f.76.6e.00.00.00.00.00.05.78.00.00.00.00"},
	{"OpenFlow13", "ffff 0000 00002320 000f 001f 00010004 ffff 000000000000", "output:NXM_NX_REG0[]"},
	{"OpenFlow13", "ffff 0000 00002320 0011 0000 00000000", "exit"},
	{"OpenFlow13", "ffff 0000 00002320 001b 0000 00010004 0020 0000", "push:NXM_NX_REG0[]"},
	{"OpenFlow13", "ffff 0000 00002320 001c 0010 00010004 0010 0000", "pop:NXM_NX_REG0[16..31]"},
	{"OpenFlow13", "ffff 0000 00002320 0027 0003 00000064", "output(port=3,max_len=100)"},
	{"OpenFlow13", "ffff 0000 00002320 002b 0000 00000000", "ct_clear"},
	{"OpenFlow13", "ffff 0000 00002320 0031 0586 0003 00010004", "check_pkt_larger(1414)->NXM_NX_REG0[3]"},
	{"OpenFlow13", "ffff 0000 00002320 0023 0000 00000000 0000 ff 000000 0000", "ct()"},
	{"OpenFlow13", "ffff 0000 00002320 0023 0001 00000000 0007 14 000000 0015", "ct(commit,table=20,zone=7,alg=ftp)"},
	{"OpenFlow13", "ffff 0000 00002320 0023 0001 00011a04 000f ff 000000 0000 ffff 0018 00002320 0024 0000 0001 0011 0a000001 0050 0000", "ct(commit,zone=NXM_NX_REG13[0..15],nat(src=10.0.0.1:80))"},
	{"OpenFlow13", "ffff 0000 00002320 0023 0003 00000000 0005 ff 000000 0000 ffff 0018 00002320 0007 001f 0001d604 0000000000000005", "ct(commit,force,zone=5,exec(load:0x5->NXM_NX_CT_MARK[]))"},
	{"OpenFlow13", "ffff 0000 00002320 0023 0001 00000000 0005 ff 000000 0000 ffff 0038 00002320 0024 0000 0012 003c fd000000000000000000000000000001 fd000000000000000000000000000009 0050 005a 00000000", "ct(commit,zone=5,nat(dst=[fd00::1]-[fd00::9]:80-90,random))"},
	{"OpenFlow13", "ffff 0000 00002320 002a 000000000000 0000 0010 00000003 0000 000000000000", "clone(output:3)"},
	{"OpenFlow13", "ffff 0000 00002320 0025 000000000000 0003 000c 0000001600000000 00000000 0004 0004 00000000 0005 0008 00000003", "controller(userdata=00.00.00.16.00.00.00.00,pause,meter_id=3)"},
}

// TestEncoded compares each form with the text here, and both with ovs-ofctl.
func TestEncoded(t *testing.T) {
	byVersion := map[string][]int{}
	texts := make([]string, len(encoded))
	for i, c := range encoded {
		as, err := DecodeActions(act(unhex(t, c.hex)))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		texts[i] = Text(as)
		if c.text == "-" { // not valid
			if _, ok := as[0].(Opaque); !ok {
				t.Errorf("%s: read as %s", c.hex, texts[i])
			}
			continue
		}
		if texts[i] != c.text {
			t.Errorf("got  %s\nwant %s", texts[i], c.text)
		}
		byVersion[c.version] = append(byVersion[c.version], i)
	}
	t.Run("ovs-ofctl", func(t *testing.T) {
		for version, idx := range byVersion {
			var lists [][]byte
			for _, i := range idx {
				lists = append(lists, act(unhex(t, encoded[i].hex)))
			}
			for k, want := range ofctl.ParseActions(t, version, lists) {
				if got := texts[idx[k]]; got != want {
					t.Errorf("%s: got  %s\nwant %s", version, got, want)
				}
			}
		}
	})
}

// TestParseLine reads the text of each action that changes fields back to the same text.
func TestParseLine(t *testing.T) {
	n := 0
	for _, c := range encoded {
		a := parseLine(c.text)
		if a == nil {
			continue
		}
		n++
		if a.String() != c.text {
			t.Errorf("%s read as %s", c.text, a)
		}
	}
	if n < 15 {
		t.Errorf("%d lines read", n)
	}
	for _, bad := range []string{"", "set_field:1", "set_field:x->reg0", "set_field:0x1ffffffff->reg0", "set_field:1->nothing", "load:1->NXM_NX_REG0[0..40]",
		"load:x->NXM_NX_REG0[]", "move:NXM_NX_REG0[]->NXM_NX_REG1[0..3]", "push:NXM_NX_REG0", "pop:NXM_NX_REG0[9..1]", "set_field:10.0.0.1/33->ip_src", "resubmit(,5)"} {
		if a := parseLine(bad); a != nil {
			t.Errorf("%s read as %s", bad, a)
		}
	}
}

// FuzzParseLine checks that a printed action reads back as the same action.
func FuzzParseLine(f *testing.F) {
	for _, c := range encoded {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a := parseLine(s); a != nil {
			if b := parseLine(a.String()); b == nil || b.String() != a.String() {
				t.Errorf("%q: %s, then %v", s, a, b)
			}
			m := machine{other: map[string][]byte{}}
			m.step(a)
		}
	})
}

// FuzzDecodeActions checks that any bytes are read, refused or kept opaque, and never lost.
func FuzzDecodeActions(f *testing.F) {
	for _, c := range encoded {
		f.Add(act(unhex(f, c.hex)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		as, err := DecodeActions(b)
		if err != nil {
			return
		}
		if len(b) > 0 && Text(as) == "" {
			t.Errorf("%x read as nothing", b)
		}
		m := machine{}
		m.run(as)
	})
}
