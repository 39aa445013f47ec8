package diagnose

import (
	"context"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// databasesOf returns the databases of a chassis' zone: those of the question where they are not
// known.
func (in *Input) databasesOf(ctx context.Context, chassis string) (*ovn.SB, *ovn.NB) {
	if in.Of == nil || chassis == "" {
		return in.SB, in.NB
	}
	sb, nb := in.Of(ctx, chassis)
	if sb == nil {
		return in.SB, in.NB
	}
	return sb, nb
}

// elsewhere makes the judge read the databases of a chassis' zone until leave is called; same is
// true if they are those of the question.
func (j *judge) elsewhere(ctx context.Context, chassis string) (same bool, leave func()) {
	sb, nb := j.databasesOf(ctx, chassis)
	if sb == j.SB {
		return true, func() {}
	}
	own, failed, learned := j.Input, j.failed, j.learned
	j.SB, j.NB, j.Stock, j.failed, j.learned = sb, nb, j.stocks[sb], false, nil
	return false, func() {
		if j.stocks == nil {
			j.stocks = map[*ovn.SB]*inventory.Inventory{}
		}
		j.stocks[sb] = j.Stock
		j.Input, j.failed, j.learned = own, failed, learned
	}
}

// there says of commands for the databases that they are for those of a chassis' zone.
func there(found []report.Finding, chassis string) {
	for i := range found {
		for k, m := range found[i].Mend {
			if strings.HasPrefix(m, "ovn-nbctl") || strings.HasPrefix(m, "ovn-sbctl") {
				found[i].Mend[k] = m + " # with the databases of " + chassis + "'s zone"
			}
		}
	}
}
