package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// State is the Southbound database's rows of what is where now, read in one transaction.
type State struct {
	Bindings  []BindingRow
	Datapaths map[ovsdb.UUID]*Datapath
	Chassis   map[ovsdb.UUID]string // name by row
	Monitors  []MonitorRow
}

// BindingRow is the part of a Port_Binding row that says where the port is.
type BindingRow struct {
	Port      string
	Type      string
	Datapath  ovsdb.UUID
	TunnelKey int64
	Chassis   ovsdb.UUID // zero if no chassis has claimed the port
	// Additional are the other chassis of a port that migrates.
	Additional []ovsdb.UUID
}

// MonitorRow is a Service_Monitor row.
type MonitorRow struct {
	Addr     netip.AddrPort
	Protocol string // tcp or udp
	Port     string // logical port
	Status   string // online, offline, error, or empty: not known yet
}

// State reads the rows. Columns and tables that the schema lacks are empty.
func (s *SB) State(ctx context.Context) (*State, error) {
	st := &State{Datapaths: map[ovsdb.UUID]*Datapath{}, Chassis: map[ovsdb.UUID]string{}}
	err := s.each(ctx, []reader{
		{ovsdb.From("Port_Binding", "logical_port", "type", "datapath", "tunnel_key", "chassis", "additional_chassis"), func(r *ovsdb.Row) {
			st.Bindings = append(st.Bindings, BindingRow{Port: r.Str("logical_port"), Type: r.Str("type"),
				Datapath: r.Ref("datapath"), TunnelKey: r.Int("tunnel_key"), Chassis: r.Ref("chassis"),
				Additional: r.Refs("additional_chassis")})
		}},
		{datapathRows, func(r *ovsdb.Row) {
			if d, err := s.datapath(r); err == nil { // the error is also the row's
				st.Datapaths[d.UUID] = d
			}
		}},
		{ovsdb.From("Chassis", "name"), func(r *ovsdb.Row) { st.Chassis[r.UUID()] = r.Str("name") }},
		{ovsdb.From("Service_Monitor", "ip", "port", "protocol", "logical_port", "status"), func(r *ovsdb.Row) {
			m := MonitorRow{Protocol: r.Str("protocol"), Port: r.Str("logical_port"), Status: r.Str("status")}
			if ip, err := netip.ParseAddr(r.Str("ip")); err == nil {
				m.Addr = netip.AddrPortFrom(ip.Unmap(), uint16(r.Int("port")))
			}
			st.Monitors = append(st.Monitors, m)
		}},
	})
	if err != nil {
		return nil, err
	}
	return st, nil
}

// NeighbourRow is a MAC_Binding or Static_MAC_Binding row.
type NeighbourRow struct {
	UUID     ovsdb.UUID
	Port     string // the router port
	IP       netip.Addr
	MAC      string // lower case
	Datapath ovsdb.UUID
	Static   bool
	Since    int64 // when it was learned or last confirmed, in milliseconds since 1970; 0 if unknown
}

// Table names the row's table: MAC_Binding, or Static_MAC_Binding.
func (n *NeighbourRow) Table() string {
	if n.Static {
		return "Static_MAC_Binding"
	}
	return "MAC_Binding"
}

// Forget returns the command that removes the row.
func (n *NeighbourRow) Forget() string {
	if n.Static {
		return fmt.Sprintf("ovn-nbctl static-mac-binding-del %s %s", n.Port, n.IP)
	}
	return "ovn-sbctl destroy mac_binding " + n.UUID.String()
}

// FDBRow is an FDB row: the port that a MAC address was learned at.
type FDBRow struct {
	UUID     ovsdb.UUID
	MAC      string // lower case
	Datapath int64  // tunnel keys of the switch and of the port
	Port     int64
}

// Learned passes every row of MAC_Binding, Static_MAC_Binding and FDB to the functions as it
// arrives; it keeps none.
func (s *SB) Learned(ctx context.Context, neighbour func(NeighbourRow), fdb func(FDBRow)) error {
	binding := func(static bool) func(*ovsdb.Row) {
		return func(r *ovsdb.Row) {
			ip, err := netip.ParseAddr(r.Str("ip"))
			if err != nil {
				return
			}
			neighbour(NeighbourRow{UUID: r.UUID(), Port: r.Str("logical_port"), IP: ip.Unmap(), MAC: lowerMAC(r.Str("mac")),
				Datapath: r.Ref("datapath"), Static: static, Since: r.Int("timestamp")})
		}
	}
	return s.each(ctx, []reader{
		{ovsdb.From("MAC_Binding", "logical_port", "ip", "mac", "datapath", "timestamp"), binding(false)},
		{ovsdb.From("Static_MAC_Binding", "logical_port", "ip", "mac", "datapath"), binding(true)},
		{allFDB(), fdbRow(fdb)},
	})
}

func allFDB() ovsdb.Query { return ovsdb.From("FDB", "mac", "dp_key", "port_key") }

func fdbRow(take func(FDBRow)) func(*ovsdb.Row) {
	return func(r *ovsdb.Row) {
		take(FDBRow{UUID: r.UUID(), MAC: lowerMAC(r.Str("mac")), Datapath: r.Int("dp_key"), Port: r.Int("port_key")})
	}
}

// FDBOf passes the FDB rows of MAC addresses, written in lower case as ovn-controller does, to the
// function as they arrive.
func (s *SB) FDBOf(ctx context.Context, macs []string, take func(FDBRow)) error {
	var all []reader
	for _, m := range macs {
		all = append(all, reader{allFDB().Equal("mac", m), fdbRow(take)})
	}
	if len(all) == 0 {
		return nil
	}
	return s.each(ctx, all)
}

// BalancedAt returns the ports that load balancing on routers is restricted to the chassis of:
// those that the logical flows of new connections to VIPs name in is_chassis_resident("PORT").
func (s *SB) BalancedAt(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	const before = `is_chassis_resident("`
	take := func(r *ovsdb.Row) {
		for rest := r.Str("match"); ; {
			_, after, found := strings.Cut(rest, before)
			if !found {
				return
			}
			var port string
			port, rest, _ = strings.Cut(after, `"`)
			out[port] = true
		}
	}
	// The priorities of a VIP with and without a port (northd: build_lrouter_nat_flows_for_lb); flows
	// of NAT rules have others.
	flows := ovsdb.From("Logical_Flow", "match").IncludesPair("external_ids", "stage-name", "lr_in_dnat")
	if err := s.each(ctx, []reader{{flows.Equal("priority", 120), take}, {flows.Equal("priority", 110), take}}); err != nil {
		return nil, err
	}
	return out, nil
}
