package probe

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Case is one scenario: its packets are predicted and then sent.
type Case struct {
	Name    string
	Feature string // the row of docs/coverage.md
	Needs   string // a feature of newer releases (lab.Schema.Has): without it the case is not run
	Until   string // likewise: with it the packets end elsewhere, and the case is not run
	// The only datapath on which the lab can set it up (lab.Userspace): on others the case is not
	// run.
	Only string
	// What it shows depends on the type of the datapath: the lab's may not stand for another one.
	OwnDatapath bool
	Cannot      string // why the lab's datapath cannot do it by design: the case is not run
	// Unseen is why an archive does not show what decides, by the kind of archive: its answer may then
	// be another one than the live one.
	Unseen  map[string]string
	Setup   []string // ovn-nbctl commands before (others: see lab.Do), each undone by Cleanup
	Cleanup []string
	Args    []string // further flags of the tool
	Steps   []Step
	Session bool   // the first step's packet opens a handshake that is predicted as a whole
	Expect  string // session: "established", or the label of the packet that breaks it
	Note    string // why the tool may answer unknown
	// Recording is a capture of the session, which the tool reads afterwards; nil: none is made.
	Recording *Recording
}

// Step is one packet of a case, or a change between packets.
type Step struct {
	Packet *Packet  // send this
	Answer bool     // or answer what was delivered last, from where it was delivered
	Maybe  bool     // if there is nothing to answer, or nobody, the step is skipped; otherwise that is an error
	Flags  string   // TCP flags of the answer, if not the usual ones
	Error  bool     // or answer it with an ICMP error: port unreachable,
	Middle string   // or time exceeded, from a router with this address in front of the receiver
	NB     []string // first run these commands (as in Case.Setup)
	// Unsettled skips the wait for the chassis, because the commands have stopped one.
	Unsettled bool
	Flush     bool     // and empty the conntrack tables
	Args      []string // further flags of the tool for this packet
	// Want is the expected end: "sw1-p2", "a|b" (one of), "a, b" (all), "nowhere", "rejected".
	Want string
	// Verdict is the expected verdict of the packet, if it does not follow from its branches.
	Verdict     string
	Quiet       bool        // only send, without a prediction
	Explanation Explanation // expected explanation
	// Rest sends the fragments that the step before held back: the prediction of that step for the
	// whole datagram must come true.
	Rest bool

	// For a packet that the tool must refuse or call unknown: the expected exit status, and a text
	// in the error message or, if there is a report, Explanation. The packet is not sent.
	Status int
	Says   string
}

// Result is the result of one case.
type Result struct {
	Name    string        `json:"name"`
	Feature string        `json:"feature"`
	Outcome string        `json:"outcome"`
	Why     []string      `json:"why,omitempty"`
	Took    time.Duration `json:"took"`
	Tool    time.Duration `json:"tool"` // time the predictions took
	Note    string        `json:"note,omitempty"`
	// Archived are the answers from archives, if they were asked.
	Archived []Archived `json:"archived,omitempty"`
}

// caseTimeout bounds a case, and cleanupTimeout its clean-up: a longer one is reported as hanging.
// A case of seconds may take minutes on a busy machine with an emulated guest.
const (
	caseTimeout    = 8 * time.Minute
	cleanupTimeout = 3 * time.Minute
)

// Longest is the maximum time that a case may take until its result is printed.
const Longest = caseTimeout + cleanupTimeout

// RunCase runs one case, and its clean-up in any event.
func (r *Runner) RunCase(ctx context.Context, c Case) (res Result) {
	began := time.Now()
	r.archived, r.lastOfCase, r.ownDatapath, r.unseen = nil, true, c.OwnDatapath, c.Unseen
	res = Result{Name: c.Name, Feature: c.Feature, Note: c.Note}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	outcome := Agree
	worse := func(o Outcome, why ...string) {
		if o > outcome {
			outcome = o
		}
		res.Why = append(res.Why, why...)
	}
	defer func() {
		for _, d := range r.Lab.Dead() {
			worse(Disagree, "the packets have ended "+d)
			r.dirty = true
		}
		if c.Cleanup != nil {
			cctx, cancel := context.WithTimeout(context.WithoutCancel(parent), cleanupTimeout)
			defer cancel()
			for _, cmd := range c.Cleanup {
				if err := r.Lab.Do(cctx, cmd); err != nil {
					worse(Disagree, fmt.Sprintf("clean-up: %v", err))
				}
			}
			r.owned, r.dirty = nil, true
		}
		res.Archived = r.archived
		for _, a := range r.archived {
			switch {
			case a.Is == ArchivedUnknown:
				worse(Agree, "offline unknown: "+a.Kind+": "+a.Why)
			case a.Unseen != "":
				worse(Agree, "offline differs by design: "+a.Kind+": "+a.Unseen)
			}
		}
		res.Outcome, res.Took = outcome.String(), time.Since(began)
	}()
	if err := r.prepare(ctx, c); err != nil {
		worse(Disagree, fmt.Sprintf("set-up: %v", err))
		return res
	}
	var err error
	if c.Session {
		err = r.runSession(ctx, c, &res, worse)
	} else {
		err = r.runSteps(ctx, c, &res, worse)
	}
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("hung for %v: %w", caseTimeout, err)
		}
		worse(Disagree, err.Error())
	}
	return res
}

func (r *Runner) prepare(ctx context.Context, c Case) error {
	if err := r.Lab.Revive(ctx); err != nil {
		return err
	}
	if len(c.Setup) > 0 {
		if err := r.change(ctx, c.Setup); err != nil {
			return err
		}
	} else if r.dirty { // wait until the clean-up of the case before has taken effect
		if err := r.Lab.Settle(ctx); err != nil {
			return err
		}
	}
	r.dirty = false
	if r.owned == nil || len(c.Setup) > 0 {
		if err := r.LearnMACs(ctx); err != nil {
			return err
		}
	}
	return r.Flush()
}

// change changes the Northbound DB and waits until every chassis has applied the change.
func (r *Runner) change(ctx context.Context, nb []string) error {
	for _, cmd := range nb { // each is a transaction: a later one may depend on an earlier one
		if err := r.Lab.Do(ctx, cmd); err != nil {
			return err
		}
	}
	return r.Lab.Settle(ctx)
}
