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

// recirc runs a recirc() action: the packet's copy resumes the pipeline before the rest of the list
// runs.
func (r *run) recirc(ctx context.Context, w *world, it item, id uint32) error {
	ordinal := indexOf(it.seg.ids, id)
	st := it.pkt
	it.pkt.hash = ""
	if len(it.actions) > 0 {
		w.push(it)
	}
	if r.tooDeep(it) {
		it.pkt = st
		r.leaf(w, it, Leaf{Kind: LeafDrop, Why: fmt.Sprintf("the userspace datapath drops a packet that would recirculate more than %d times on one chassis "+
			"(the counter datapath_drop_recirc_error of coverage/show)", r.engine.Recircs)})
		return nil
	}
	if id == 0 {
		return r.afresh(ctx, w, it, st)
	}
	if st.hash != "" {
		st.hash, st.dp, st.dpOf = "", 1, st.hash
		return r.buckets(ctx, w, it, ordinal, st)
	}
	seg, err := r.resume(ctx, it.seg, ordinal, st)
	if err != nil {
		return err
	}
	if st.dp != 0 && hashMask(seg.section.Megaflow) != 0 {
		// Another group, decided by the hash that the packet already has.
		r.segments = r.segments[:len(r.segments)-1]
		return r.buckets(ctx, w, it, ordinal, st)
	}
	r.enter(w, seg, st, it.path, it.choices, it.level+1)
	return nil
}

// tooDeep reports whether the datapath does not run one more recirculation of an item. Taking the
// header of a native tunnel off is one (dp_execute_cb, OVS_ACTION_ATTR_TUNNEL_POP).
func (r *run) tooDeep(it item) bool {
	if r.engine.Recircs == 0 {
		return false
	}
	depth := len(it.path) - 1
	if in, ok := r.engine.Ports.ByDatapath(r.req.InPortDatapath); ok && in.Kind == PortTunnel {
		depth++
	}
	return depth >= r.engine.Recircs
}

// bucket is one alternative of a select group, found by the dp_hash values that lead to it.
type bucket struct {
	hash   uint32   // the first value that leads here; never 0
	hashes []uint32 // all such values, under the mask
	name   string
	shape  string
	choice Choice

	section oftrace.Section // of the first value
}

// asBefore is the assumption for a hash that earlier packets have had too.
const asBefore = "a hash decides as it has decided for the packet before whose hashed headers are the same: predicted, as a sender's socket may hash anew, " +
	"for instance when it sends again"

// buckets makes every bucket of a dp_hash group a world of its own: the kernel's hash is unknown,
// but its mapping to a bucket can be read (ofproto/ofproto-dpif.c: group_setup_dp_hash_table). If
// this packet or an earlier one has met the hash before, only the buckets that it had then are
// possible.
func (r *run) buckets(ctx context.Context, w *world, it item, ordinal int, st state) error {
	known := w.carried.hash(st.dpOf)
	list, mask, settled, err := r.possible(ctx, it.seg, ordinal, st, known)
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
	if settled {
		it.choices = joined(it.choices, known.Choices)
	}
	for i, b := range list {
		alt, here := alternatives[i], st
		here.dp = b.hash
		choices := it.choices
		value := HashValue{Of: st.dpOf, Mask: mask, Values: b.hashes, Choices: known.Choices}
		if len(list) > 1 {
			choices = append(choices[:len(choices):len(choices)], b.choice)
			alt.choices = append(alt.choices[:len(alt.choices):len(alt.choices)], b.choice)
			value.Choices = append(known.Choices[:len(known.Choices):len(known.Choices)], b.choice)
		}
		if mask != 0 {
			alt.carried.learn(value)
		}
		mk := func(id uint32) flowText { return r.thawFlow(id, here) }
		seg, err := r.keep(ctx, it.seg, ordinal, here, mk, b.section, enterOf(b.section))
		if err != nil {
			return err
		}
		if settled && slices.ContainsFunc(known.Choices, func(c Choice) bool { return c.Of != "" }) {
			seg.assume(asBefore)
		}
		r.enter(alt, seg, here, it.path, choices, it.level+1)
	}
	r.worlds = append(r.worlds, alternatives[1:]...)
	return nil
}

// errHash is a group whose buckets cannot be listed.
var errHash = errors.New("the group's buckets cannot be listed")

// tryHash resumes a recirculation with a value of dp_hash.
func (r *run) tryHash(ctx context.Context, parent *segment, ordinal int, st state, x uint32) (sec oftrace.Section, b bucket, err error) {
	st.dp = x
	sec, err = r.thaw(ctx, parent, ordinal, func(id uint32) flowText { return r.thawFlow(id, st) })
	if err != nil {
		return sec, b, err
	}
	if lost(sec) {
		return sec, b, fmt.Errorf("%w: ovs-vswitchd freed the recirculation id %d times", errHash, r.limits.Resumes)
	}
	name := bucketName(&sec)
	return sec, bucket{hash: x, section: sec, name: name, shape: name + "|" + shapeOf(sec.Actions) + "|" + sec.Failed}, nil
}

// possible lists the buckets that the packet can have, and reports whether what is known of its
// hash excludes others.
func (r *run) possible(ctx context.Context, parent *segment, ordinal int, st state, known HashValue) (list []bucket, mask uint32, settled bool, err error) {
	p := r.probeHash(parent, ordinal, st)
	for {
		list, mask, err = r.listBuckets(ctx, p, known)
		if err == nil && len(known.Choices) > 0 {
			settled, err = r.settles(ctx, p, known, list, mask)
		}
		if !errors.Is(err, errTable{}) {
			return list, mask, settled, err
		}
	}
}

// listBuckets tries the values of dp_hash that the megaflow distinguishes and that the packet can
// still have. Values begin at 1: 0 means that there is no hash.
func (r *run) listBuckets(ctx context.Context, p *hashProbe, known HashValue) (list []bucket, mask uint32, err error) {
	mask = known.Mask
	total := 0
	for x := uint32(1); x <= mask+1; x++ {
		if !known.possible(x) {
			continue
		}
		got, err := p.try(ctx, x)
		if err != nil {
			return nil, 0, err
		}
		sec, b := got.sec, got.bucket
		// The mask can differ from bucket to bucket; the widest counts.
		mask = max(mask, hashMask(sec.Megaflow))
		if mask >= uint32(r.limits.Buckets) {
			return nil, 0, fmt.Errorf("%w: more than %d values of dp_hash tell them apart", errHash, r.limits.Buckets)
		}
		total++
		i := slices.IndexFunc(list, func(o bucket) bool { return o.shape == b.shape })
		if i < 0 {
			i = len(list)
			b.choice = r.nextHop(bucketChoice(b.name, sec.Actions), sec, p.parent, p.ordinal)
			list = append(list, b)
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

// settles reports whether the known part of a hash excludes a bucket here: some other value leads
// to another bucket.
func (r *run) settles(ctx context.Context, p *hashProbe, known HashValue, list []bucket, mask uint32) (bool, error) {
	for x := uint32(1); x <= mask+1; x++ {
		if known.possible(x) {
			continue
		}
		b, err := p.try(ctx, x)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(list, func(o bucket) bool { return o.shape == b.shape }) {
			return true, nil
		}
	}
	return false, nil
}

// distinguish adds the bucket's name to choices with the same text: one next hop by two ports.
func distinguish(list []bucket) {
	same := map[Choice]int{}
	for _, b := range list {
		same[b.choice]++
	}
	for i, b := range list {
		if same[b.choice] > 1 {
			list[i].choice.Chosen += " (" + b.name + ")"
		}
	}
}

// hashMask returns the mask of dp_hash in a megaflow, 0 if it does not match dp_hash.
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
			return 1<<32 - 2 // exact match: more values than any bound
		}
		m, err := strconv.ParseUint(fld.Mask, 0, 32)
		if err != nil {
			return 0
		}
		return uint32(m)
	}
	return 0
}

// bucketName returns the names of the buckets used in the trace, in the order of their groups: one
// hash may decide several.
func bucketName(sec *oftrace.Section) string {
	var names []string
	walkNodes(sec.Nodes, func(n *oftrace.Node) {
		if n.Kind == oftrace.Bucket {
			names = append(names, fmt.Sprintf("bucket %d", n.Bucket))
		}
	})
	return strings.Join(names, ", ")
}

// bucketChoice returns the choice of a bucket, by the backend to which it translates, else by the
// bucket's name.
func bucketChoice(name, actions string) Choice {
	c := Choice{Kind: ChoiceECMP, Chosen: name}
	list, err := odp.Parse(actions)
	if err != nil {
		return c
	}
	odp.Walk(list, func(a odp.Action) bool {
		ct, ok := a.(odp.CT)
		if ok && ct.NAT != nil && ct.NAT.Dst && ct.NAT.MinAddr.IsValid() {
			c.Kind, c.Chosen = ChoiceBackend, backendText(ct.NAT)
			return false
		}
		return true
	})
	return c
}

// nextHop names an alternative by its next hop, if OVN's registers contain one.
func (r *run) nextHop(c Choice, sec oftrace.Section, parent *segment, ordinal int) Choice {
	if !r.engine.OVN || c.Kind != ChoiceECMP {
		return c
	}
	start := r.startAt(parent, ordinal)
	if start.Lost != "" {
		return c
	}
	if hop := nextHopOf(sec, start); hop != "" {
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

// packetOut enters a segment whose recirculation id cannot be caught alive by packet-out, with the
// registers of the parent's final flow; stack and action set are lost. It does so only if the
// parent shows unambiguously where it resumes.
func (r *run) packetOut(ctx context.Context, parent *segment, ordinal int, st state) (*segment, error) {
	bridge, where, regs := resumePoint(parent)
	if where == "" || len(parent.ids) != 1 {
		s := r.newSegment(parent, "recirculation")
		s.ordinal = ordinal
		s.unknown = fmt.Sprintf("ovs-vswitchd freed the recirculation id %d times before it could be resumed", r.limits.Resumes)
		return s, nil
	}
	var f openflow.Flow
	f.Fields = append(f.Fields, openflow.Field{Name: "in_port", Value: fmt.Sprint(r.req.InPort)})
	f.Fields = append(f.Fields, regs...)
	f.Fields = append(f.Fields, keyFields(st)...)
	f.Fields = append(f.Fields, ctFields(st)...)
	f.Fields = append(f.Fields, openflow.FieldsOf(st.pkt)...)
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

// resumePoint returns where a parent's only recirculation resumes, and the registers there.
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
