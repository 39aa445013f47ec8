package ctstate

// questions lists the questions met in one run of an action, with the answers that this run takes.
type questions struct {
	fixed []int // answers to the first questions, as indices; later questions get their first option
	asked []question
}

// question is one question that was met, the index of its answer and the number of its answers.
type question struct {
	Pick
	index, options int
}

// ask returns the index of the option that this run takes.
func (q *questions) ask(kind Question, why string, options ...string) int {
	i := 0
	if n := len(q.asked); n < len(q.fixed) {
		i = q.fixed[n]
	}
	q.asked = append(q.asked, question{Pick{kind, options[i], why}, i, len(options)})
	return i
}

// next returns the answers of the next run; nil after the last one.
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

// picks returns the questions with the answers that this run took.
func (q *questions) picks() []Pick {
	out := make([]Pick, len(q.asked))
	for i := range q.asked {
		out[i] = q.asked[i].Pick
	}
	return out
}

// alternatives makes r, the outcome of a first run that met the questions q, undetermined with one
// alternative for each combination of answers. again runs the action once more.
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
