package engine

// Tunnel is a packet's tunnel metadata: as received, or as set for sending.
type Tunnel struct {
	ID      uint64         `json:"id"`            // the tunnel key: a VNI, of Geneve and VXLAN 24 bits
	Src     string         `json:"src,omitempty"` // outer address; empty where the port or a route chooses it
	Dst     string         `json:"dst,omitempty"` // outer address
	TTL     uint8          `json:"ttl,omitempty"`
	TPDst   uint16         `json:"tp_dst,omitempty"` // outer UDP port; 0 where the port's own is used
	Flags   []string       `json:"flags,omitempty"`  // as Open vSwitch prints them: df, csum, key
	Options []TunnelOption `json:"options,omitempty"`
	Rest    string         `json:"rest,omitempty"` // what else was printed
}

// TunnelOption is a Geneve option; Data is hex digits, two a byte.
type TunnelOption struct {
	Class uint16 `json:"class"`
	Type  uint8  `json:"type"`
	Data  string `json:"data"`
}
