package question

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// early refuses a packet that is wrong whatever the databases contain. Conditions on address sets
// and port groups are judged when those have been read.
func (j *Judged) early() error {
	mf := j.given
	if j.q.Microflow != "" {
		var whole bool
		var err error
		if mf, whole, err = microflow.Early(j.q.Microflow, j.families()...); err != nil || !whole {
			return microflowUsage("microflow", err)
		}
	}
	j.in = mf.InPort
	tunnel := mf.Frame != nil && mf.Frame.Tunnel != nil // it may say the port
	if j.q.From == "" && mf.InPort == "" && !tunnel {
		return errNoPort
	}
	proto, _ := protoOf(j.q.Proto)
	draft, err := microflow.Draft(mf, j.dest, microflow.FillOptions{Proto: proto})
	if err != nil {
		return fillUsage(err)
	}
	if j.session && (draft.Packet.IsIP() || draft.Given.Has(microflow.HasEthType)) {
		if err := session.Check(draft.Packet); err != nil {
			return &usage.Error{Msg: err.Error(), Err: err}
		}
	}
	return nil
}

// families lists the address families, 4 and 6, that Question.To leaves possible; 0 without one.
func (j *Judged) families() []int {
	switch {
	case j.q.To == "":
		return []int{0}
	case j.dest.Kind != microflow.TargetIP:
		return []int{4, 6}
	case j.dest.Addr.Is6():
		return []int{6}
	}
	return []int{4}
}
