package publish

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// The report's constants have the same texts as the engine's: they are converted by text.
func TestModelWords(t *testing.T) {
	for got, want := range map[string]string{
		ctstate.Exact.String():         string(report.CertaintyExact),
		ctstate.Predicted.String():     string(report.CertaintyPredicted),
		ctstate.Assumed.String():       string(report.CertaintyAssumed),
		ctstate.Undetermined.String():  string(report.CertaintyUndetermined),
		ctstate.DirOriginal.String():   string(report.DirectionOriginal),
		ctstate.DirReply.String():      string(report.DirectionReply),
		ctstate.FromNone.String():      string(report.FoundNone),
		ctstate.FromKernel.String():    string(report.FoundKernel),
		ctstate.FromUserspace.String(): string(report.FoundUserspace),
		ctstate.FromOverlay.String():   string(report.FoundOverlay),
	} {
		if got != want {
			t.Errorf("the model says %q, the report %q", got, want)
		}
	}
}
