package ovn

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// readable are the tables that a trace may need. A node reads no others for another machine: not
// those of connections, certificates and permissions.
var readable = map[string][]string{
	Southbound: {
		"Address_Set", "BFD", "Chassis", "Chassis_Private", "Chassis_Template_Var", "DHCP_Options", "DHCPv6_Options", "DNS",
		"Datapath_Binding", "ECMP_Nexthop", "Encap", "FDB", "Gateway_Chassis", "HA_Chassis", "HA_Chassis_Group",
		"IGMP_Group", "IP_Multicast", "Learned_Route", "Load_Balancer", "Logical_DP_Group", "Logical_Flow", "MAC_Binding",
		"Meter", "Meter_Band", "Mirror", "Multicast_Group", "Port_Binding", "Port_Group", "SB_Global", "Service_Monitor",
		"Static_MAC_Binding",
	},
	Northbound: {
		"ACL", "Address_Set", "BFD", "Chassis_Template_Var", "Copp", "DHCP_Options", "DHCP_Relay", "DNS", "Forwarding_Group",
		"Gateway_Chassis", "HA_Chassis", "HA_Chassis_Group", "Load_Balancer", "Load_Balancer_Group",
		"Load_Balancer_Health_Check", "Logical_Router", "Logical_Router_Policy", "Logical_Router_Port",
		"Logical_Router_Static_Route", "Logical_Switch", "Logical_Switch_Port", "Meter", "Meter_Band", "Mirror",
		"Mirror_Rule", "NAT", "NB_Global", "Network_Function", "Network_Function_Group", "Port_Group", "QoS",
		"Static_MAC_Binding",
	},
}

// Readable reports whether a node may read a table of its chassis' databases for another machine.
func Readable(database, table string) bool { return slices.Contains(readable[database], table) }

// ReadableTables returns the tables that Readable accepts.
func ReadableTables(database string) []string { return slices.Clone(readable[database]) }

// OtherZoneError is a Northbound database that is not the one of a Southbound database's zone.
type OtherZoneError struct {
	Remote string // of the Northbound database
	Switch string // a switch or router that it lacks
}

// Error names the database and what it lacks.
func (e *OtherZoneError) Error() string {
	return fmt.Sprintf("%s is another zone's: it has no %s", e.Remote, e.Switch)
}

// maxCompared is the number of datapaths that are looked for in a Northbound database.
const maxCompared = 8

// SameZone returns an *OtherZoneError if nb is not the Northbound database of sb's zone. Each
// datapath contains the UUID of its switch or router; some may be too new or too old for their row
// to be there, but not all. Databases without datapaths belong together.
func SameZone(ctx context.Context, sb *SB, nb *NB) error {
	all, err := sb.datapaths(ctx, datapathRows)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(d *Datapath) bool { return d.NB.IsZero() })
	if len(all) == 0 {
		return nil
	}
	var qs []ovsdb.Query
	for _, d := range all[:min(len(all), maxCompared)] {
		table := "Logical_Switch"
		if d.IsRouter {
			table = "Logical_Router"
		}
		qs = append(qs, ovsdb.From(table).Row(d.NB))
	}
	res, err := nb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	for _, rows := range res {
		if len(rows) > 0 {
			return nil
		}
	}
	return &OtherZoneError{Remote: nb.Remote(), Switch: all[0].Kind() + " " + all[0].Name}
}

// TLSFiles are the files by which a node's ovn-controller connects to ssl: remotes.
type TLSFiles struct{ PrivateKey, Certificate, CACert string }

// TLS reads the files that the node's SSL row names (update_ssl_config of ovn-controller). They are
// empty without a row.
func (o *OVS) TLS(ctx context.Context) (TLSFiles, error) {
	res, err := o.Select(ctx, ovsdb.From("SSL", "private_key", "certificate", "ca_cert"))
	if err != nil || len(res[0]) == 0 {
		return TLSFiles{}, err
	}
	r := res[0][0]
	f := TLSFiles{r.Str("private_key"), r.Str("certificate"), r.Str("ca_cert")}
	if err := r.Err(); err != nil {
		return TLSFiles{}, o.Malformed("SSL", err)
	}
	return f, nil
}
