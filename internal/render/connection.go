package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Connections prints connections one at a time, for there may be a million: as text, a line for
// each and one for each of its legs, or as JSON.
type Connections struct {
	w     io.Writer
	opts  Options
	json  bool
	list  *report.ConnectionsReport
	rest  []byte // of the JSON, behind the connections
	count int
}

// NewConnections begins to print. list is the answer without its connections.
func NewConnections(w io.Writer, list *report.ConnectionsReport, json bool, opts Options) (*Connections, error) {
	p := &Connections{w: w, opts: opts, json: json, list: list}
	if !json {
		return p, nil
	}
	var whole bytes.Buffer
	if err := encode(&whole, list); err != nil {
		return nil, err
	}
	head, rest, _ := bytes.Cut(whole.Bytes(), []byte(emptyList))
	p.rest = rest
	_, err := w.Write(append(head, `"connections": [`...))
	return p, err
}

// emptyList is how encode prints a report without connections.
const emptyList = `"connections": []`

// Print prints a connection.
func (p *Connections) Print(c *report.Connection) error {
	p.count++
	if !p.json {
		out := newPrinter(p.opts)
		out.connection(c)
		return out.flush(p.w)
	}
	sep := ",\n    "
	if p.count == 1 {
		sep = "\n    "
	}
	var one bytes.Buffer
	e := json.NewEncoder(&one)
	e.SetEscapeHTML(false)
	e.SetIndent("    ", "  ")
	if err := e.Encode(c); err != nil {
		return err
	}
	_, err := io.WriteString(p.w, sep+strings.TrimSuffix(one.String(), "\n"))
	return err
}

// End prints what follows the connections.
func (p *Connections) End() error {
	if p.json {
		end := "]"
		if p.count > 0 {
			end = "\n  ]"
		}
		_, err := io.WriteString(p.w, end+string(p.rest))
		return err
	}
	out := newPrinter(p.opts)
	if s := p.list.Summary; s != nil {
		out.summary(s)
	} else {
		out.line(0, span{connections(p.count), bold})
	}
	if n := p.list.AskedOf; n > 0 {
		var names []string
		for _, c := range p.list.Chassis {
			names = append(names, c.Chassis)
		}
		out.line(0, span{fmt.Sprintf("asked %d of %d chassis, on which these addresses can be: %s", len(names), n, strings.Join(names, ", ")), dim})
	}
	for _, c := range p.list.Chassis {
		if c.HeldMS > 0 {
			out.line(0, span{fmt.Sprintf("%s: reading the userspace datapath's table took %d ms, in which ovs-vswitchd's main thread took part", c.Chassis, c.HeldMS), dim})
		}
	}
	for _, text := range p.list.Warnings {
		out.line(0, span{"warning: ", yellow}, plain(text))
	}
	return out.flush(p.w)
}

// ChangeJSON prints a change as one line.
func ChangeJSON(w io.Writer, c *report.ConnectionChange) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(c)
}

// Change prints a change: when, what, and the connection.
func Change(w io.Writer, c *report.ConnectionChange, opts Options) error {
	p := newPrinter(opts)
	at := c.Time.Local().Format("15:04:05.000")
	if c.Lost != "" {
		p.line(0, span{at, dim}, plain("  "), span{"events lost", yellow}, plain(" on "+c.Lost+": its table was read again, and what had changed meanwhile follows"))
		return p.flush(w)
	}
	var kinds []string
	for _, e := range c.Events {
		if word := strings.ToUpper(e.Event); !slices.Contains(kinds, word) {
			kinds = append(kinds, word)
		}
	}
	p.line(0, span{at, dim}, plain("  "), span{strings.Join(kinds, ","), cyan})
	p.under(2, "", "", func() { p.connection(c.Connection) })
	return p.flush(w)
}

func connections(n int) string { return number(n, "connection", "connections") }

// counted is a counter in words.
func counted(c report.Counter) string {
	return fmt.Sprintf("%d packets %d bytes", c.Packets, c.Bytes)
}

// connection prints one connection.
func (p *printer) connection(c *report.Connection) {
	line := []span{{c.Original.Text(), bold}}
	if to := c.Translated.Text(); to != c.Original.Text() {
		line = append(line, plain(" => "), span{to, bold})
	}
	line = append(line, plain("  "+c.Proto))
	if len(c.States) > 0 {
		word := span{strings.Join(c.States, ", "), green}
		if len(c.States) > 1 {
			word.color = yellow
		}
		line = append(line, plain("  "), word)
	}
	line = append(line, plain("  "+strings.Join(chassisOfLegs(c), ",")))
	p.line(0, line...)
	if p.opts.Quiet {
		return
	}
	if c.Client != "" || c.Server != "" {
		p.line(2, span{"from " + orUnknown(c.Client) + " to " + orUnknown(c.Server), dim})
	}
	for _, l := range c.Legs {
		p.leg(c, &l)
	}
	for _, f := range c.Findings {
		p.under(2, "", "", func() { p.finding(f, "info") })
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown owner"
	}
	return s
}

func chassisOfLegs(c *report.Connection) (out []string) {
	for _, l := range c.Legs {
		if !slices.Contains(out, l.Chassis) {
			out = append(out, l.Chassis)
		}
	}
	return out
}

// leg prints one entry: its place, what it translates, its state, and the rule.
func (p *printer) leg(c *report.Connection, l *report.Leg) {
	zone := fmt.Sprintf("%s zone %d", l.Chassis, l.Zone)
	if l.ZoneName != "" {
		zone += " " + l.ZoneName
	}
	line := []span{{zone, cyan}}
	orig, after := l.Entry.Original, l.Entry.Reply.Inverse()
	switch {
	case l.NAT != "":
		line = append(line, plain("  "+l.NAT+" "), plain(translation(l.NAT, &orig, &after)))
	case orig.Text() != c.Original.Text() && orig.Text() != c.Translated.Text():
		line = append(line, plain("  "+orig.Text()))
	}
	if l.State != "" {
		line = append(line, plain("  "+l.State))
	}
	if strings.Contains(l.Entry.Status, "ASSURED") {
		line = append(line, plain(" assured"))
	}
	if l.Age != nil {
		line = append(line, plain("  for "+short(time.Duration(*l.Age)*time.Second)))
	}
	if l.Entry.Timeout > 0 {
		line = append(line, plain("  expires in "+short(time.Duration(l.Entry.Timeout)*time.Second)))
	}
	if c := l.Entry.Counters; c != nil {
		line = append(line, plain(fmt.Sprintf("  %s, answers %s", counted(c.Original), counted(c.Reply))))
	}
	if len(l.Marks) > 0 {
		line = append(line, plain("  "+strings.Join(l.Marks, ",")))
	}
	if l.Rule != "" {
		line = append(line, plain("  "+l.Rule))
	}
	p.line(2, line...)
}

// translation prints what changes: the destination, the source, or both.
func translation(nat string, from, to *report.Tuple) string {
	switch nat {
	case "dnat":
		return from.Destination() + " => " + to.Destination()
	case "snat":
		return from.Source() + " => " + to.Source()
	}
	return from.Text() + " => " + to.Text()
}

// short prints a duration in its largest unit, and the next where it counts: 14m, 2h5m, 3d4h.
func short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// maxCounts is the maximum number of lines of one kind in a summary.
const maxCounts = 20

// summary prints the counts, each kind as a block.
func (p *printer) summary(s *report.ConnectionSummary) {
	p.line(0, span{connections(s.Connections), bold})
	for _, block := range []struct {
		title  string
		counts []report.Count
	}{
		{"by state", s.States}, {"entries by zone", s.Zones}, {"by router", s.Routers}, {"by VIP", s.VIPs}, {"by backend", s.Backends},
		{"by address of source NAT", s.SNAT},
	} {
		if len(block.counts) == 0 {
			continue
		}
		p.line(0, span{block.title, bold})
		for i, c := range block.counts {
			if i == maxCounts && p.opts.Verbose == 0 {
				p.line(2, span{fmt.Sprintf("%d more (-v shows them)", len(block.counts)-i), dim})
				break
			}
			p.line(2, plain(fmt.Sprintf("%7d  %s", c.Count, c.Name)))
		}
	}
}
