package rebuild

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// maxLine is the maximum length of a line of a dump in bytes. A flow's actions have at most 64 kB,
// and a group's buckets as much again.
const maxLine = 4 << 20

// lines calls f for each line of a part. A line without its newline, at the end, is not passed: it
// is cut.
func lines(p *Part, f func(line string) error) error {
	in, err := p.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var long []byte
	for {
		b, err := r.ReadSlice('\n')
		switch err {
		case nil:
			if long == nil {
				return strings.TrimRight(string(b), "\r\n"), nil
			}
			return strings.TrimRight(string(append(long, b...)), "\r\n"), nil
		case bufio.ErrBufferFull:
			if long = append(long, b...); len(long) > maxLine {
				return "", fmt.Errorf("a line is longer than %d bytes", maxLine)
			}
		default:
			return "", err
		}
	}
}

// needs are what flows and groups refer to.
type needs struct {
	groups, meters map[string]bool
	tlvs           map[string]bool // tun_metadata fields by number
	tables         map[string]bool // tables with flows
	normal         bool            // whether a flow has the action NORMAL
}

func newNeeds() *needs {
	return &needs{groups: map[string]bool{}, meters: map[string]bool{}, tlvs: map[string]bool{}, tables: map[string]bool{}}
}

var (
	groupRef = regexp.MustCompile(`(?:^|[,( =])group:(\d+)`)
	meterRef = regexp.MustCompile(`(?:^|[,( =])meter:(\d+)`)
	tableOf  = regexp.MustCompile(`(?:^|,)table=(\d+)`)
	tlvRef   = regexp.MustCompile(`(?i)tun_metadata(\d+)`)
)

// look adds what a line refers to.
func (n *needs) look(line string) {
	n.normal = n.normal || strings.Contains(line, "NORMAL")
	for _, x := range []struct {
		word string
		re   *regexp.Regexp
		to   map[string]bool
	}{{"group:", groupRef, n.groups}, {"meter:", meterRef, n.meters}, {"tun_metadata", tlvRef, n.tlvs}, {"TUN_METADATA", tlvRef, n.tlvs}} {
		if strings.Contains(line, x.word) {
			for _, m := range x.re.FindAllStringSubmatch(line, -1) {
				x.to[m[1]] = true
			}
		}
	}
}

// dumped are the items of a dumped flow that are its age and counters, and the timeouts with which
// it would leave the rebuilt table.
var dumped = []string{"duration=", "n_packets=", "n_bytes=", "idle_age=", "hard_age=", "idle_timeout=", "hard_timeout=", "send_flow_rem", "check_overlap", "reset_counts"}

// flow returns a line of dump-flows in the form of ovs-ofctl add-flows, without counters and
// timeouts; false for a line that is not a flow.
func flow(line string) (string, bool) {
	match, actions, ok := strings.Cut(line, " actions=")
	if !ok {
		return "", false
	}
	var keep []string
	for item := range strings.SplitSeq(strings.TrimSpace(match), ", ") {
		if !isDumped(item) {
			keep = append(keep, item)
		}
	}
	// The match itself is one item, in which a timeout or a flag precedes the priority.
	out := strings.Join(keep, ",")
	for _, d := range dumped {
		out = cutItem(out, d)
	}
	return strings.TrimRight(out, ", ") + " actions=" + readable(actions), true
}

// narrow are the fields that have fewer bits than their bytes and no mask, by name, with the mask
// of all their bits.
var narrow = map[string]string{"ip_dscp": "0x3f", "nw_tos": "0xfc", "nw_ecn": "0x3", "vlan_pcp": "0x7", "mpls_label": "0xfffff", "mpls_tc": "0x7", "mpls_bos": "0x1"}

// masked is a set_field action of such a field.
var masked = regexp.MustCompile(`set_field:([^,/()]+)/(0x[0-9a-f]+)->(` + strings.Join(slices.Sorted(maps.Keys(narrow)), "|") + `)\b`)

// readable returns actions without the masks that ovs-ofctl prints and refuses to read
// (lib/ofp-actions.c: format_SET_FIELD; lib/meta-flow.c: mf_is_mask_valid).
func readable(actions string) string {
	if !strings.Contains(actions, "set_field:") {
		return actions
	}
	return masked.ReplaceAllStringFunc(actions, func(a string) string {
		m := masked.FindStringSubmatch(a)
		if narrow[m[3]] != m[2] {
			return a
		}
		return "set_field:" + m[1] + "->" + m[3]
	})
}

func isDumped(item string) bool {
	for _, d := range dumped {
		if rest, ok := strings.CutPrefix(item, d); ok && !strings.Contains(rest, ",") && !strings.Contains(rest, " ") {
			return true
		}
	}
	return false
}

// cutItem removes an item that begins with name from a list separated by commas and blanks.
func cutItem(list, name string) string {
	i := strings.Index(list, name)
	if i < 0 || i > 0 && list[i-1] != ',' && list[i-1] != ' ' {
		return list
	}
	rest := list[i+len(name):]
	if end := strings.IndexAny(rest, ", "); end >= 0 {
		return list[:i] + strings.TrimLeft(rest[end:], ", ")
	}
	return strings.TrimRight(list[:i], ", ")
}

// maxTable is the number of the last table that flows can be in.
const maxTable = 253

// unknownFlows returns flows that end every packet as unknown, in whatever table it is looked up.
func unknownFlows(reason string) string {
	var b strings.Builder
	for t := range maxTable + 1 {
		fmt.Fprintf(&b, "table=%d,priority=65535 actions=%s\n", t, pinctrl.NotCollected(reason))
	}
	return b.String()
}

// writeFlows writes a bridge's flows to a file in the form of ovs-ofctl replace-flows, and returns
// what they refer to. Actions that depend on something that is unknown are replaced, if replace
// returns a reason for a flow's match, which begins with its cookie, and its actions.
func writeFlows(p *Part, file string, replace func(match, actions string) string) (*needs, error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(out)
	n := newNeeds()
	err = lines(p, func(line string) error {
		f, ok := flow(line)
		if !ok {
			return nil
		}
		match, actions, _ := strings.Cut(f, " actions=")
		if why := replace(match, actions); why != "" {
			f = match + " actions=" + pinctrl.NotCollected(why)
		}
		n.look(f)
		if m := tableOf.FindStringSubmatch(match); m != nil {
			n.tables[m[1]] = true
		} else {
			n.tables["0"] = true
		}
		_, err := w.WriteString(f + "\n")
		return err
	})
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return n, err
}

// spare returns a table without flows.
func (n *needs) spare() int {
	for t := maxTable; t > 0; t-- {
		if !n.tables[fmt.Sprint(t)] {
			return t
		}
	}
	return 0
}

// groups returns the groups of a dump in the form of ovs-ofctl add-groups, and those missing that
// flows refer to: such a group sends its packets to a table, for Open vSwitch takes no controller
// action out of a group (do_xlate_actions).
func groups(p *Part, n *needs, table int) (text string, missing []string, err error) {
	var b strings.Builder
	have := map[string]bool{}
	if p.There() {
		err = lines(p, func(line string) error {
			line = strings.TrimSpace(line)
			rest, ok := strings.CutPrefix(line, "group_id=")
			if !ok {
				return nil
			}
			id, _, _ := strings.Cut(rest, ",")
			have[id] = true
			n.look(line)
			b.WriteString(line + "\n")
			return nil
		})
	}
	for _, id := range sorted(n.groups) {
		if !have[id] {
			missing = append(missing, id)
			fmt.Fprintf(&b, "group_id=%s,type=indirect,bucket=actions=resubmit(,%d)\n", id, table)
		}
	}
	return b.String(), missing, err
}

// meterNumber is the beginning of a meter in dump-meters.
var meterNumber = regexp.MustCompile(`^\s*meter=(\d+) (.*)$`)

// meters returns the meters of a dump, each as an argument of ovs-ofctl add-meter, and the numbers
// of those missing that flows refer to, which are invented: a meter drops packets by their rate,
// which no trace knows.
func meters(p *Part, n *needs) (list []string, missing []string, err error) {
	have := map[string]bool{}
	if p.There() {
		err = lines(p, func(line string) error {
			if m := meterNumber.FindStringSubmatch(line); m != nil {
				have[m[1]] = true
				// "meter=1 kbps burst stats bands=", then a line for each band.
				flags, _, _ := strings.Cut(m[2], "bands=")
				list = append(list, "meter="+m[1]+","+strings.Join(strings.Fields(flags), ",")+",bands=")
			} else if t := strings.TrimSpace(line); strings.HasPrefix(t, "type=") && len(list) > 0 {
				sep := ","
				if strings.HasSuffix(list[len(list)-1], "=") {
					sep = ""
				}
				list[len(list)-1] += sep + strings.Join(strings.Fields(t), ",")
			}
			return nil
		})
	}
	for _, id := range sorted(n.meters) {
		if !have[id] {
			missing = append(missing, id)
			list = append(list, "meter="+id+",pktps,bands=type=drop,rate=4294967295")
		}
	}
	return list, missing, err
}

// tlvLine is a line of the mapping table in dump-tlv-map: class, type, length, field.
var tlvLine = regexp.MustCompile(`^\s*0x([0-9a-fA-F]+)\s+0x([0-9a-fA-F]+)\s+(\d+)\s+tun_metadata(\d+)\s*$`)

// geneveOption is OVN's TLV of Geneve (OVN_GENEVE_CLASS, OVN_GENEVE_TYPE, OVN_GENEVE_LEN in
// controller/physical.h), which ovn-controller maps to tun_metadata0.
const geneveOption = "{class=0x102,type=0x80,len=4}->tun_metadata0"

// tlvs returns the mapping of Geneve options in the form of ovs-ofctl add-tlv-map, and whether
// OVN's own was invented.
func tlvs(p *Part, n *needs) (list []string, invented bool, err error) {
	if p.There() {
		err = lines(p, func(line string) error {
			if m := tlvLine.FindStringSubmatch(line); m != nil {
				list = append(list, fmt.Sprintf("{class=0x%s,type=0x%s,len=%s}->tun_metadata%s", m[1], m[2], m[3], m[4]))
			}
			return nil
		})
	}
	if len(list) == 0 && n.tlvs["0"] {
		return []string{geneveOption}, true, err
	}
	return list, false, err
}
