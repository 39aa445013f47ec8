package fleet

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// fake is a chassis that answers as the real one of island 0 did.
type fake struct {
	fleet    *Fleet
	island   Island
	side     string
	exchange *strings.Replacer
}

func (f *Fleet) fake(i Island, side string) *fake {
	zero, own := f.book.datapaths(0), f.book.datapaths(i)
	var uuids [][2]string
	for n := range zero {
		uuids = append(uuids, [2]string{zero[n], own[n]})
	}
	return &fake{f, i, side, i.exchange(uuids)}
}

// answer finds the answer to a request, and puts it into the names of the island.
func answer[A, R any](ctx context.Context, f *fake, method string, arg A) (*R, error) {
	if err := f.begin(ctx, method); err != nil {
		return nil, err
	}
	request, err := json.Marshal(arg)
	if err != nil {
		return nil, err
	}
	text, err := f.fleet.tape.find(f.side, method, []byte(f.exchange.Replace(string(request))))
	if err != nil {
		f.fleet.unrecorded.Add(1)
		return nil, err
	}
	r := new(R)
	return r, json.Unmarshal([]byte(f.exchange.Replace(string(text))), r)
}

// begin counts a call, and makes a slow chassis slow.
func (f *fake) begin(ctx context.Context, method string) error {
	f.fleet.count(method)
	delay := f.fleet.fate(f.island.Chassis(f.side)).Delay
	if delay == 0 {
		return nil
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Info describes the chassis. It reports a kernel datapath, whose table is asked by address.
func (f *fake) Info(ctx context.Context) (*node.Info, error) {
	if err := f.begin(ctx, "Info"); err != nil {
		return nil, err
	}
	var info node.Info
	if err := json.Unmarshal([]byte(f.exchange.Replace(string(f.fleet.tape.info[f.side]))), &info); err != nil {
		return nil, err
	}
	info.Datapath = "system"
	return &info, nil
}

// Outline is Info without ports, which are as many as there are chassis.
func (f *fake) Outline(ctx context.Context) (*node.Info, error) {
	if err := f.begin(ctx, "Outline"); err != nil {
		return nil, err
	}
	text, err := f.fleet.tape.outlineOf(f.side)
	if err != nil {
		return nil, err
	}
	var info node.Info
	if err := json.Unmarshal([]byte(f.exchange.Replace(string(text))), &info); err != nil {
		return nil, err
	}
	info.Datapath = "system"
	return &info, nil
}

func (f *fake) trace(ctx context.Context, method string, req node.TraceRequest) (*engine.Result, error) {
	r, err := answer[node.TraceRequest, engine.Result](ctx, f, method, req)
	if err != nil {
		return nil, err
	}
	for _, s := range r.Segments {
		for i := range s.Tables {
			s.Tables[i].Cookie = f.fleet.book.cookie(f.island, f.exchange, s.Tables[i].Cookie)
		}
	}
	return r, nil
}

func (f *fake) Trace(ctx context.Context, req node.TraceRequest) (*engine.Result, error) {
	return f.trace(ctx, "Trace", req)
}

func (f *fake) TraceAsNew(ctx context.Context, req node.TraceRequest) (*engine.Result, error) {
	return f.trace(ctx, "TraceAsNew", req)
}

func (f *fake) Find(ctx context.Context, req node.FindRequest) (*node.FindResult, error) {
	return answer[node.FindRequest, node.FindResult](ctx, f, "Find", req)
}

func (f *fake) Health(ctx context.Context) (*node.Health, error) {
	if err := f.begin(ctx, "Health"); err != nil {
		return nil, err
	}
	h := *f.fleet.tape.health[f.side]
	h.Time = time.Now()
	return &h, nil
}

func (f *fake) Check(ctx context.Context) error { return f.begin(ctx, "Check") }

func (f *fake) Commit(context.Context, node.CommitRequest) (*node.CommitResult, error) {
	return nil, &UnrecordedError{Method: "Commit"}
}

func (f *fake) Clean(context.Context, bool) (*node.CleanResult, error) {
	return nil, &UnrecordedError{Method: "Clean"}
}

func (f *fake) Close(context.Context) error { return nil }
