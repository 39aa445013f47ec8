package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Configuration is the Northbound database's rows of switches, routers, NAT and load balancing,
// read in one transaction.
type Configuration struct {
	Switches    []SwitchRow
	SwitchPorts []SwitchPortRow
	Routers     []RouterRow
	RouterPorts []RouterPortRow
	Routes      []RouteRow
	Policies    []PolicyRow
	NATs        []NATRow
	Balancers   []BalancerRow
	Groups      []BalancerGroupRow
	Checks      []HealthCheckRow
	Gateways    []GatewayRow
	HAGroups    []HAGroupRow
	AddressSets map[ovsdb.UUID]string // name by row
	// Templates has, by chassis name, the variables of Chassis_Template_Var.
	Templates map[string]map[string]string
}

// Configuration reads the rows. Columns and tables that the schema lacks are empty.
func (n *NB) Configuration(ctx context.Context) (*Configuration, error) {
	c := &Configuration{AddressSets: map[ovsdb.UUID]string{}, Templates: map[string]map[string]string{}}
	err := n.each(ctx, []reader{
		{switchRows, func(r *ovsdb.Row) { c.Switches = append(c.Switches, switchRow(r)) }},
		{switchPortRows, func(r *ovsdb.Row) { c.SwitchPorts = append(c.SwitchPorts, switchPortRow(r)) }},
		{routerRows, func(r *ovsdb.Row) { c.Routers = append(c.Routers, routerRow(r)) }},
		{routerPortRows, func(r *ovsdb.Row) { c.RouterPorts = append(c.RouterPorts, routerPortRow(r)) }},
		{routeRows, func(r *ovsdb.Row) { c.Routes = append(c.Routes, routeRow(r)) }},
		{policyRows, func(r *ovsdb.Row) { c.Policies = append(c.Policies, policyRow(r)) }},
		{natRows, func(r *ovsdb.Row) { c.NATs = append(c.NATs, natRow(r)) }},
		{balancerRows, func(r *ovsdb.Row) { c.Balancers = append(c.Balancers, balancerRow(r)) }},
		{balancerGroupRows, func(r *ovsdb.Row) { c.Groups = append(c.Groups, balancerGroupRow(r)) }},
		{healthCheckRows, func(r *ovsdb.Row) { c.Checks = append(c.Checks, healthCheckRow(r)) }},
		{gatewayRows, func(r *ovsdb.Row) { c.Gateways = append(c.Gateways, gatewayRow(r)) }},
		{haChassisRows, func(r *ovsdb.Row) { c.Gateways = append(c.Gateways, gatewayRow(r)) }},
		{haGroupRows, func(r *ovsdb.Row) { c.HAGroups = append(c.HAGroups, haGroupRow(r)) }},
		{ovsdb.From("Address_Set", "name"), func(r *ovsdb.Row) { c.AddressSets[r.UUID()] = r.Str("name") }},
		{ovsdb.From("Chassis_Template_Var", "chassis", "variables"), func(r *ovsdb.Row) { c.Templates[r.Str("chassis")] = r.Map("variables") }},
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reader reads the rows of a query.
type reader struct {
	query ovsdb.Query
	row   func(*ovsdb.Row)
}

func (n *NB) each(ctx context.Context, readers []reader) error { return each(ctx, n.DB, readers) }
func (s *SB) each(ctx context.Context, readers []reader) error { return each(ctx, s.DB, readers) }

// each passes the rows of the readers' queries, selected in one transaction, to the readers as they
// arrive.
func each(ctx context.Context, db *ovsdb.DB, readers []reader) error {
	queries := make([]ovsdb.Query, len(readers))
	for i, r := range readers {
		queries[i] = r.query
	}
	return db.Each(ctx, queries, func(q int, r *ovsdb.Row) error {
		readers[q].row(r)
		if err := r.Err(); err != nil {
			return db.Malformed(queries[q].Table(), err)
		}
		return nil
	})
}
