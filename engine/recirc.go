package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// recirc runs a recirc() action: the packet's copy resumes the pipeline before the rest of the list runs.
func (r *run) recirc(ctx context.Context, w *world, it item, id uint32) error {
	ordinal := indexOf(it.seg.ids, id)
	st := it.pkt
	it.pkt.hash = ""
	if len(it.actions) > 0 {
		w.push(it)
	}
	if id == 0 {
		return r.afresh(ctx, w, it, st)
	}
	if st.hash != "" {
		st.hash, st.dp, st.hashes, st.hashMask = "", 1, nil, 0
		return r.buckets(ctx, w, it, ordinal, st)
	}
	seg, err := r.resume(ctx, it.seg, ordinal, st)
	if err != nil {
		return err
	}
	if st.dp != 0 && hashMask(seg.section.Megaflow) != 0 {
		// Another group, decided by the hash that the packet already has: only its bucket in the first group is known of it.
		r.res.Segments = r.res.Segments[:len(r.res.Segments)-1]
		return r.buckets(ctx, w, it, ordinal, st)
	}
	r.enter(w, seg, st, it.path, it.choices, it.level+1)
	return nil
}

// bucket is one alternative of a select group, found by the dp_hash values that lead to it.
type bucket struct {
	hash   uint32   // the first value that leads here; never 0
	hashes []uint32 // all of them, as far as the mask tells them apart
	shape  string
	choice Choice
}

// buckets makes every bucket of a dp_hash group a world of its own: the kernel's hash cannot be known from outside, the
// table from hash to bucket can (ofproto/ofproto-dpif.c: group_setup_dp_hash_table).
func (r *run) buckets(ctx context.Context, w *world, it item, ordinal int, st state) error {
	list, mask, err := r.listBuckets(ctx, it.seg, ordinal, st)
	if errors.Is(err, errHash) {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	var alternatives []*world
	for i := 1; i < len(list); i++ {
		alternatives = append(alternatives, w.fork())
	}
	alternatives = append([]*world{w}, alternatives...)
	if len(r.worlds)+len(r.res.Outcomes)+len(alternatives) > r.limits.Outcomes {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("more than %d alternatives", r.limits.Outcomes)})
		return nil
	}
	for i, b := range list {
		alt, here := alternatives[i], st
		here.dp, here.hashes, here.hashMask = b.hash, b.hashes, mask
		choices := it.choices
		if len(list) > 1 {
			choices = append(choices[:len(choices):len(choices)], b.choice)
			alt.choices = append(alt.choices[:len(alt.choices):len(alt.choices)], b.choice)
		}
		seg, err := r.resume(ctx, it.seg, ordinal, here)
		if err != nil {
			return err
		}
		r.enter(alt, seg, here, it.path, choices, it.level+1)
	}
	r.worlds = append(r.worlds, alternatives[1:]...)
	return nil
}

// errHash is a group whose buckets cannot be listed.
var errHash = errors.New("the group's buckets cannot be listed")

// listBuckets tries the values of dp_hash that the megaflow tells apart, of those that the packet can still have. Values begin
// at 1: 0 means that no hash was made.
func (r *run) listBuckets(ctx context.Context, parent *segment, ordinal int, st state) (list []bucket, mask uint32, err error) {
	mask = st.hashMask
	total := 0
	possible := func(x uint32) bool { return st.hashMask == 0 || slices.Contains(st.hashes, x&st.hashMask) }
	for x := uint32(1); x <= mask+1; x++ {
		if !possible(x) {
			continue
		}
		here := st
		here.dp = x
		sec, err := r.thaw(ctx, parent, ordinal, func(id uint32) flowText { return r.thawFlow(id, here) })
		if err != nil {
			return nil, 0, err
		}
		if lost(sec) {
			return nil, 0, fmt.Errorf("%w: ovs-vswitchd freed the recirculation id %d times", errHash, r.limits.Resumes)
		}
		// The mask can differ from bucket to bucket; the widest counts.
		mask = max(mask, hashMask(sec.Megaflow))
		if mask >= uint32(r.limits.Buckets) {
			return nil, 0, fmt.Errorf("%w: more than %d values of dp_hash tell them apart", errHash, r.limits.Buckets)
		}
		total++
		name := bucketName(&sec)
		shape := name + "|" + shapeOf(sec.Actions) + "|" + sec.Failed
		i := slices.IndexFunc(list, func(b bucket) bool { return b.shape == shape })
		if i < 0 {
			i = len(list)
			list = append(list, bucket{hash: x, shape: shape, choice: r.nextHop(bucketChoice(name, sec.Actions), sec, parent, ordinal)})
		}
		list[i].hashes = append(list[i].hashes, x)
	}
	distinguish(list)
	for i := range list {
		list[i].choice.Share = float64(len(list[i].hashes)) / float64(total)
		for j, x := range list[i].hashes {
			list[i].hashes[j] = x & mask
		}
	}
	return list, mask, nil
}

// distinguish adds the bucket to choices that would read alike: one next hop by two ports.
func distinguish(list []bucket) {
	same := map[string]int{}
	for _, b := range list {
		same[b.choice.Kind+b.choice.Chosen]++
	}
	for i, b := range list {
		if same[b.choice.Kind+b.choice.Chosen] > 1 {
			name, _, _ := strings.Cut(b.shape, "|")
			list[i].choice.Chosen += " (" + name + ")"
		}
	}
}

// hashMask reads the mask of dp_hash in a megaflow, 0 when it does not matter.
func hashMask(megaflow string) uint32 {
	f, err := openflow.Parse(megaflow)
	if err != nil {
		return 0
	}
	for _, fld := range f.Fields {
		if fld.Name != "dp_hash" {
			continue
		}
		if fld.Mask == "" {
			return 1<<32 - 2 // exact: more than any bound
		}
		m, err := strconv.ParseUint(fld.Mask, 0, 32)
		if err != nil {
			return 0
		}
		return uint32(m)
	}
	return 0
}

// bucketName is the bucket that the trace says was used.
func bucketName(sec *oftrace.Section) string {
	name := ""
	walkNodes(sec.Nodes, func(n *oftrace.Node) {
		if name == "" && n.Kind == oftrace.Bucket {
			name = fmt.Sprintf("bucket %d", n.Bucket)
		}
	})
	return name
}

// bucketChoice names an alternative by what it does: a backend it translates to, else the bucket.
func bucketChoice(name, actions string) Choice {
	c := Choice{Kind: "ecmp", Chosen: name}
	list, err := odp.Parse(actions)
	if err != nil {
		return c
	}
	odp.Walk(list, func(a odp.Action) bool {
		ct, ok := a.(odp.CT)
		if ok && ct.NAT != nil && ct.NAT.Dst && ct.NAT.MinAddr.IsValid() {
			c.Kind, c.Chosen = "lb-backend", backendText(ct.NAT)
			return false
		}
		return true
	})
	return c
}

// nextHop names an alternative by its next hop, where it has one.
func (r *run) nextHop(c Choice, sec oftrace.Section, parent *segment, ordinal int) Choice {
	if r.engine.NextHop == nil || c.Kind != "ecmp" {
		return c
	}
	start, ok := r.startAt(parent, ordinal)
	if !ok {
		return c
	}
	if hop := r.engine.NextHop(sec, start); hop != "" {
		c.Chosen = hop
	}
	return c
}

func backendText(n *odp.NAT) string {
	if n.MinPort == 0 {
		return n.MinAddr.String()
	}
	if n.MinAddr.Is6() {
		return fmt.Sprintf("[%v]:%d", n.MinAddr, n.MinPort)
	}
	return fmt.Sprintf("%v:%d", n.MinAddr, n.MinPort)
}

// packetOut enters a segment whose recirculation id cannot be had, by packet-out: registers from the parent's final
// flow, stack and action set lost (design: the fallback). Only where the parent says
// unambiguously where it resumes.
func (r *run) packetOut(ctx context.Context, parent *segment, ordinal int, st state) (*segment, error) {
	bridge, where, regs := resumePoint(parent)
	if where == "" || len(parent.ids) != 1 {
		pub := &Segment{ID: len(r.res.Segments), Parent: parent.pub.ID, Enter: "recirculation"}
		r.res.Segments = append(r.res.Segments, pub)
		return &segment{pub: pub, parent: parent, ordinal: ordinal,
			unknown: fmt.Sprintf("ovs-vswitchd freed the recirculation id %d times before it could be resumed", r.limits.Resumes)}, nil
	}
	var f openflow.Flow
	f.Fields = append(f.Fields, openflow.Field{Name: "in_port", Value: fmt.Sprint(r.req.InPort)})
	f.Fields = append(f.Fields, regs...)
	f.Fields = append(f.Fields, keyFields(st)...)
	f.Fields = append(f.Fields, ctFields(st)...)
	f.Fields = append(f.Fields, st.pkt.Fields()...)
	f.Fields = append(f.Fields, origFields(st.conn)...)
	text := flowText{bridge: bridge, flow: f.String(), actions: where}
	mk := func(uint32) flowText { return text }
	sec, err := r.ask(ctx, text)
	if err != nil {
		return nil, err
	}
	seg, err := r.keep(ctx, parent, ordinal, st, mk, sec, "actions "+where)
	if err != nil {
		return nil, err
	}
	seg.pub.Approx = true
	seg.note("resumed by packet-out: the recirculation id could not be caught alive; stack and action set are lost")
	return seg, nil
}

// resumePoint finds where a parent's only recirculation resumes, and the registers it had.
func resumePoint(parent *segment) (bridge, actions string, regs []openflow.Field) {
	const forked = "The forked pipeline will be resumed at table "
	for _, h := range parent.pub.Tables {
		for _, a := range h.Actions {
			if i := strings.Index(a, forked); i >= 0 {
				bridge, actions = h.Bridge, "resubmit(,"+strings.TrimSuffix(strings.TrimSpace(a[i+len(forked):]), ".")+")"
			}
			if strings.HasPrefix(a, "group:") {
				bridge, actions = h.Bridge, a
			}
		}
	}
	f, err := openflow.Parse(parent.pub.Final)
	if err != nil {
		return "", "", nil
	}
	for _, fld := range f.Fields {
		if fld.Name == "metadata" || strings.HasPrefix(fld.Name, "reg") || strings.HasPrefix(fld.Name, "tun_") {
			regs = append(regs, fld)
		}
	}
	return bridge, actions, regs
}
