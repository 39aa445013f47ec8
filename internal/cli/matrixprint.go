package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/matrix"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// matrixPrinter counts and prints the answers of matrix.
type matrixPrinter struct {
	*app
	c               *common
	asNew           bool
	resume, against *matrix.Past // may be nil

	began, shown time.Time
	progress     bool
	total        int // questions
	answered     int

	mu  sync.Mutex // skip runs beside take
	sum report.MatrixSummary
}

func (p *matrixPrinter) begin(questions int) {
	p.total, p.began, p.progress = questions, time.Now(), isTerminal(p.err) && !p.c.quiet
	p.sum = report.MatrixSummary{Questions: questions, Verdicts: map[string]int{}}
	if p.against != nil {
		p.sum.Changed, p.sum.New, p.sum.Gone = new(int), new(int), new(int)
	}
}

// skip reports whether the file of --resume has a question's answer, which then counts. It runs
// beside take.
func (p *matrixPrinter) skip(q matrix.Question) bool {
	if p.resume == nil {
		return false
	}
	outcome, verdict, ok := p.resume.Answered(q, p.asNew)
	if ok {
		p.count(outcome, verdict.String())
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sum.Earlier++
	}
	return ok
}

// take counts and prints one answer.
func (p *matrixPrinter) take(a *report.MatrixAnswer) error {
	p.answered++
	outcome := matrix.OutcomeOf(a)
	p.count(outcome, a.Verdict.String())
	change := matrix.Changed
	if p.against != nil {
		switch change = p.against.Compare(a); change {
		case matrix.Changed:
			*p.sum.Changed++
		case matrix.New:
			*p.sum.New++
		}
	}
	defer p.show(false)
	switch {
	case p.against != nil && change == matrix.Same:
		return nil
	case p.c.output == "json":
		return render.MatrixJSON(p.out, a)
	case p.c.output == "summary", p.c.quiet:
		return nil
	case p.against == nil && outcome == matrix.Met && p.c.verbose == 0:
		return nil
	}
	p.clear()
	return render.MatrixAnswer(p.out, a, matrix.Fate(a), p.renderOptions(p.c))
}

func (p *matrixPrinter) count(o matrix.Outcome, verdict string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch o {
	case matrix.Met:
		p.sum.Met++
	case matrix.NotMet:
		p.sum.NotMet++
	case matrix.Unknown:
		p.sum.Unknown++
	case matrix.Failed:
		p.sum.Failed++
	}
	p.sum.Verdicts[verdict]++
}

// show prints the progress on a terminal, at most five times a second.
func (p *matrixPrinter) show(last bool) {
	now := time.Now()
	if !p.progress || !last && now.Sub(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = now
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := p.answered + p.sum.Earlier
	rate := float64(p.answered) / max(now.Sub(p.began).Seconds(), 0.001)
	left := ""
	if rate > 0 {
		left = fmt.Sprintf(", %v left", time.Duration(float64(p.total-answered)/rate*float64(time.Second)).Round(time.Second))
	}
	fmt.Fprintf(p.err, "\r\x1b[K%d of %d, %d not as expected, %.0f a minute%s", answered, p.total, p.sum.NotMet+p.sum.Unknown+p.sum.Failed, rate*60, left)
}

// clear removes the progress from the terminal's line.
func (p *matrixPrinter) clear() {
	if p.progress && !p.shown.IsZero() {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.shown = time.Time{}
	}
}

// end prints what was counted.
func (p *matrixPrinter) end() error {
	p.clear()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum.Unasked = p.total - p.answered - p.sum.Earlier
	p.sum.Seconds = float64(time.Since(p.began).Milliseconds()) / 1000
	if p.against != nil {
		*p.sum.Gone = p.against.Gone()
	}
	if p.c.output == "json" {
		return render.MatrixJSON(p.out, report.MatrixEndReport{Schema: report.Schema, Summary: p.sum})
	}
	return render.MatrixSummary(p.out, &p.sum, p.renderOptions(p.c))
}

// status returns the exit status.
func (p *matrixPrinter) status() int {
	s := matrixStatus(&p.sum)
	if p.against == nil || s == exitUnreachable || s == exitUnknown {
		return s // what is unknown may have changed
	}
	if *p.sum.Changed+*p.sum.New > 0 {
		return exitNotAsAsked
	}
	return exitOK
}
