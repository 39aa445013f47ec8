package probe

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// The types below are the parts of the public JSON (schema ovn-ct-trace/1) that a comparison reads.
// They are written by hand from docs/json.md and do not use package report, so that a change of
// either is noticed.

// Report is the output of the tool.
type Report struct {
	Schema   string   `json:"schema"`
	Verdict  string   `json:"verdict"`
	Packets  []RPkt   `json:"packets"`
	Session  *RSess   `json:"session"`
	Warnings []string `json:"warnings"`
}

// RSess is the result of a handshake.
type RSess struct {
	Proto       string `json:"proto"`
	Established bool   `json:"established"`
	BrokenAt    string `json:"broken_at"`
}

// RPkt is one packet of a report.
type RPkt struct {
	Label     string    `json:"label"`
	Direction string    `json:"direction"`
	Frame     int       `json:"frame"`
	Differs   string    `json:"differs"`
	Verdict   string    `json:"verdict"`
	Header    RHeader   `json:"header"`
	Branches  []RBranch `json:"branches"`
	Generated []RBranch `json:"generated"`
	Hops      []RHop    `json:"hops"`
}

// RBranch is one way of a packet and its end.
type RBranch struct {
	Verdict string `json:"verdict"`
	End     struct {
		Kind    string `json:"kind"`
		Chassis string `json:"chassis"`
		Port    string `json:"port"`
	} `json:"end"`
	Header  RHeader   `json:"header"`
	Choices []RChoice `json:"choices"`
	Reason  *RReason  `json:"reason"`
	Mirror  string    `json:"mirror"` // the mirror that made this copy
	Hops    []int     `json:"hops"`
	Held    *struct {
		Chassis string `json:"chassis"`
		Zone    uint16 `json:"zone"`
	} `json:"held"`
	Segments [][2]int `json:"segments"` // optional
}

// RReason is the reason of a branch's end.
type RReason struct {
	Text    string `json:"text"`
	Chassis string `json:"chassis"`
	Stage   string `json:"stage"`
	NB      *RNB   `json:"nb"`
	Nearest string `json:"nearest"`
	Where   struct {
		Answered string `json:"answered"` // who answers the request that a packet waits for
	} `json:"where"`
}

// RNB is a Northbound row.
type RNB struct {
	Table   string `json:"table"`
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// RChoice is a choice on a branch's way.
type RChoice struct {
	Kind       string `json:"kind"`
	Chosen     string `json:"chosen"`
	Determined bool   `json:"determined"`
}

// RHop is one chassis on a packet's way.
type RHop struct {
	Chassis string `json:"chassis"`
	Tunnel  *struct {
		Src string `json:"src"`
		Dst string `json:"dst"`
	} `json:"tunnel"`
	Segments []RSegment `json:"segments"`
}

// RSegment is one translation between recirculations.
type RSegment struct {
	ID     int      `json:"id"`
	Tables []RTable `json:"tables"`
	CT     []RCT    `json:"ct"`
}

// RTable is one table hit.
type RTable struct {
	Table int    `json:"table"`
	Stage string `json:"stage"`
	NB    *RNB   `json:"nb"`
	Row   string `json:"row"`
}

// RCT is one conntrack action.
type RCT struct {
	Zone     uint16  `json:"zone"`
	ZoneName string  `json:"zone_name"`
	Action   string  `json:"action"`
	Found    string  `json:"found"`
	State    string  `json:"state"`
	Entry    *REntry `json:"entry"`
	NAT      *struct {
		Determined bool   `json:"determined"`
		Why        string `json:"why"`
	} `json:"nat"`
	Committed *REntry `json:"committed"`
}

// REntry is a conntrack entry.
type REntry struct {
	Original RTuple `json:"original"`
	Reply    RTuple `json:"reply"`
	Status   string `json:"status"`
	Mark     string `json:"mark"`
	Label    string `json:"label"`
}

// RTuple is one direction of an entry.
type RTuple struct {
	Proto    string  `json:"proto"`
	Src      string  `json:"src"`
	Dst      string  `json:"dst"`
	Sport    *uint16 `json:"sport"`
	Dport    *uint16 `json:"dport"`
	ICMPID   *uint16 `json:"icmp_id"`
	ICMPType *uint8  `json:"icmp_type"`
	ICMPCode *uint8  `json:"icmp_code"`
}

// RHeader is a header with values in canonical form.
type RHeader Header

// UnmarshalJSON accepts both numbers and strings as values.
func (h *RHeader) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*h = RHeader{}
	for k, raw := range m {
		if k == "inner" { // the packet quoted in an ICMP error
			var inner RHeader
			if err := json.Unmarshal(raw, &inner); err != nil {
				return err
			}
			for _, f := range []string{"src", "dst", "sport", "dport"} {
				if v, ok := inner[f]; ok {
					(*h)["inner_"+f] = canonical("inner_"+f, v)
				}
			}
			continue
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			var n json.Number
			if json.Unmarshal(raw, &n) != nil {
				continue // objects and lists are not compared
			}
			s = n.String()
		}
		(*h)[k] = canonical(k, s)
	}
	return nil
}

func (t RTuple) tuple() (Tuple, error) {
	var out Tuple
	n, ok := protoNumbers[t.Proto]
	if !ok {
		n = t.Proto
	}
	p, err := strconv.ParseUint(n, 0, 8)
	if err != nil {
		return out, fmt.Errorf("tuple: proto %q", t.Proto)
	}
	out.Proto = uint8(p)
	if out.Src, err = netip.ParseAddr(t.Src); err != nil {
		return out, err
	}
	if out.Dst, err = netip.ParseAddr(t.Dst); err != nil {
		return out, err
	}
	for dst, src := range map[*uint16]*uint16{&out.Sport: t.Sport, &out.Dport: t.Dport, &out.ID: t.ICMPID} {
		if src != nil {
			*dst = *src
		}
	}
	for dst, src := range map[*uint8]*uint8{&out.Type: t.ICMPType, &out.Code: t.ICMPCode} {
		if src != nil {
			*dst = *src
		}
	}
	return out, nil
}

// entry converts a predicted entry to the form of the kernel's.
func (e REntry) entry(zone uint16) (Entry, error) {
	out := Entry{Zone: zone, Label: "0x0"}
	var err error
	if out.Orig, err = e.Original.tuple(); err != nil {
		return out, err
	}
	if out.Reply, err = e.Reply.tuple(); err != nil {
		return out, err
	}
	for word := range strings.FieldsFuncSeq(strings.ToUpper(e.Status), func(r rune) bool { return strings.ContainsRune("|, ", r) }) {
		switch word {
		case "SRC_NAT", "SNAT":
			out.SNAT = true
		case "DST_NAT", "DNAT":
			out.DNAT = true
		}
	}
	if e.Mark != "" {
		m, err := strconv.ParseUint(e.Mark, 0, 32)
		if err != nil {
			return out, err
		}
		out.Mark = uint32(m)
	}
	if e.Label != "" {
		n, ok := new(big.Int).SetString(e.Label, 0)
		if !ok {
			return out, fmt.Errorf("label %q", e.Label)
		}
		out.Label = "0x" + n.Text(16)
	}
	return out, nil
}
