package cli

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/matrix"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Without an answer, or with one that is not determined, a comparison does not say that nothing has
// changed; what ends otherwise than expected, as it did before, has not.
func TestMatrixStatusAgainst(t *testing.T) {
	for i, c := range []struct {
		sum          report.MatrixSummary
		changed, new int
		want         int
	}{
		{report.MatrixSummary{Met: 1, NotMet: 1}, 0, 0, exitOK},
		{report.MatrixSummary{Met: 1}, 1, 0, exitNotAsAsked},
		{report.MatrixSummary{Met: 1}, 0, 1, exitNotAsAsked},
		{report.MatrixSummary{Met: 1, Unknown: 1}, 0, 0, exitUnknown},
		{report.MatrixSummary{Met: 1, Unknown: 1}, 1, 0, exitUnknown},
		{report.MatrixSummary{Failed: 1, Unknown: 1}, 1, 0, exitUnreachable},
		{report.MatrixSummary{Unasked: 1}, 0, 0, exitUnreachable},
	} {
		c.sum.Changed, c.sum.New = &c.changed, &c.new
		p := &matrixPrinter{against: &matrix.Past{}, sum: c.sum}
		if got := p.status(); got != c.want {
			t.Errorf("%d: %d, want %d", i, got, c.want)
		}
	}
}
