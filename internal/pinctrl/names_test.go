package pinctrl

import "strconv"

// String returns the kind's name.
func (k Kind) String() string {
	names := []string{"unknown", "generates", "resumes", "learns", "consumes", "logs", "ignores"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// String returns the hint's name.
func (h Hint) String() string {
	names := []string{"unknown", "follow", "rejected", "controller", "goes on", "dropped"}
	if int(h) < len(names) {
		return names[h]
	}
	return "hint " + strconv.Itoa(int(h))
}
