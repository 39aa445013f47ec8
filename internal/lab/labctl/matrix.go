package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// matrixCheck compares what the tool's matrix says of the lab's pairs with what trace says of each,
// and with what becomes of packets.
type matrixCheck struct {
	lab     *lab.Lab
	answers []*report.MatrixAnswer
	random  *rand.Rand
}

// matrixServices are what each VIF of the lab is asked for.
var matrixServices = []string{"icmp", "80/tcp"}

// cmdInsideMatrix asks for every pair of the lab, and compares samples.
func cmdInsideMatrix(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("inside-matrix", flag.ContinueOnError)
	traces := fs.Int("traces", 60, "number of pairs whose trace is compared; 0: all")
	sent := fs.Int("sent", 40, "number of pairs whose packet is really sent")
	seed := fs.Uint64("seed", 1, "seed of the choice")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	p, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := errors.Join(p.LearnMACs(ctx), p.Flush()); err != nil {
		return err
	}
	defer func() { _ = p.Flush() }()
	m := &matrixCheck{lab: p.Lab, random: rand.New(rand.NewPCG(*seed, 0))}
	if err := m.ask(ctx); err != nil {
		return err
	}
	if err := m.compareTraces(ctx, *traces); err != nil {
		return err
	}
	return m.send(ctx, p, *sent)
}

// ask runs matrix --all and reads its lines.
func (m *matrixCheck) ask(ctx context.Context) error {
	args := append([]string{"matrix", "--all", "-o", "json"}, reach(builtTool)...)
	for _, s := range matrixServices {
		args = append(args, "--service", s)
	}
	run, err := m.lab.RunTool(ctx, builtTool, args...)
	if err != nil {
		return err
	}
	if run.Status != 1 { // the lab has networks that are not joined
		return fmt.Errorf("matrix: exit status %d: %s", run.Status, run.Stderr)
	}
	var end report.MatrixEndReport
	lines := bytes.Split(bytes.TrimSpace(run.Out), []byte("\n"))
	for i, line := range lines {
		if i == len(lines)-1 {
			if err := json.Unmarshal(line, &end); err != nil {
				return err
			}
			break
		}
		a := &report.MatrixAnswer{}
		if err := json.Unmarshal(line, a); err != nil {
			return fmt.Errorf("matrix: line %d: %w", i+1, err)
		}
		m.answers = append(m.answers, a)
	}
	// Every question once.
	slices.SortFunc(m.answers, func(a, b *report.MatrixAnswer) int { return a.N - b.N })
	for i, a := range m.answers {
		if a.N != i+1 {
			return fmt.Errorf("matrix: answer %d is to question %d", i+1, a.N)
		}
	}
	s := end.Summary
	if s.Questions != len(m.answers) || s.Failed+s.Unknown+s.Unasked > 0 {
		return fmt.Errorf("matrix: %d answers, %+v", len(m.answers), s)
	}
	if err := m.complete(); err != nil {
		return err
	}
	fmt.Printf("matrix: %d pairs, %v, in %.1f s: %.0f a minute\n", len(m.answers), s.Verdicts, s.Seconds, 60*float64(s.Questions)/s.Seconds)
	return nil
}

// complete checks that every pair of the zone's VIFs with a common address family was asked for
// each service, once, and that something else was asked too: the VIPs.
func (m *matrixCheck) complete() error {
	asked := map[[2]string]int{}
	for _, a := range m.answers {
		asked[[2]string{a.From, a.To}]++
	}
	var errs []error
	for _, from := range m.zoneVIFs() {
		for _, to := range m.zoneVIFs() {
			if from.Port == to.Port || !commonFamily(from, to) {
				continue
			}
			for _, service := range []string{"/icmp", ":80/tcp"} { // matrixServices
				pair := [2]string{from.Port, to.Port + service}
				if asked[pair] != 1 {
					errs = append(errs, fmt.Errorf("matrix: %s > %s was asked %d times", pair[0], pair[1], asked[pair]))
				}
				delete(asked, pair)
			}
		}
	}
	if len(asked) == 0 {
		errs = append(errs, errors.New("matrix: no VIP was asked for"))
	}
	return errors.Join(errs...)
}

// zoneVIFs returns the VIFs with addresses that are bound in the first zone.
func (m *matrixCheck) zoneVIFs() (out []lab.VIF) {
	for _, v := range m.lab.Topo.VIFs {
		if len(v.IPs) > 0 && !v.Local && m.lab.Topo.ZoneOf(v.Port).Name == "" {
			out = append(out, v)
		}
	}
	return out
}

// commonFamily reports whether two VIFs have addresses of the same family.
func commonFamily(a, b lab.VIF) bool {
	return slices.ContainsFunc(a.IPs, func(x string) bool {
		return slices.ContainsFunc(b.IPs, func(y string) bool { return strings.Contains(x, ":") == strings.Contains(y, ":") })
	})
}

// sample draws n of the answers; 0: all.
func (m *matrixCheck) sample(n int) []*report.MatrixAnswer {
	out := slices.Clone(m.answers)
	m.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	if n > 0 && n < len(out) {
		out = out[:n]
	}
	return out
}

// compareTraces runs trace for a sample, two at a time.
func (m *matrixCheck) compareTraces(ctx context.Context, n int) error {
	list := make(chan *report.MatrixAnswer)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	count := 0
	for range 2 {
		wg.Go(func() {
			for a := range list {
				err := m.compareTrace(ctx, a)
				mu.Lock()
				if count++; err != nil {
					errs = append(errs, fmt.Errorf("matrix: %s > %s: %w", a.From, a.To, err))
				}
				mu.Unlock()
			}
		})
	}
	for _, a := range m.sample(n) {
		list <- a
	}
	close(list)
	wg.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d differ from trace: %w", len(errs), count, errors.Join(errs[:min(5, len(errs))]...))
	}
	fmt.Printf("matrix: %d answers are those of trace\n", count)
	return nil
}

// compareTrace compares an answer with the trace of the same question.
func (m *matrixCheck) compareTrace(ctx context.Context, a *report.MatrixAnswer) error {
	args := append([]string{"trace", "-o", "json", "--from", a.From, "--to", a.To}, reach(builtTool)...)
	run, err := m.lab.RunTool(ctx, builtTool, args...)
	if err != nil {
		return err
	}
	if a.Unsent {
		if run.Status != 2 || !strings.Contains(run.Stderr, a.Ends[0].Reason.Text) {
			return fmt.Errorf("%s; trace: exit status %d: %s", a.Ends[0].Reason.Text, run.Status, run.Stderr)
		}
		return nil
	}
	var r report.Report
	if err := run.JSON(&r); err != nil {
		return err
	}
	want := report.MatrixAnswer{Verdict: r.Verdict, Expectation: *r.Expectation, Warnings: r.Warnings}
	for _, p := range r.Packets {
		want.Entered, want.Header, want.Flood = &p.From, &p.Header, p.Flood
		for _, b := range p.Branches {
			if b.Mirror == "" {
				want.Ends = append(want.Ends, report.MatrixEnd{Verdict: b.Verdict, End: b.End, Header: b.Header, Choices: b.Choices, Reason: b.Reason})
			}
		}
	}
	got := report.MatrixAnswer{Verdict: a.Verdict, Expectation: a.Expectation, Warnings: a.Warnings, Entered: a.Entered, Header: a.Header, Flood: a.Flood, Ends: a.Ends}
	if len(want.Warnings) == 0 {
		want.Warnings = nil
	}
	if d := cmp.Diff(want, got); d != "" {
		return fmt.Errorf("(-trace +matrix)\n%s", d)
	}
	return nil
}

// send sends the packets of a sample, and compares where they arrive. A packet for ovn-controller
// may go on later, and one that is flooded has many ends: those are the oracle's.
func (m *matrixCheck) send(ctx context.Context, p *probe.Runner, n int) error {
	verdicts := map[engine.Verdict]int{}
	left := map[engine.Verdict]int{engine.Delivered: n - n/3, engine.Dropped: n / 3}
	for _, a := range m.sample(0) {
		if a.Unsent || a.Flood || a.Header == nil || left[a.Verdict] == 0 {
			continue
		}
		packet, ok := packetOf(a)
		if !ok {
			continue
		}
		real, err := p.SendOne(ctx, packet)
		if err != nil {
			return err
		}
		if err := arrivedAs(a, real); err != nil {
			// On a busy machine a frame may come too late for the probe.
			if real, err = p.SendOne(ctx, packet); err != nil {
				return err
			}
			if err := arrivedAs(a, real); err != nil {
				return fmt.Errorf("matrix: %s > %s: %w", a.From, a.To, err)
			}
		}
		if err := p.Flush(); err != nil { // the next packet is new, as it was for matrix
			return err
		}
		left[a.Verdict]--
		verdicts[a.Verdict]++
	}
	if verdicts[engine.Delivered] == 0 || verdicts[engine.Dropped] == 0 {
		return fmt.Errorf("matrix: sent %v", verdicts)
	}
	fmt.Printf("matrix: packets went as predicted: %v\n", verdicts)
	return nil
}

// packetOf returns the packet that an answer is about.
func packetOf(a *report.MatrixAnswer) (probe.Packet, bool) {
	h := a.Header
	p := probe.Packet{From: a.From, EthSrc: h.EthSrc, EthDst: h.EthDst, Proto: h.IPProto, Src: h.IPSrc, Dst: h.IPDst, Flags: h.TCPFlags}
	for _, f := range []struct {
		to   *int
		from *int
	}{{&p.Sport, h.L4Src}, {&p.Dport, h.L4Dst}, {&p.Type, h.ICMPType}, {&p.Code, h.ICMPCode}, {&p.ID, h.ICMPID}, {&p.TTL, h.IPTTL}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return p, h.IPProto != ""
}

// arrivedAs compares the ends of a packet with those predicted; of several alternatives one must
// have happened.
func arrivedAs(a *report.MatrixAnswer, real *probe.Reality) error {
	var want []string
	open := false
	for _, e := range a.Ends {
		switch e.Verdict {
		case engine.Delivered:
			want = append(want, "port "+e.End.Port)
		case engine.External:
			want = append(want, "external "+e.End.Chassis)
		}
		for _, c := range e.Choices {
			open = open || !c.Determined && c.Kind != engine.ChoiceNATPort && c.Kind != engine.ChoiceICMPID
		}
	}
	var got []string
	for _, s := range slices.Concat(real.Ends, real.Answers) {
		got = append(got, s.End)
	}
	slices.Sort(want)
	slices.Sort(got)
	want, got = slices.Compact(want), slices.Compact(got)
	switch {
	case open && len(got) > 0 && !slices.ContainsFunc(got, func(end string) bool { return !slices.Contains(want, end) }):
		return nil
	case !open && slices.Equal(want, got):
		return nil
	}
	return fmt.Errorf("predicted %q, and arrived at %q\n%s", want, got, real)
}
