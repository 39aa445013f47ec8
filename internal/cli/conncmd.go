package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// connFlags are the flags of conn.
type connFlags struct {
	listFlags
	filter   string
	from, to string
	states   []string
	zones    []string
	nat      string
	summary  bool
	watch    bool
}

// connCmd lists live connections.
func (a *app) connCmd() *cobra.Command {
	var c common
	var f connFlags
	cmd := &cobra.Command{
		Use:   "conn [flags] [FILTER]",
		Short: "Live connections across zones and chassis, NAT followed",
		Long: "Reads the conntrack entries of OVN's zones on every chassis and joins them into connections: one for each flow of packets, with\n" +
			"its entries in path order, what each translates, and the rule behind it. Changes nothing.\n\n" +
			"FILTER is an expression of OVN's language over addresses and ports, before or after NAT; \"orig\" or \"translated\" before it\n" +
			"means only what the client sends, or what the server receives. \"host ADDRESS\" is the address on any leg.\n\n" +
			"Exit status: 0 a connection matches; 1 none does; 2 bad usage, or a filter that is wrong; 3 a chassis could not be read.",
		Example: `  ovn-ct-trace conn host 10.0.0.3
  ovn-ct-trace conn 'orig ip4.dst == 30.0.0.10 && tcp.dst == 80'
  ovn-ct-trace conn --from sw0-p1 --state SYN_SENT
  ovn-ct-trace conn --summary`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.filter = strings.Join(args, " ")
			if f.watch && !cmd.Flags().Changed("timeout") {
				c.timeout = watchTimeout
			}
			return a.conn(cmd.Context(), &c, &f)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	explainFlags(cmd, "with --summary, all counts", largestListed)
	fl := cmd.Flags()
	f.listFlags.add(fl, "ask only this chassis, repeatable; * asks every one (else those on which the filter's addresses can be)", defaultLimit)
	fl.StringVar(&f.from, "from", "", "client: a logical port or an address, before or after NAT")
	fl.StringVar(&f.to, "to", "", "server: a logical port or an address, before or after NAT")
	fl.StringSliceVar(&f.states, "state", nil, "state of at least one entry: ESTABLISHED, SYN_SENT, UNREPLIED, ...")
	fl.StringSliceVar(&f.zones, "zone", nil, "number of a zone of at least one entry")
	fl.StringVar(&f.nat, "nat", "", "what is translated: dnat, snat, any or none")
	fl.BoolVar(&f.summary, "summary", false, "counts only: by state, zone, router, VIP, backend and address of source NAT")
	fl.BoolVar(&f.watch, "watch", false, "print what happens to the connections, until interrupted or --timeout; with -o json, one object a line")
	return cmd
}

// watchTimeout bounds a watch without --timeout.
const watchTimeout = 365 * 24 * time.Hour

// judge reads what is wrong whatever the databases contain.
func (f *connFlags) judge() (connection.Filter, error) {
	filter, err := connection.ParseFilter(f.filter, nil)
	if err != nil {
		return filter, filterUsage(err)
	}
	for _, z := range f.zones {
		n, err := strconv.ParseUint(z, 10, 16)
		if err != nil {
			return filter, usage.Errorf("--zone 7", "--zone %q is not a number from 0 to 65535", z)
		}
		filter.Zones = append(filter.Zones, uint16(n))
	}
	if !slices.Contains([]string{"", "dnat", "snat", "any", "none"}, f.nat) {
		return filter, usage.Errorf("dnat, snat, any or none", "--nat: no translation is called %q", f.nat)
	}
	filter.NAT = f.nat
	for _, s := range f.states {
		s = strings.ToUpper(s)
		if !slices.Contains(connection.AllStates(), s) {
			return filter, usage.Errorf(strings.Join(connection.AllStates(), ", "), "--state: no state is called %q", s)
		}
		filter.States = append(filter.States, s)
	}
	if f.watch && f.summary {
		return filter, usage.Errorf("", "--watch and --summary exclude each other")
	}
	return filter, f.check()
}

// filterUsage marks the place of a fault in the filter.
func filterUsage(err error) error {
	ue := &usage.Error{Msg: "FILTER: " + err.Error(), Err: err}
	var se *ovnexpr.SyntaxError
	if errors.As(err, &se) {
		ue.Mark, ue.Hint = se.Mark(), se.Hint
	}
	return ue
}

func (a *app) conn(ctx context.Context, c *common, f *connFlags) error {
	if err := c.check(); err != nil {
		return err
	}
	filter, err := f.judge()
	if err != nil {
		return err
	}
	return c.run(ctx, func(ctx context.Context, run *deployment.Run) error {
		chassis, err := f.resolve(ctx, run, &filter)
		if err != nil {
			return err
		}
		if f.watch {
			return a.watch(ctx, c, run, chassis, filter)
		}
		return a.listConnections(ctx, c, f, run, chassis, filter)
	})
}

// resolve completes the filter by what the databases know, and returns the chassis that are asked.
func (f *connFlags) resolve(ctx context.Context, run *deployment.Run, filter *connection.Filter) ([]*ovn.Chassis, error) {
	if filter.Expr != nil && len(ovnexpr.Sets(filter.Expr)) > 0 {
		names, failed := question.Symbols(ctx, run)
		named, err := connection.ParseFilter(f.filter, names)
		if err := failed(); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, filterUsage(err)
		}
		filter.Expr = named.Expr
	}
	var err error
	if filter.From, err = addresses(ctx, run, "--from", f.from); err != nil {
		return nil, err
	}
	if filter.To, err = addresses(ctx, run, "--to", f.to); err != nil {
		return nil, err
	}
	return chosen(ctx, run, f.chassis)
}

// listConnections reads the connections and prints them.
func (a *app) listConnections(ctx context.Context, c *common, f *connFlags, run *deployment.Run, chassis []*ovn.Chassis, filter connection.Filter) error {
	z := newZones(run)
	req := gather.Request{Filter: filter, Limit: f.limit, MaxDump: c.dumpBound()}
	// What the inventory of the own zone says of places is not true of chassis of other zones.
	if len(f.chassis) == 0 && !slices.ContainsFunc(chassis, (*ovn.Chassis).IsRemote) {
		if err := z.read(ctx); err != nil {
			return err
		}
		if z.home.inv != nil {
			req.Places = inventory.NewPlaces(z.home.inv)
		}
	}
	res, err := gather.Read(ctx, z.southbound, run.Nodes, chassis, req)
	if err != nil {
		return err
	}
	defer res.Release()
	if err := z.read(ctx); err != nil {
		return err
	}
	list := publish.Listed(res)
	list.Warnings = append(append(list.Warnings, run.Warnings()...), driver.Texts(run.Driver.Notes())...)
	matched, err := a.printConnections(c, f.summary, res, list, z)
	switch {
	case err != nil:
		return err
	case len(res.Unreached()) > 0:
		a.status = exitUnreachable
	case matched == 0:
		a.status = exitNotAsAsked
	}
	return nil
}

// maxSorted is the maximum number of entries whose connections are printed sorted by the client's
// address; those of more are printed as they are found.
const maxSorted = 20_000

// printConnections prints the connections, or their counts, and returns their number.
func (a *app) printConnections(c *common, summary bool, res *gather.Result, list *report.ConnectionsReport, z *zones) (n int, err error) {
	opts := a.renderOptions(c)
	opts.Quiet = opts.Quiet || c.output == "summary"
	all := res.Connections()
	if summary {
		counter := publish.NewCounter(z.inventory)
		for conn := range all {
			counter.Add(&conn)
		}
		list.Summary = counter.Summary()
		n = list.Summary.Connections
		all = func(func(connection.Connection) bool) {}
	}
	if res.Entries() <= maxSorted {
		all = slices.Values(slices.SortedFunc(all, connection.Compare))
	}
	w := bufio.NewWriter(a.out)
	p, err := render.NewConnections(w, list, c.output == "json", opts)
	if err != nil {
		return n, err
	}
	audits := newAuditor(z, res)
	for conn := range all {
		n++
		r := publish.Connection(&conn, z.inventory)
		r.Findings = audits.connection(&conn)
		if err := p.Print(r); err != nil {
			return n, err
		}
	}
	if err := p.End(); err != nil {
		return n, err
	}
	return n, w.Flush()
}

// watch prints what happens to connections until ctx ends. The rules are those of the beginning.
func (a *app) watch(ctx context.Context, c *common, run *deployment.Run, chassis []*ovn.Chassis, filter connection.Filter) error {
	z := newZones(run)
	for _, w := range run.Warnings() {
		fmt.Fprintln(a.err, "ovn-ct-trace: warning: "+oneLine(w))
	}
	seen := false
	opts := a.renderOptions(c)
	opts.Quiet = opts.Quiet || c.output == "summary"
	var unread error
	err := gather.Watch(ctx, z.southbound, run.Nodes, chassis, gather.Request{Filter: filter, MaxDump: c.dumpBound()}, func() {
		unread = z.read(ctx)
		fmt.Fprintf(a.err, "ovn-ct-trace: watching %d chassis\n", len(chassis))
	}, func(ch *gather.Change) error {
		if unread != nil {
			return unread
		}
		seen = seen || ch.Connection != nil
		r := publish.ConnectionChange(ch, z.inventory)
		if c.output == "json" {
			return render.ChangeJSON(a.out, r)
		}
		return render.Change(a.out, r, opts)
	})
	if err == nil && !seen {
		a.status = exitNotAsAsked
	}
	return err
}

// addresses returns the addresses of a port, or the address itself.
func addresses(ctx context.Context, run *deployment.Run, flag, spec string) ([]netip.Addr, error) {
	if spec == "" {
		return nil, nil
	}
	if ip, err := netip.ParseAddr(spec); err == nil && ip.Zone() == "" {
		return []netip.Addr{ip.Unmap()}, nil
	}
	ports, err := question.FindPorts(ctx, run, spec)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, p := range ports {
		for _, addr := range p.Addrs() {
			for _, ip := range addr.IPs {
				out = append(out, ip.Addr())
			}
		}
	}
	if len(out) == 0 {
		return nil, usage.Errorf("name an address", "%s: port %s has no IP address", flag, spec)
	}
	return out, nil
}

// everyChassis is the value of --chassis that asks all.
const everyChassis = "*"

// chosen returns the chassis that are asked: those named, else all of this zone, and those of other
// zones to whose nodes the options give a way.
func chosen(ctx context.Context, run *deployment.Run, names []string) ([]*ovn.Chassis, error) {
	all, err := run.SB.AllChassis(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *ovn.Chassis) int { return strings.Compare(a.Name, b.Name) })
	if slices.Contains(names, everyChassis) {
		names = nil
	}
	if len(names) > 0 {
		return named("--chassis", all, names)
	}
	return slices.DeleteFunc(all, func(c *ovn.Chassis) bool { return c.IsRemote() && !run.Reachable(c) || c.IsVTEP() }), nil
}

// named returns the chassis with these names or host names, which a flag has. It overwrites all.
func named(flag string, all []*ovn.Chassis, names []string) ([]*ovn.Chassis, error) {
	var known []string
	out := slices.DeleteFunc(all, func(c *ovn.Chassis) bool {
		known = append(known, c.Name)
		return !slices.Contains(names, c.Name) && !slices.Contains(names, c.Hostname)
	})
	for _, name := range names {
		if !slices.ContainsFunc(out, func(c *ovn.Chassis) bool { return c.Name == name || c.Hostname == name }) {
			return nil, usage.Errorf(fmt.Sprintf("chassis: %s", strings.Join(known, ", ")), "%s: no chassis is called %q", flag, name)
		}
	}
	return out, nil
}
