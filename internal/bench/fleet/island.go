package fleet

import (
	"fmt"
	"net/netip"
	"strings"
)

// Islands are equal: what a node of island 0 says becomes what the same node of another one would
// say by exchanging names, tunnel endpoints, keys and UUIDs. Names and numbers have fixed forms
// that occur nowhere else, so that this can be done in text.

// Island is one of the deployment's equal parts: a router, two switches, and two chassis. Port A
// (with port C beside it) is on chassis A, port B behind the router on chassis B.
type Island int

// MaxIslands bounds the number of islands: endpoints and keys have room for more.
const MaxIslands = 16_000

// keys is the tunnel key of island 0's first datapath; each island has keysEach of them.
const (
	keys     = 0x400000
	keysEach = 16
)

func (i Island) name(kind string) string { return fmt.Sprintf("%s-%05d", kind, int(i)) }

// Port returns a logical port, "a", "b" or "c".
func (i Island) Port(kind string) string { return i.name(kind) }

// Chassis returns the name of a chassis, "a" or "b".
func (i Island) Chassis(side string) string { return i.name("hv") + side }

// net returns the part of an address that is the island's own.
func (i Island) net(base int) string {
	return fmt.Sprintf("%d.%d.", base+int(i)>>8, int(i)&255)
}

// Endpoint returns a chassis' tunnel address, which is one of this machine's own.
func (i Island) Endpoint(side string) string {
	last := "101"
	if side == "b" {
		last = "102"
	}
	return "127." + i.net(64) + last
}

// hosts are the last parts of the addresses of the ports and of the router's two.
var hosts = map[string]int{"a": 10, "c": 30, "b": 140, "upx": 1, "upy": 129}

// Address returns the address of a port, which no other port has.
func (i Island) Address(port string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(int(i) >> 8), byte(i), byte(hosts[port])})
}

// VIP returns the address of the island's load balancer, which no other one has.
func (i Island) VIP() string { return "30." + i.net(0) + "80" }

// key returns the tunnel key of the island's nth datapath: the router, the switch of A and C, the
// switch of B.
func (i Island) key(n int) int { return keys + int(i)*keysEach + n }

// names are the datapaths by their number in key.
func (i Island) names() [3]string { return [3]string{i.name("lr"), i.name("sx"), i.name("sy")} }

// side returns the island and the side of a chassis' name.
func side(chassis string) (i Island, s string, ok bool) {
	var n int
	if _, err := fmt.Sscanf(chassis, "hv-%05d%s", &n, &s); err != nil || s != "a" && s != "b" {
		return 0, "", false
	}
	return Island(n), s, true
}

// exchange returns what exchanges island 0 and another one in a text; uuids are pairs of UUIDs.
func (i Island) exchange(uuids [][2]string) *strings.Replacer {
	if i == 0 {
		return strings.NewReplacer()
	}
	var words []string
	swap := func(a, b string) { words = append(words, a, b, b, a) }
	swap(Island(0).name(""), i.name(""))
	swap("127."+Island(0).net(64), "127."+i.net(64))
	swap("10."+Island(0).net(0), "10."+i.net(0))
	for _, form := range []string{"0xa%04x", "0a%04x"} { // in registers, and in those that hold two
		swap(fmt.Sprintf(form, 0), fmt.Sprintf(form, int(i)))
	}
	swap("30."+Island(0).net(0), "30."+i.net(0))
	for n := range 3 {
		swap(fmt.Sprintf("%#x", Island(0).key(n)), fmt.Sprintf("%#x", i.key(n)))
		swap(fmt.Sprint(Island(0).key(n)), fmt.Sprint(i.key(n)))
	}
	for _, p := range uuids {
		swap(p[0], p[1])
	}
	return strings.NewReplacer(words...)
}
