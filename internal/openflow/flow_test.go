package openflow

import "testing"

func TestParsePrint(t *testing.T) {
	for _, in := range []string{
		"", "tcp,in_port=1,vlan_tci=0x0000,dl_src=0a:00:00:00:00:01,nw_src=10.0.0.1,tp_src=1000,tcp_flags=syn",
		"recirc_id=0x49,ct_state=+new-est+trk,ct_label=0x4,eth,tcp,packet_type=(1,0x800),in_port=\"a b,c/d\",nw_src=10.0.0.0/24",
		"cookie=0x0, duration=1.2s, table=0, n_packets=0, priority=5,ip actions=ct(table=1,zone=5),resubmit(,2)",
		"a=,=b,c=/d,e=f/", "tun_metadata0=0x10002/0xff,tun_flags=+df-oam",
	} {
		f, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := f.String(); got != in {
			t.Errorf("printed %s\n    was %s", got, in)
		}
	}
}
