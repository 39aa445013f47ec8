package probe

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// userspaceTable is the conntrack table of a chassis with the userspace datapath. It has a parser
// of its own, because the tool's parser is under test.
type userspaceTable struct {
	lab *lab.Lab
	on  string
}

// userspaceDatapath is the datapath name of all netdev bridges.
const userspaceDatapath = "netdev@ovs-netdev"

func (u *userspaceTable) chassis() string { return u.on }
func (u *userspaceTable) close()          {}

// flush empties the table without naming the datapath: OVS 3.1 would parse the name as a tuple.
func (u *userspaceTable) flush() error {
	_, err := u.lab.Appctl(u.on, "dpctl/flush-conntrack")
	return err
}

func (u *userspaceTable) dump() ([]Entry, error) {
	text, err := u.lab.Appctl(u.on, "dpctl/dump-conntrack", userspaceDatapath)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for line := range strings.Lines(text) {
		e, err := parseDumped(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("conntrack of %s: %q: %w", u.on, strings.TrimSpace(line), err)
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// parseDumped reads a line of dpctl/dump-conntrack (ct_dpif_format_entry). The text does not
// contain the kind of NAT, which follows from the tuples.
func parseDumped(line string) (Entry, error) {
	e := Entry{Label: "0x0", noStatus: true}
	proto, rest, _ := strings.Cut(line, ",")
	p, ok := protoNumbers[proto]
	if !ok {
		p = proto
	}
	number, err := strconv.ParseUint(p, 10, 8)
	if err != nil {
		return e, fmt.Errorf("protocol %q", proto)
	}
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return e, fmt.Errorf("no value at %q", rest)
		}
		var value string
		if strings.HasPrefix(after, "(") {
			value, after, ok = strings.Cut(after[1:], ")")
			if !ok {
				return e, fmt.Errorf("no end of %s", key)
			}
			rest = strings.TrimPrefix(after, ",")
		} else {
			value, rest, _ = strings.Cut(after, ",")
		}
		switch key {
		case "orig":
			e.Orig, err = parseTuple(uint8(number), value)
		case "reply":
			e.Reply, err = parseTuple(uint8(number), value)
		case "zone":
			var n uint64
			n, err = strconv.ParseUint(value, 10, 16)
			e.Zone = uint16(n)
		case "mark":
			var n uint64
			n, err = strconv.ParseUint(value, 0, 32)
			e.Mark = uint32(n)
		case "labels":
			n, ok := new(big.Int).SetString(value, 0)
			if !ok {
				return e, fmt.Errorf("labels %q", value)
			}
			e.Label = "0x" + n.Text(16)
		default:
			e.info = strings.TrimSpace(e.info + " " + key + "=" + value)
		}
		if err != nil {
			return e, fmt.Errorf("%s: %w", key, err)
		}
	}
	if !e.Orig.Src.IsValid() || !e.Reply.Src.IsValid() {
		return e, fmt.Errorf("a direction is missing")
	}
	return e, nil
}

func parseTuple(proto uint8, text string) (Tuple, error) {
	t := Tuple{Proto: proto}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		var err error
		var n uint64
		switch key {
		case "src":
			t.Src, err = netip.ParseAddr(value)
		case "dst":
			t.Dst, err = netip.ParseAddr(value)
		default:
			n, err = strconv.ParseUint(value, 10, 16)
		}
		if err != nil {
			return t, err
		}
		switch key {
		case "src", "dst":
		case "sport":
			t.Sport = uint16(n)
		case "dport":
			t.Dport = uint16(n)
		case "id":
			t.ID = uint16(n)
		case "type":
			t.Type = uint8(n)
		case "code":
			t.Code = uint8(n)
		default:
			return t, fmt.Errorf("%q in a tuple", part)
		}
	}
	return t, nil
}
