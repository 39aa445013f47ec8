package probe

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// Tuple holds the compared fields of one direction of a conntrack entry.
type Tuple struct {
	Proto        uint8
	Src, Dst     netip.Addr
	Sport, Dport uint16
	Type, Code   uint8
	ID           uint16
}

func (t Tuple) String() string {
	switch t.Proto {
	case 1, 58:
		return fmt.Sprintf("icmp %s>%s type=%d code=%d id=%d", t.Src, t.Dst, t.Type, t.Code, t.ID)
	case 6, 17, 132:
		name := map[uint8]string{6: "tcp", 17: "udp", 132: "sctp"}[t.Proto]
		return fmt.Sprintf("%s %s:%d>%s:%d", name, t.Src, t.Sport, t.Dst, t.Dport)
	}
	return fmt.Sprintf("proto-%d %s>%s", t.Proto, t.Src, t.Dst)
}

// Entry holds the compared fields of a conntrack entry.
type Entry struct {
	Zone        uint16
	Orig, Reply Tuple
	SNAT, DNAT  bool
	Mark        uint32
	Label       string // hexadecimal, "0x0"
	// SNAT and DNAT are unknown, because the datapath has no such bits or does not show them.
	noStatus bool
	id       uint32
	info     string // status and protocol state, only printed
}

func (e Entry) String() string {
	nat := ""
	if e.SNAT {
		nat += " snat"
	}
	if e.DNAT {
		nat += " dnat"
	}
	return fmt.Sprintf("zone %d %s reply %s%s mark=0x%x label=%s", e.Zone, e.Orig, e.Reply, nat, e.Mark, e.Label)
}

// table is the conntrack table of one chassis' datapath.
type table interface {
	chassis() string
	flush() error
	dump() ([]Entry, error)
	close()
}

// openTable opens the table of a chassis of a lab.
func openTable(l *lab.Lab, chassis string) (table, error) {
	if l.Topo.Datapath == lab.Userspace {
		return &userspaceTable{l, chassis}, nil
	}
	return openKernelTable(chassis)
}

// kernelTable is the conntrack table of one chassis in the kernel.
type kernelTable struct {
	on   string
	conn *conntrack.Conn
}

func openKernelTable(chassis string) (*kernelTable, error) {
	fd, err := unix.Open("/run/netns/"+chassis, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", chassis, err)
	}
	defer unix.Close(fd)
	c, err := conntrack.Dial(&netlink.Config{NetNS: fd})
	if err != nil {
		return nil, fmt.Errorf("conntrack of %s: %w", chassis, err)
	}
	return &kernelTable{chassis, c}, nil
}

func (k *kernelTable) chassis() string { return k.on }
func (k *kernelTable) flush() error    { return k.conn.Flush() }
func (k *kernelTable) close()          { k.conn.Close() }

// dump reads the whole table, which has only a few entries in the lab.
func (k *kernelTable) dump() ([]Entry, error) {
	flows, err := k.conn.Dump(nil)
	if err != nil {
		return nil, fmt.Errorf("conntrack of %s: %w", k.on, err)
	}
	var out []Entry
	for _, f := range flows {
		const gre = 47 // the tunnels of mirrors
		if f.TupleOrig.Proto.DestinationPort == 6081 || f.TupleOrig.Proto.DestinationPort == 4789 ||
			f.TupleOrig.Proto.DestinationPort == 6642 || f.TupleOrig.Proto.SourcePort == 6642 ||
			f.TupleOrig.Proto.Protocol == gre && f.Zone == 0 {
			continue // tunnel packets of the underlay, if the kernel tracks them
		}
		out = append(out, entryOf(f))
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

func entryOf(f conntrack.Flow) Entry {
	e := Entry{
		Zone: f.Zone, Orig: tupleOf(f.TupleOrig), Reply: tupleOf(f.TupleReply),
		SNAT: f.Status.SrcNAT(), DNAT: f.Status.DstNAT(), Mark: f.Mark, Label: labelText(f.Labels), id: f.ID,
	}
	e.info = f.Status.String()
	if p := f.ProtoInfo.TCP; p != nil {
		e.info += fmt.Sprintf(" tcp-state=%d", p.State)
	}
	return e
}

func tupleOf(t conntrack.Tuple) Tuple {
	out := Tuple{Proto: t.Proto.Protocol, Src: t.IP.SourceAddress, Dst: t.IP.DestinationAddress}
	if out.Proto == 1 || out.Proto == 58 {
		out.Type, out.Code, out.ID = t.Proto.ICMPType, t.Proto.ICMPCode, t.Proto.ICMPID
		if t.Proto.ICMPv6 {
			out.Type, out.Code, out.ID = t.Proto.ICMPType, t.Proto.ICMPCode, t.Proto.ICMPID
		}
	} else {
		out.Sport, out.Dport = t.Proto.SourcePort, t.Proto.DestinationPort
	}
	return out
}

// labelText prints the 128 bits as OVS does; the kernel stores them in the memory layout of OVS's
// ovs_u128.
func labelText(b []byte) string {
	r := slices.Clone(b)
	slices.Reverse(r)
	return "0x" + new(big.Int).SetBytes(r).Text(16)
}

// changed returns the entries of after that are not in before, or there have other tuples, NAT,
// mark or label.
func changed(before, after []Entry) []Entry {
	var out []Entry
	for _, a := range after {
		same := slices.ContainsFunc(before, func(b Entry) bool {
			return a.id == b.id && a.String() == b.String()
		})
		if !same {
			out = append(out, a)
		}
	}
	return out
}
