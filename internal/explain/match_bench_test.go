package explain

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// realMatches are the matches of the logical flows of every release that was captured.
func realMatches(t testing.TB) []string {
	var out []string
	for _, file := range testenv.Corpus(t, "../../testdata/ovnexpr/lflow-*.txt") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "#") {
				out = append(out, lines.Text())
			}
		}
	}
	return out
}

// BenchmarkMatches evaluates every captured match over a TCP and an ND packet; "first" reads each
// match too, as for the first packet of a run.
func BenchmarkMatches(b *testing.B) {
	all := realMatches(b)
	for _, c := range []struct {
		name  string
		cache matches
	}{{"first", nil}, {"again", matches{}}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				for _, flow := range []string{syn, ns} {
					f := readFacts(flow)
					f.matches = c.cache
					for _, m := range all {
						f.holds(m)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2*len(all)), "ns/match")
		})
	}
}
