package odp

import "testing"

var printed = []string{
	"drop", "1", "eth0", "1,drop,2", "ct(commit,zone=7,mark=0x2/0xffffffff,label=0x4,nat(dst=30.0.0.5:8080)),recirc(0x49)",
	"check_pkt_len(size=1500,gt(userspace(pid=0,controller(reason=1,dont_send=1,continuation=0,recirc_id=78,rule_cookie=0,controller_id=0,max_len=65535)),2),le(set(eth(dst=00:00:00:00:00:99)),set(ipv4(ttl=63)),2))",
	"ct_clear,ct(zone=9),recirc(0x4a)", "ct", "ct(nat)", "hash(l4(0)),recirc(0x1)",
	"set(tunnel(tun_id=0x3,dst=192.0.2.2,ttl=64,tp_dst=6081,geneve({class=0x102,type=0x80,len=4,0x10002}),flags(df|csum|key))),1",
	"sample(sample=50.0%,actions(1,clone(2,drop)))", "dec_ttl(le_1(drop))", "dec_ttl(le_1())", "action30(00 01),2",
	"ct(error)", "bad length 3, expected 4 for: action5(00 01 02),1", "1,***4 leftover bytes*** (00000000)",
	"ct(nat(error: nl_parse_nested() failed.))", "ct(commit,nat(src=[fd00::1]-[fd00::9]:80-90,persistent,hash))", "ct(commit,nat(src=fd00::1-fd00::9,random))",
	"future(a(b),c),clone(future(1)),3", "push_vlan(vid=5,pcp=0)", "push_vlan(tpid=0x88a8,vid=5,pcp=0,cfi=0)",
	"tnl_push(tnl_port(4789),header(size=50,type=4,eth(dst=f8:bc:12:44:34:b6,src=aa:55:aa:55:00:00,dl_type=0x0800),ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x7b)),out_port(100))",
}

func TestParsePrint(t *testing.T) {
	for _, in := range printed {
		as, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := as.String(); got != in {
			t.Errorf("printed %s\n    was %s", got, in)
		}
	}
}
