package session

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// replyTTL is the TTL with which a host sends.
const replyTTL = 64

// echoReply pairs echo requests with their replies.
var echoReply = map[[2]uint8]uint8{
	{ctstate.ProtoICMP, 8}: 0, {ctstate.ProtoICMP, 13}: 14, {ctstate.ProtoICMP, 15}: 16, {ctstate.ProtoICMP, 17}: 18,
	{ctstate.ProtoICMPv6, 128}: 129, {ctstate.ProtoICMPv6, 139}: 140,
}

// reply returns the answer of a host that received p: source and destination are swapped.
func reply(p packet.Packet) packet.Packet {
	p.EthSrc, p.EthDst = p.EthDst, p.EthSrc
	p.Src, p.Dst = p.Dst, p.Src
	p.SrcPort, p.DstPort = p.DstPort, p.SrcPort
	p.TTL = replyTTL
	if t, ok := echoReply[[2]uint8{p.Proto, p.ICMPType}]; ok {
		p.ICMPType = t
	}
	return p
}

// isReply reports whether p answers q.
func isReply(p, q packet.Packet) bool {
	r := reply(q)
	return p.Proto == r.Proto && p.Src == r.Src && p.Dst == r.Dst && p.SrcPort == r.SrcPort && p.DstPort == r.DstPort && p.ICMPType == r.ICMPType
}

// Reply returns the answer of a host that received p, which may be in the middle of a connection.
func Reply(p packet.Packet) packet.Packet { return reply(p) }
