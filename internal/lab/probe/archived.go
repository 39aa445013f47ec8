package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Archived is how the answer from an archive compares with the live one.
type Archived struct {
	Kind     string `json:"kind"` // of the archive
	Partial  bool   `json:"-"`    // Archive.Partial
	Question string `json:"question"`
	Is       string `json:"is"` // ArchivedEqual, ArchivedUnknown or ArchivedDiffers
	// AsNew is set where only the answer about a new connection (--as-new) was compared: as it is,
	// the question is unknown without the connections.
	AsNew bool   `json:"as_new,omitempty"`
	Why   string `json:"why,omitempty"` // the reason why it is unknown, or the difference
	// Unseen is why the archive cannot show what makes the difference (Case.Unseen).
	Unseen string `json:"unseen,omitempty"`
}

// How an answer from an archive compares.
const (
	ArchivedEqual   = "equal"
	ArchivedUnknown = "unknown" // with the reason that the archive gives
	ArchivedDiffers = "different"
)

// archivedRank orders them: that of several answers is the greatest.
var archivedRank = []string{ArchivedEqual, ArchivedUnknown, ArchivedDiffers}

func worstArchived(all []Archived) string {
	worst := 0
	for _, a := range all {
		worst = max(worst, slices.Index(archivedRank, a.Is))
	}
	return archivedRank[worst]
}

// ArchivedSummary counts the cases that were asked of archives by their worst answer, and the
// answers of each kind of archive. It is empty if none was asked.
func ArchivedSummary(results []Result) string {
	cases := map[string]int{}
	answers := map[string]map[string]int{}
	asked := 0
	var kinds []string
	for _, r := range results {
		if len(r.Archived) == 0 {
			continue
		}
		asked++
		cases[worstArchived(r.Archived)]++
		for _, a := range r.Archived {
			if answers[a.Kind] == nil {
				answers[a.Kind] = map[string]int{}
				kinds = append(kinds, a.Kind)
			}
			answers[a.Kind][a.Is]++
			if a.AsNew {
				answers[a.Kind]["new"]++
			}
		}
	}
	if asked == 0 {
		return ""
	}
	count := func(n map[string]int) string {
		return fmt.Sprintf("equal=%d unknown=%d different=%d", n[ArchivedEqual], n[ArchivedUnknown], n[ArchivedDiffers])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "offline: cases=%d %s", asked, count(cases))
	for _, k := range kinds {
		n := answers[k]
		fmt.Fprintf(&b, "; %s: answers=%d %s", k, n[ArchivedEqual]+n[ArchivedUnknown]+n[ArchivedDiffers], count(n))
		if n["new"] > 0 {
			fmt.Fprintf(&b, " as-new=%d", n["new"])
		}
	}
	return b.String()
}
