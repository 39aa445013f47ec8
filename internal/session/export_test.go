package session

import "github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"

// MaxChains and Reply are for the tests, which also make the report of a handshake: its package
// imports this one.
const MaxChains = maxChains

func Reply(p packet.Packet) packet.Packet { return reply(p) }
