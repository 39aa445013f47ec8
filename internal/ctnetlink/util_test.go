package ctnetlink

import (
	"encoding/binary"
	"net/netip"
	"os"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

func netipPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

func withProto(t ctstate.Tuple, proto uint8) ctstate.Tuple { t.Proto = proto; return t }

func writeFile(path, s string) error { return os.WriteFile(path, []byte(s), 0o644) }

// swap32 undoes what conntrack 1.4.7 does to a verification tag: it writes host
// order, where the kernel keeps the packet's bytes.
func swap32(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
