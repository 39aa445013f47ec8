package ovn

import (
	"encoding/binary"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Cookie returns the OpenFlow cookie that ovn-controller gives to the flows of a Southbound row:
// the first 32 bits of its UUID (sb_uuid.parts[0] in controller/lflow.c).
func Cookie(row ovsdb.UUID) uint32 { return binary.BigEndian.Uint32(row[:4]) }
