package main

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// report prints a disagreement and the packets before it.
func (d *ovsDiffer) report(pk *packet, prog *program, diffs []string) {
	d.wrong++
	if d.wrong > d.show {
		return
	}
	fmt.Fprintf(d.out, "disagreement %d at step %d, loose %v, read back %v, %q, program %s:\n", d.wrong, d.steps, d.loose, d.reading, d.limits, prog)
	for _, line := range diffs {
		fmt.Fprintln(d.out, "  ", line)
	}
	fmt.Fprintln(d.out, "  the packets of this flow and of its tuple:")
	prefix := fmt.Sprintf("flow %d ", pk.f.id)
	for _, line := range d.history {
		if strings.HasPrefix(line, prefix) || strings.Contains(line, pk.p.Tuple.Src.String()) && strings.Contains(line, pk.p.Tuple.Dst.String()) {
			fmt.Fprintln(d.out, "    ", line)
		}
	}
}

func (d *ovsDiffer) countStep(pk *packet, w *walk, prog *program) {
	d.kinds["proto "+ctstate.ProtoName(pk.p.Tuple.Proto)]++
	d.kinds["row "+rowOf(w, prog, pk.p.Tuple.IsIPv6())]++
	d.kinds["state "+w.conn.State.String()]++
	d.kinds[fmt.Sprintf("actions %d", len(prog.ops))]++
	for name, is := range map[string]bool{
		"dropped": w.dropped, "quoting": pk.p.Inner != nil, "IPv6": pk.p.Tuple.IsIPv6(), "translated": w.pk.Tuple != pk.p.Tuple,
		"limited": d.limits != nil, "read back": d.reading, "cached": !w.last.Looked && len(prog.ops) > 1, "several zones": !prog.one, "sequence checks off": d.loose,
	} {
		if is {
			d.kinds["answer "+name]++
		}
	}
}

// rowOf names the case of translation of a program's first action: the kind of connection, its
// translation, the action, and the resulting bits.
func rowOf(w *walk, prog *program, v6 bool) string {
	r, act := &w.first, prog.ops[0].action(v6)
	what, nat := "first", "none"
	if h := r.Hit; h != nil {
		switch {
		case r.Conn.Info == ctstate.CTRelatedReply:
			what = "error, reply"
		case r.Conn.Info == ctstate.CTRelated:
			what = "error, original"
		case r.Dir == ctstate.DirReply:
			what = "reply"
		case h.Status&ctstate.SeenReply == 0:
			what = "original, unanswered"
		default:
			what = "original"
		}
		src, dst := h.Status&ctstate.SrcNAT != 0 || h.NATSrc, h.Status&ctstate.DstNAT != 0 || h.NATDst
		nat = map[[2]bool]string{{true, false}: "SRC", {false, true}: "DST", {true, true}: "both", {}: "none"}[[2]bool{src, dst}]
	}
	do := "ct"
	if act.NAT != nil {
		do = natText(act.NAT)
		if i := strings.IndexByte(do, '='); i >= 0 {
			do = do[:i] + "=...)"
		}
	}
	if act.Commit {
		do = "commit," + do
	}
	if act.Force {
		do = "force," + do
	}
	return fmt.Sprintf("%s | %s | %s | %v", what, nat, do, r.Conn.State&(ctstate.SNAT|ctstate.DNAT|ctstate.Inv))
}
