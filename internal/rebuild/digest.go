package rebuild

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Digest writes what is used of a host's interfaces, of the routes and neighbours of its tunnels,
// and of bridges of it. Hosts of which the rest and this are equal are rebuilt
// alike, but for the words of reasons. Tests tell by it whether a cut file makes a difference.
func (h *Host) Digest(w io.Writer, bridges []string) {
	fmt.Fprintln(w, h.InterfacesLack == "", h.WaysLack == "")
	for _, r := range h.Interfaces {
		fmt.Fprintf(w, "%q\n", []string{r["name"], r["ofport"], r["mac_in_use"], r["bfd_status"]})
	}
	fmt.Fprintln(w, "routes", h.Routes.There(), h.Routes.Lacks() == "")
	used(w, h.Routes, func(line string) any {
		f := strings.Fields(line)
		if len(f) < 2 {
			return nil
		}
		if _, err := netip.ParsePrefix(f[1]); err != nil {
			return nil
		}
		return f[1:]
	})
	fmt.Fprintln(w, "neighbours", h.Neighbours.There(), h.Neighbours.Lacks() == "")
	used(w, h.Neighbours, func(line string) any {
		if f := strings.Fields(line); isNeighbour(f) {
			return f
		}
		return nil
	})
	for _, name := range bridges {
		b := h.bridge(name)
		gs, _, gerr := groups(b.Groups, newNeeds(), 0)
		ts, _, terr := tlvs(b.TLVs, newNeeds())
		ms, _, merr := meters(b.Meters, newNeeds())
		if b.Flows.Lacks() == "" {
			_ = lines(b.Flows, func(line string) error {
				_, err := io.WriteString(w, line+"\n")
				return err
			})
		}
		fmt.Fprintf(w, "%s\n%s%q %q %v %v %v\n", name, gs, ts, ms, gerr, terr, merr)
		fmt.Fprintln(w, "learned", b.MACs.There(), b.MACs.Lacks() == "")
		used(w, b.MACs, func(line string) any {
			if port, l, ok := learnedLine(line); ok {
				return []string{port, l.vlan, l.mac}
			}
			return nil
		})
	}
}

// used writes what a function makes of the lines of a part, without those of which it makes
// nothing.
func used(w io.Writer, p *Part, of func(line string) any) {
	if !p.There() {
		return
	}
	err := lines(p, func(line string) error {
		if x := of(line); x != nil {
			fmt.Fprintf(w, "%q\n", x)
		}
		return nil
	})
	fmt.Fprintln(w, err)
}
