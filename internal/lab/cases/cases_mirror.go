package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// mirrors returns cases of copies for a collector: they are delivered, but are not ends of the
// packet.
func mirrors(b builder) []probe.Case {
	const f = "mirrors"
	// A mirror of Open vSwitch, from one port of hv1 to the port of sw0-p3.
	to := func(c probe.Case, selects, port, verdict string) probe.Case {
		c.Setup = []string{"@hv1 ovs-vsctl -- --id=@s get port " + port + " -- --id=@o get port sw0-p3" +
			" -- --id=@m create mirror name=m-case " + selects + "=@s output_port=@o -- add bridge br-int mirrors @m"}
		c.Cleanup = []string{"@hv1 ovs-vsctl clear bridge br-int mirrors"}
		c.Steps[0].Verdict = verdict
		return c
	}
	gre := changed(one("mirror-gre", f, b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
		[]string{"mirror-add m-case gre 1 from-lport 172.31.0.254", "lsp-attach-mirror sw0-p1 m-case",
			"@hv1 ovs-vsctl --timeout=60 wait-until mirror m-case output_port!=[]"},
		[]string{"lsp-detach-mirror sw0-p1 m-case", "mirror-del m-case"})
	gre.Steps[0].Verdict = "delivered"
	return []probe.Case{
		// The number of copies depends on how often the pipeline of the release recirculates.
		to(one("mirror-in", f, b.udp("sw0-p1", "sw0-p2", 7), ""), "select_src_port", "sw0-p1", "delivered"),
		to(one("mirror-out", f, b.tcp("sw0-p2", "sw0-p1", 80), "sw0-p1, sw0-p3"), "select_dst_port", "sw0-p1", "delivered"),
		to(one("mirror-dropped", f, b.tcp("sw2-p1", "sw1-p2", 25), "sw0-p3"), "select_src_port", "sw2-p1", "dropped"),
		gre,
	}
}
