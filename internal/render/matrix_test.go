package render

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

func TestMatrixSummary(t *testing.T) {
	for want, sum := range map[string]*report.MatrixSummary{
		"1 question: 1 as expected\n":                     {Questions: 1, Met: 1},
		"2 questions: 1 as expected, 1 not as expected\n": {Questions: 2, Met: 1, NotMet: 1},
	} {
		var out strings.Builder
		if err := MatrixSummary(&out, sum, Options{Quiet: true}); err != nil || out.String() != want {
			t.Errorf("%q, want %q: %v", out.String(), want, err)
		}
	}
}
