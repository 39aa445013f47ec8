package odp

// Walk calls f for every action in execution order, an outer action before its nested ones (of
// check_pkt_len first gt, then le); if f returns false, Walk skips the nested ones. It is the only
// walker, so that a new kind of nesting is added in one place.
func Walk(as Actions, f func(Action) bool) {
	for _, a := range as {
		if !f(a) {
			continue
		}
		for _, sub := range Nested(a) {
			Walk(sub, f)
		}
	}
}

// Nested returns the lists of actions nested in an action.
func Nested(a Action) []Actions {
	switch a := a.(type) {
	case Clone:
		return []Actions{a.Actions}
	case Sample:
		return []Actions{a.Actions}
	case CheckPktLen:
		return []Actions{a.GT, a.LE}
	case DecTTL:
		return []Actions{a.LE1}
	}
	return nil
}
