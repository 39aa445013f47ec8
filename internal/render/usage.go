package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// maxUsage is the number of rows of the table of NAT addresses, unless the answer is verbose.
const maxUsage = 10

// Audit prints the answer of nat as text: the findings, then how full the NAT addresses are, the
// fullest first.
func Audit(w io.Writer, r *report.FindingsReport, opts Options) error {
	if err := Findings(w, r.Findings, opts); err != nil || opts.Quiet || len(r.Usage) == 0 {
		return err
	}
	p := newPrinter(opts)
	rows := r.Usage
	if opts.Verbose == 0 && len(rows) > maxUsage {
		rows = rows[:maxUsage]
	}
	p.line(0)
	p.line(0, span{"ports of NAT addresses in use:", bold})
	var text bytes.Buffer
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, u := range rows {
		fmt.Fprintf(t, "%5.1f %%\t%d of %d\t%s\tto %s %s\trouter %s on %s\n",
			100*float64(u.Used)/float64(u.Of), u.Used, u.Of, u.Address, u.Proto, u.Destination, u.Router, u.Chassis)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		c := none
		switch u := rows[i]; {
		case u.Full():
			c = red
		case u.NearlyFull():
			c = yellow
		}
		p.line(1, span{line, c})
	}
	if n := len(r.Usage) - len(rows); n > 0 {
		p.line(1, span{fmt.Sprintf("and %d more; -v shows all", n), dim})
	}
	return p.flush(w)
}
