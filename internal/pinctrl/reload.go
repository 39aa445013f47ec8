package pinctrl

import (
	"encoding/binary"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
)

// reload returns the set_field actions of reload_metadata, which give a packet-out the registers
// and the metadata of a packet-in. A packet-in does not contain fields that are zero.
func reload(r ofreplay.Registers) []ofreplay.Action {
	var as []ofreplay.Action
	set := func(name string, v []byte) {
		as = append(as, ofreplay.SetField{Field: ofreplay.FieldNamed(name), Value: v})
	}
	for i := range 16 { // pinctrl knows sixteen registers in every release up to 26.03
		if r.Reg[i] != 0 {
			set("reg"+strconv.Itoa(i), binary.BigEndian.AppendUint32(nil, r.Reg[i]))
		}
	}
	if r.Metadata != 0 {
		set("metadata", binary.BigEndian.AppendUint64(nil, r.Metadata))
	}
	return as
}
