package openflow

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// nsh adds the fields of the header in the notation of flow text.
func (f *fieldList) nsh(h *packet.NSH) {
	if h == nil {
		return
	}
	f.num("nsh_flags", uint64(h.Flags))
	f.num("nsh_ttl", uint64(h.TTL))
	f.num("nsh_mdtype", uint64(h.MDType))
	f.num("nsh_np", uint64(h.NP))
	f.add("nsh_spi", fmt.Sprintf("%#x", h.SPI))
	f.num("nsh_si", uint64(h.SI))
	for i, c := range h.Context {
		f.add(fmt.Sprintf("nsh_c%d", i+1), fmt.Sprintf("%#x", c))
	}
}

// nsh reads the fields of a flow of Ethernet type 0x894f.
func (d *draft) nsh() {
	h := &packet.NSH{}
	u8(d, "nsh_flags", 3, &h.Flags)
	u8(d, "nsh_ttl", 0x3f, &h.TTL)
	u8(d, "nsh_mdtype", 0xff, &h.MDType)
	u8(d, "nsh_np", 0xff, &h.NP)
	if v, ok := d.num("nsh_spi", 0xffffff); ok {
		h.SPI = uint32(v)
	}
	u8(d, "nsh_si", 0xff, &h.SI)
	for i := range h.Context {
		if v, ok := d.num(fmt.Sprintf("nsh_c%d", i+1), 0xffffffff); ok {
			h.Context[i] = uint32(v)
		}
	}
	if *h != (packet.NSH{}) {
		d.p.NSH = h
	}
}
