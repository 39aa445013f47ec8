package cases

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// networkFunctions returns cases of ACLs that redirect allowed packets through a machine on the
// switch (OVN 25.09): a packet enters it by one of its two ports and leaves it unchanged by the
// other; answers pass in the opposite direction.
func networkFunctions(b builder) []probe.Case {
	const f = "network functions"
	inline := []string{
		"set logical_switch_port sw1-p2 options:receive_multicast=false options:lsp_learn_fdb=false options:is-nf=true options:nf-linked-port=sw1-p3",
		"set logical_switch_port sw1-p3 options:receive_multicast=false options:lsp_learn_fdb=false options:is-nf=true options:nf-linked-port=sw1-p2",
		"nf-add nf-case 1 sw1-p2 sw1-p3", "nfg-add nfg-case 1 inline nf-case",
	}
	undo := []string{"acl-del sw1", "nfg-del nfg-case", "nf-del nf-case", "clear logical_switch_port sw1-p2 options", "clear logical_switch_port sw1-p3 options"}
	// The sender and the receiver send request and reply; the machine's ports send what it forwards.
	through := func(name, in, out, acl string, request, forwarded, reply, replyForwarded *probe.Packet, server, client string) probe.Case {
		return probe.Case{
			Name: name, Feature: f, Needs: "Network_Function_Group", Setup: append(inline[:len(inline):len(inline)], acl), Cleanup: undo,
			Steps: []probe.Step{
				{Packet: request, Want: in},
				{Packet: with(forwarded, func(p *probe.Packet) { p.From = out }), Want: server},
				{Packet: reply, Want: out},
				{Packet: with(replyForwarded, func(p *probe.Packet) { p.From = in }), Want: client},
			},
		}
	}
	pair := func(from, to string) (request, reply *probe.Packet) {
		request, reply = b.udp(from, to, 7), b.udp(to, from, 7)
		reply.Sport, reply.Dport = request.Dport, request.Sport
		return request, reply
	}
	routed := func(p *probe.Packet) *probe.Packet { // from lr0 to sw1-p1
		return with(p, func(p *probe.Packet) { p.EthSrc, p.EthDst, p.TTL = lab.MACSw1, b.end("sw1-p1").mac, 63 })
	}
	request, answer := pair("sw1-p1", "sw0-p1")
	call, back := pair("sw0-p1", "sw1-p1")
	tap := probe.Case{
		Name: "nf-tap", Feature: f, Needs: "Network_Function_Group.mode=vtap",
		Setup: []string{
			"set logical_switch_port sw1-p2 options:receive_multicast=false options:lsp_learn_fdb=false options:is-nf=true",
			"nf-add nf-case 1 sw1-p2", "nfg-add nfg-case 1 vtap nf-case",
			`acl-add sw1 from-lport 1002 'inport == "sw1-p1" && udp' allow-related nfg-case`,
		},
		Cleanup: []string{"acl-del sw1", "nfg-del nfg-case", "nf-del nf-case", "clear logical_switch_port sw1-p2 options"},
		Steps:   []probe.Step{{Packet: request}, {Packet: answer}},
	}
	return []probe.Case{
		through("nf-from-lport", "sw1-p2", "sw1-p3", `acl-add sw1 from-lport 1002 'inport == "sw1-p1" && udp' allow-related nfg-case`,
			request, request, answer, routed(answer), "sw0-p1", "sw1-p1"),
		through("nf-to-lport", "sw1-p3", "sw1-p2", `acl-add sw1 to-lport 1002 'outport == "sw1-p1" && udp' allow-related nfg-case`,
			call, routed(call), back, back, "sw1-p1", "sw0-p1"),
		tap,
	}
}
