package ctstate

// Pick is how a question has fallen that nothing outside the datapath can answer.
type Pick struct {
	Kind   string // "ct-answered", "ct-nat", "ct-reopen"
	Chosen string
	Why    string // why it cannot be known
}

// Alternative is one of several things, of which an action has done exactly one.
type Alternative struct {
	Picks  []Pick
	Result Result // certain as far as the picks go
}

// questions are those met in one run of an action, and how they fall in it.
type questions struct {
	fixed []int // how the first fall; later ones fall to their first option
	asked []question
}

type question struct {
	Pick
	index, options int
}

// ask returns the option that holds in this run.
func (q *questions) ask(kind, why string, options ...string) int {
	i := 0
	if n := len(q.asked); n < len(q.fixed) {
		i = q.fixed[n]
	}
	q.asked = append(q.asked, question{Pick{kind, options[i], why}, i, len(options)})
	return i
}

// next returns how the questions fall in the next run; nil after the last one.
func (q *questions) next() []int {
	for i := len(q.asked) - 1; i >= 0; i-- {
		if q.asked[i].index+1 == q.asked[i].options {
			continue
		}
		fixed := make([]int, i+1)
		for j := range fixed {
			fixed[j] = q.asked[j].index
		}
		fixed[i]++
		return fixed
	}
	return nil
}

func (q *questions) picks() []Pick {
	out := make([]Pick, len(q.asked))
	for i := range q.asked {
		out[i] = q.asked[i].Pick
	}
	return out
}

// alternatives makes r, the outcome of a first run that met the questions q, undetermined with one
// alternative for each way that they can fall. again runs the action once more.
func alternatives(r *Result, q *questions, again func(q *questions) (Result, error)) error {
	first := *r
	r.Alternatives = []Alternative{{q.picks(), first}}
	why := r.Why[:len(r.Why):len(r.Why)]
	for i := range q.asked {
		why = append(why, q.asked[i].Why)
	}
	for fixed := q.next(); fixed != nil; {
		more := questions{fixed: fixed}
		other, err := again(&more)
		if err != nil {
			return err
		}
		r.Alternatives = append(r.Alternatives, Alternative{more.picks(), other})
		fixed = more.next()
	}
	r.Certainty, r.Why = Undetermined, why
	return nil
}
