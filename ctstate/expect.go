package ctstate

// peekExpectation is ovs_ct_expect_find of kernels before 6.6: a look-up without commit that finds
// an expectation attaches nothing and shows the master's fields.
func (w *kernelRun) peekExpectation() (bool, error) {
	x, found, err := w.expectation(w.r.Packet.Tuple)
	if err != nil || !found {
		return false, err
	}
	w.r.Looked = true
	w.s.master = x.Master.Orig
	w.r.Conn = Conn{State: Trk | New | Rel, KeyZone: w.a.Zone, Mark: x.Master.Mark, Label: x.Master.Label}
	if w.s.master.IsIPv6() == w.r.Packet.Tuple.IsIPv6() {
		w.r.Conn.OrigTuple = &w.s.master
	}
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return true, nil
}

// followMaster is nf_nat_follow_master: an expected connection is translated as its master is.
func (w *kernelRun) followMaster(x *Expectation) error {
	if x.NATTuple == nil {
		return nil
	}
	dir, other := x.Master.tuple(x.NATDir), x.Master.tuple(x.NATDir.Opposite())
	if w.e.Orig.Src.Addr() == dir.Src.Addr() {
		g := natRange{ips: true, minAddr: other.Dst.Addr(), maxAddr: other.Dst.Addr()}
		if err := w.setupNAT(manipSrc, &g); err != nil {
			return err
		}
	}
	g := natRange{ips: true, minAddr: other.Src.Addr(), maxAddr: other.Src.Addr()}
	if HasPorts(x.NATTuple.Proto) {
		g.ports, g.minPort = true, x.NATTuple.Src.Port()
		g.maxPort = g.minPort
	}
	return w.setupNAT(manipDst, &g)
}
