package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NodeConfig is the configuration in a node's only Open_vSwitch row.
type NodeConfig struct {
	SystemID    string
	Hostname    string
	OVSVersion  string
	ExternalIDs map[string]string
}

// Get returns an external_ids setting as ovn-controller reads it: KEY-CHASSIS, for hosts with
// several ovn-controllers, overrides KEY (get_chassis_external_id_value).
func (n *NodeConfig) Get(key string) string {
	if v, ok := n.ExternalIDs[key+"-"+n.SystemID]; ok && n.SystemID != "" {
		return v
	}
	return n.ExternalIDs[key]
}

// Remote returns the remote of the Southbound database that the node's ovn-controller uses.
func (n *NodeConfig) Remote() string { return n.Get("ovn-remote") }

// Bridge returns the name of the integration bridge.
func (n *NodeConfig) Bridge() string {
	if b := n.Get("ovn-bridge"); b != "" {
		return b
	}
	return "br-int"
}

// BridgeMappings returns the bridge of each provider network.
func (n *NodeConfig) BridgeMappings() map[string]string {
	return parseMappings(n.Get("ovn-bridge-mappings"))
}

// Settings returns what configures ovn-controller: the external_ids of which the name begins with
// "ovn-".
func (n *NodeConfig) Settings() map[string]string {
	out := map[string]string{}
	for k, v := range n.ExternalIDs {
		if strings.HasPrefix(k, "ovn-") {
			out[k] = v
		}
	}
	return out
}

// EncapTypes returns the tunnel types, in the order of ovn-encap-type.
func (n *NodeConfig) EncapTypes() []string { return splitList(n.Get("ovn-encap-type")) }

// EncapIPs returns the node's own tunnel addresses.
func (n *NodeConfig) EncapIPs() []netip.Addr {
	var out []netip.Addr
	for _, s := range splitList(n.Get("ovn-encap-ip")) {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, a)
		}
	}
	return out
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// parseMappings reads "physnet1:br-ex,physnet2:br-vlan".
func parseMappings(s string) map[string]string {
	out := map[string]string{}
	for _, item := range strings.Split(s, ",") {
		if network, bridge, ok := strings.Cut(strings.TrimSpace(item), ":"); ok {
			out[network] = bridge
		}
	}
	return out
}

// Config reads the node's settings.
func (o *OVS) Config(ctx context.Context) (*NodeConfig, error) {
	res, err := o.Select(ctx, ovsdb.From("Open_vSwitch", "external_ids", "ovs_version"))
	if err != nil {
		return nil, err
	}
	if len(res[0]) == 0 {
		return nil, o.Malformed("Open_vSwitch", fmt.Errorf("the table is empty: ovs-vsctl init was not run"))
	}
	r := res[0][0]
	n := &NodeConfig{OVSVersion: r.Str("ovs_version"), ExternalIDs: r.Map("external_ids")}
	n.SystemID, n.Hostname = n.ExternalIDs["system-id"], n.ExternalIDs["hostname"]
	if err := r.Err(); err != nil {
		return nil, o.Malformed("Open_vSwitch", err)
	}
	return n, nil
}
