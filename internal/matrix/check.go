package matrix

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
)

// Checked is a list whose questions can all be asked.
type Checked struct {
	List
	Count int // of questions

	chassis int // of the deployment

	// The chassis on which a name's packets enter, by name and network. A port without a chassis, or
	// on several, has none.
	enters map[named]ovsdb.UUID
	asNew  bool
}

// named is a name as a question gives it.
type named struct{ name, network string }

// Judge reads a whole list without the databases. The error is of the first question that is wrong
// whatever they contain, with its place in the file, whose name is given.
func Judge(name string, list List, asNew bool) error {
	for q, err := range list.Each() {
		if err == nil {
			if _, err = q.asked(asNew).Judge(false); err == nil {
				continue
			}
			err = atLine(name, q.Line, err)
		}
		return err
	}
	return nil
}

// Check reads a whole list and looks up its names; no node is asked. The error is of the first
// question that cannot be asked, with its place in the file: bad syntax, an unknown or ambiguous
// name. A port that is bound to no chassis is none: that is an answer. name is the file's; empty
// without one.
func Check(ctx context.Context, r *deployment.Run, name string, list List, asNew bool) (*Checked, error) {
	c := &Checked{List: list, enters: map[named]ovsdb.UUID{}, asNew: asNew}
	known := map[named]bool{} // destinations
	for q, err := range list.Each() {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := c.one(ctx, r, q, known); err != nil {
			if name != "" && q.Line > 0 {
				err = atLine(name, q.Line, err)
			}
			return nil, err
		}
		c.Count++
	}
	var err error
	c.chassis, err = r.SB.CountChassis(ctx)
	return c, err
}

// one checks a question whose names were not both looked up before.
func (c *Checked) one(ctx context.Context, r *deployment.Run, q Question, known map[named]bool) error {
	j, err := q.asked(c.asNew).Judge(false)
	if err != nil {
		return err
	}
	from, to := named{q.From, q.Network}, named{q.To, q.Network}
	if _, had := c.enters[from]; had && known[to] {
		return nil
	}
	pb, err := j.Names(ctx, r)
	if err != nil {
		if _, answer := question.Unsent(err); answer {
			return nil
		}
		return err
	}
	c.enters[from], known[to] = pb.Chassis, true
	return nil
}
