package offline_test

import (
	"os"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline/cuts"
)

// The number of places at which tests cut each file, and the seed by which they are drawn.
const (
	cutEnv     = "CT_TRACE_CUTS"
	cutSeedEnv = "CT_TRACE_CUTS_SEED"
)

func places() int {
	if n, err := strconv.Atoi(os.Getenv(cutEnv)); err == nil {
		return n
	}
	return 3
}

func seed() uint64 {
	n, _ := strconv.ParseUint(os.Getenv(cutSeedEnv), 10, 64)
	return n
}

// cutAnswers returns verdicts as answers. why is the reason of one that is unknown.
func cutAnswers(verdicts []string, why string) (out []cuts.Answer) {
	for _, v := range verdicts {
		out = append(out, cuts.Answer{Text: v, Unknown: v == "unknown", Why: why})
	}
	return out
}
