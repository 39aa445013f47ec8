package probe

import "strings"

// expectedFrames returns the minimum number of frames over all alternatives.
func expectedFrames(p *RPkt) int {
	least := -1
	for _, a := range alternatives(p) {
		n := 0
		for _, b := range a.branches {
			if wanted(b) != "" || b.Verdict == "rejected" {
				n++
			}
		}
		if least < 0 || n < least {
			least = n
		}
	}
	return max(least, 0)
}

func wantCount(want string) int {
	switch want {
	case "", "nowhere":
		return 0
	}
	return strings.Count(want, ",") + 1
}
