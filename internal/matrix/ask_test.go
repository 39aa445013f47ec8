package matrix

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// A chassis has no more questions in progress than it may, and the chassis take turns.
func TestLanes(t *testing.T) {
	ls, release := newLanes(t.Context())
	defer release()
	hv1, hv2 := ovsdb.UUID{1}, ovsdb.UUID{2}
	for n := 1; n <= 4; n++ {
		ls.put(hv1, Question{N: n})
	}
	ls.put(hv2, Question{N: 5})
	ls.close()
	var got []int
	var done []func()
	for range 3 {
		q, d, ok := ls.take(2)
		if !ok {
			t.Fatal("no question")
		}
		got, done = append(got, q.N), append(done, d)
	}
	if got[0] != 1 || got[1] != 5 || got[2] != 2 {
		t.Errorf("%v", got)
	}
	taken := make(chan int)
	go func() {
		for {
			q, d, ok := ls.take(2)
			if !ok {
				close(taken)
				return
			}
			taken <- q.N
			d()
		}
	}()
	select {
	case n := <-taken:
		t.Errorf("question %d is a third one of hv1", n)
	case <-time.After(20 * time.Millisecond):
	}
	done[0]()
	if a, b := <-taken, <-taken; a != 3 || b != 4 {
		t.Errorf("%d %d", a, b)
	}
	if _, more := <-taken; more {
		t.Error("more questions than there are")
	}
}

// The window bounds what is read ahead, and the end of a run ends who waits.
func TestLanesEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ls, release := newLanes(ctx)
	defer release()
	var wg sync.WaitGroup
	put := 0
	wg.Go(func() {
		for ls.put(ovsdb.UUID{}, Question{}) {
			put++
		}
	})
	wg.Go(func() {
		for range 3 { // of which the third is one too many
			if _, _, ok := ls.take(2); !ok {
				return
			}
		}
		t.Error("a third question")
	})
	time.AfterFunc(50*time.Millisecond, cancel)
	wg.Wait()
	if put > window+2 {
		t.Errorf("%d questions were read ahead", put)
	}
}

// A chassis has no more requests at a time than it may.
func TestGateInFlight(t *testing.T) {
	g := NewGate(2, 100, time.Minute)
	var mu sync.Mutex
	now, most := map[string]int{}, map[string]int{}
	var wg sync.WaitGroup
	for i := range 40 {
		chassis := []string{"hv1", "hv2"}[i%2]
		wg.Go(func() {
			err := g.Do(t.Context(), chassis, func(context.Context) (time.Duration, error) {
				mu.Lock()
				now[chassis]++
				most[chassis] = max(most[chassis], now[chassis])
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				now[chassis]--
				mu.Unlock()
				return 0, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most["hv1"] != 2 || most["hv2"] != 2 {
		t.Errorf("at a time %v", most)
	}
}

// A share leaves a chassis alone for as long as it demands, and one request at a time.
func TestGateShare(t *testing.T) {
	for _, c := range []struct {
		percent  int
		busy     time.Duration
		pause    time.Duration
		inFlight int
	}{{100, time.Second, 0, 4}, {50, time.Second, time.Second, 1}, {20, 10 * time.Millisecond, 40 * time.Millisecond, 1}, {1, time.Millisecond, 99 * time.Millisecond, 1}} {
		g := NewGate(4, c.percent, time.Minute)
		if got := pauseAfter(c.busy, g.share).Round(time.Millisecond); got != c.pause || g.inFlight != c.inFlight {
			t.Errorf("%d %%: %v after %v, %d at a time", c.percent, got, c.busy, g.inFlight)
		}
	}
	g := NewGate(4, 1, time.Minute)
	busy := func(context.Context) (time.Duration, error) { return time.Hour, nil }
	if err := g.Do(t.Context(), "hv1", busy); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := g.Do(ctx, "hv1", busy); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a chassis that has had its share: %v", err)
	}
	if err := g.Do(t.Context(), "hv2", busy); err != nil {
		t.Errorf("another chassis: %v", err)
	}
}

// A chassis that does not answer is given up, and one that does is not.
func TestGateSilent(t *testing.T) {
	g := NewGate(1, 100, time.Millisecond)
	hang := func(ctx context.Context) (time.Duration, error) { <-ctx.Done(); return 0, ctx.Err() }
	fail := func(ctx context.Context) (time.Duration, error) { return 0, errors.New("no") }
	for i, request := range []func(context.Context) (time.Duration, error){hang, fail, hang, hang} {
		var silent *SilentError
		if err := g.Do(t.Context(), "hv1", request); err == nil || errors.As(err, &silent) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	var silent *SilentError
	if err := g.Do(t.Context(), "hv1", fail); !errors.As(err, &silent) || silent.Chassis != "hv1" {
		t.Errorf("%v", err)
	}
}

const answers = `{"schema":"ovn-ct-trace/1","n":1,"from":"a","to":"b","verdict":"delivered","expectation":{"text":"delivered at b","met":true},"header":{"ip_src":"10.0.0.1","ip_dst":"30.0.0.1","l4_src":5,"l4_dst":80},"ends":[{"verdict":"delivered","end":{"kind":"port","chassis":"hv1","port":"b"},"header":{"ip_src":"10.0.0.1","ip_dst":"20.0.0.1","l4_src":7,"l4_dst":8080}}]}
{"schema":"ovn-ct-trace/1","n":2,"from":"a","to":"c","expect":"dropped","verdict":"dropped","expectation":{"text":"dropped","met":true},"ends":[{"verdict":"dropped","end":{"kind":"drop","chassis":"hv1"},"header":{},"reason":{"text":"by an ACL","nb":{"table":"ACL","uuid":"u","name":"","summary":"to-lport 7"}}}]}
{"schema":"ovn-ct-trace/1","n":3,"from":"a","to":"d","verdict":"unknown","expectation":{"text":"delivered","met":false},"error":{"kind":"unreachable","text":"no"}}
{"schema":"ovn-ct-trace/1","summary":{"questions":3}}
{"schema":"ovn-ct-trace/1","n":4,"from":"a","to":"e","ver`

func TestPast(t *testing.T) {
	p, err := ReadPast("old.json", strings.NewReader(answers))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q       Question
		asNew   bool
		outcome Outcome
		ok      bool
	}{
		{Question{From: "a", To: "b", N: 9, Line: 9}, false, Met, true},
		{Question{From: "a", To: "b"}, true, 0, false},
		{Question{From: "a", To: "c", Expect: "dropped"}, false, Met, true},
		{Question{From: "a", To: "c"}, false, 0, false},
		{Question{From: "a", To: "d"}, false, 0, false},
		{Question{From: "a", To: "e"}, false, 0, false},
	} {
		if o, _, ok := p.Answered(c.q, c.asNew); ok != c.ok || o != c.outcome {
			t.Errorf("%v: %v %v", c.q, o, ok)
		}
	}
	port := func(n int) *int { return &n }
	same := &report.MatrixAnswer{From: "a", To: "b", Verdict: engine.Delivered, Expectation: report.Expectation{Met: true},
		Header: &report.Header{IPSrc: "10.0.0.1", IPDst: "30.0.0.1", L4Dst: port(80)},
		Ends: []report.MatrixEnd{{Verdict: engine.Delivered, End: report.End{Kind: report.EndPort, Chassis: "hv1", Port: "b"},
			Header: report.Header{IPSrc: "10.0.0.1", IPDst: "20.0.0.1", L4Src: port(99), L4Dst: port(8080)}}}}
	if c := p.Compare(same); c != Same || same.Was != nil || p.Gone() != 2 {
		t.Errorf("%v %+v %d: %s", c, same.Was, p.Gone(), Fate(same))
	}
	same.Ends[0].Header.IPDst = "20.0.0.2"
	if c := p.Compare(same); c != Changed || same.Was.Fate != "delivered at b on hv1 as 10.0.0.1 > 20.0.0.1:8080" {
		t.Errorf("%v %+v", c, same.Was)
	}
	if c := p.Compare(&report.MatrixAnswer{From: "x", To: "y"}); c != New {
		t.Error(c)
	}
	// Without an answer now, or then, nothing has changed.
	silent := &report.MatrixAnswer{From: "a", To: "b", Error: &report.MatrixError{Kind: report.MatrixErrorUnreachable, Text: "gone"}}
	if c := p.Compare(silent); c != Unanswered || silent.Was != nil {
		t.Errorf("%v %+v", c, silent.Was)
	}
	silent.To = "d"
	if c := p.Compare(silent); c != Unanswered || p.Gone() != 1 {
		t.Errorf("%v %d", c, p.Gone())
	}
	if c := p.Compare(&report.MatrixAnswer{From: "a", To: "d", Verdict: engine.Delivered}); c != New {
		t.Error(c)
	}
	if f := p.answers[keyOf(Question{From: "a", To: "c", Expect: "dropped"}, false)].fate; f != "dropped on hv1: ACL (to-lport 7)" {
		t.Error(f)
	}
	for _, bad := range []string{"{}\n", "x\n", `{"schema":"ovn-ct-trace/1","n":1,"from":"a"}` + "\n", "\n[1]\n"} {
		if _, err := ReadPast("old.json", strings.NewReader(bad)); err == nil || !strings.HasPrefix(err.Error(), "old.json:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What a run has printed that went on behind a line that was cut off counts.
func TestPastAppended(t *testing.T) {
	more := `{"schema":"ovn-ct-trace/1","n":5,"from":"a","to":"f","verdict":"delivered","expectation":{"text":"delivered","met":true}}` + "\n"
	p, err := ReadPast("old.json", strings.NewReader(answers+more+more))
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]bool{"b": true, "e": false, "f": true} {
		if _, _, ok := p.Answered(Question{From: "a", To: to}, false); ok != want {
			t.Errorf("%s: %v", to, ok)
		}
	}
}

// What was found before an error stays, and the question has no answer.
func TestSettle(t *testing.T) {
	before := &report.Report{
		Verdict: engine.Unknown, Expectation: &report.Expectation{Text: "delivered at b"},
		Packets: []*report.Packet{{From: report.Place{Chassis: "hv1", Port: "a"}, Branches: []*report.Branch{
			{Verdict: engine.Unknown, Reason: &report.Reason{Text: "not followed: chassis hv2: reach: no way to it"}},
		}}},
	}
	a := &report.MatrixAnswer{From: "a", To: "b"}
	settle(a, before, &SilentError{"hv2"})
	if a.Entered == nil || len(a.Ends) != 1 || a.Ends[0].Reason == nil || a.Verdict != engine.Unknown || a.Error == nil ||
		a.Error.Kind != report.MatrixErrorUnreachable || OutcomeOf(a) != Failed {
		t.Errorf("%+v", a)
	}
	a = &report.MatrixAnswer{From: "a", To: "b"}
	settle(a, nil, &SilentError{"hv1"})
	if a.Entered != nil || len(a.Ends) > 0 || a.Error == nil || a.Expectation.Text != "delivered" || a.Expectation.Met {
		t.Errorf("%+v", a)
	}
}

func TestOutcome(t *testing.T) {
	failed := func(k report.MatrixErrorKind) *report.MatrixAnswer {
		return &report.MatrixAnswer{Error: &report.MatrixError{Kind: k}}
	}
	for i, c := range []struct {
		a    *report.MatrixAnswer
		want Outcome
	}{
		{failed(report.MatrixErrorUnreachable), Failed}, {failed(report.MatrixErrorUndetermined), Unknown}, {failed(report.MatrixErrorInput), NotMet},
		{&report.MatrixAnswer{Verdict: engine.Dropped, Expectation: report.Expectation{Met: true}}, Met},
		{&report.MatrixAnswer{Verdict: engine.Dropped}, NotMet},
		{&report.MatrixAnswer{Verdict: engine.Unknown}, Unknown},
		{&report.MatrixAnswer{Verdict: engine.Delivered, Ends: []report.MatrixEnd{{Verdict: engine.Unknown}}}, Unknown},
	} {
		if got := OutcomeOf(c.a); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

func TestWorkers(t *testing.T) {
	for chassis, want := range map[int]int{0: 512, 4: 512, 195: 512, 1000: 100, 5000: 20, 100000: 16} {
		if got := workers(chassis); got != want {
			t.Errorf("%d chassis: %d, want %d", chassis, got, want)
		}
	}
}
