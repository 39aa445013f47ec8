package whatif

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// asked is the number of chassis that are asked for flows at once.
const asked = 8

// beside gives each copied chassis the flows that its Open vSwitch has beside those of its
// ovn-controller. Of what is not known, a warning says so.
func (t *task) beside(ctx context.Context) error {
	t.Say("reading the flows of provider bridges, and those that were learned")
	notes := make([][]string, len(t.Chassis))
	g, own := errgroup.WithContext(ctx)
	g.SetLimit(asked)
	for i, row := range t.Chassis {
		g.Go(func() error {
			n, err := t.live.Nodes.Node(own, row)
			if err != nil {
				return err
			}
			notes[i], err = t.copied.TakeFlows(own, row.Name, t.infos[row.Name], n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, list := range notes {
		for _, text := range list {
			t.warn("%s", text)
		}
	}
	return nil
}
