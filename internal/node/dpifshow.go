package node

import (
	"fmt"
	"strconv"
	"strings"
)

// shownPort is a port as dpif/show lists it.
type shownPort struct {
	Backer       string // datapath, TYPE@NAME: system@ovs-system
	Bridge, Name string
	OFPort       uint32
	Datapath     string // number; empty where it has none (patch ports)
	Type         string
	Text         string // options as printed
}

// SyntaxError is a line of a daemon's answer that could not be read.
type SyntaxError struct {
	In  string
	Off int
	Msg string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d of %q", e.Msg, e.Off, e.In) }

// parseDpifShow reads the answer of dpif/show (ofproto/ofproto-dpif.c: dpif_show_backer):
//
//	system@ovs-system: hit:0 missed:0
//	  br-int:
//	    sw0-p1 1/2: (system)
func parseDpifShow(text string) ([]shownPort, error) {
	var out []shownPort
	bridge, backer := "", ""
	for off := 0; off < len(text); {
		line, _, _ := strings.Cut(text[off:], "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		body := line[indent:]
		switch {
		case body == "":
		case indent == 0:
			bridge = ""
			backer, _, _ = strings.Cut(body, ":")
		case indent == 2:
			bridge = strings.TrimSuffix(body, ":")
		default:
			p, bad := parseShownPort(body)
			if bad != "" {
				return out, &SyntaxError{In: line, Off: indent, Msg: "dpif/show: " + bad}
			}
			p.Backer, p.Bridge = backer, bridge
			out = append(out, p)
		}
		off += len(line) + 1
	}
	return out, nil
}

// parseShownPort reads NAME OFPORT/DPPORT: (TYPE[: OPTIONS]).
func parseShownPort(s string) (shownPort, string) {
	open := strings.Index(s, ": (")
	if open < 0 {
		return shownPort{}, "no (type)"
	}
	head := s[:open]
	rest, closed := strings.CutSuffix(s[open+3:], ")")
	if !closed {
		return shownPort{}, "no end of (type)"
	}
	space := strings.LastIndexByte(head, ' ')
	if space < 0 {
		return shownPort{}, "no port numbers"
	}
	p := shownPort{Name: head[:space]}
	of, dp, ok := strings.Cut(head[space+1:], "/")
	n, err := strconv.ParseUint(of, 10, 32)
	if !ok || dp == "" || err != nil {
		return shownPort{}, "port numbers not understood"
	}
	p.OFPort = uint32(n)
	if dp != "none" {
		p.Datapath = dp
	}
	p.Type, p.Text, _ = strings.Cut(rest, ": ")
	return p, ""
}
