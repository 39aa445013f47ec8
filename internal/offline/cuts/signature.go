package cuts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"regexp"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// flowsOf finds the bridges of an archive by the dumps of their flows.
var flowsOf = regexp.MustCompile(`_dump-flows_(\S+)$`)

// datapaths are those whose connections can be in an archive.
var datapaths = []string{"system@ovs-system", "netdev@ovs-netdev"}

// asked are the commands of which only this tool's own bundles have the answers.
var asked = []string{"dpctl/ct-get-maxconns", "dpctl/ct-get-tcp-seq-chk", "dpctl/ct-get-limits", "dpctl/ipf-get-status", "dpctl/dump-conntrack-exp"}

// of returns the signature of what was read of an archive.
func of(tree *archive.Tree, hosts []*rebuild.Host) string {
	s := signing{sha256.New()}
	bridges := map[string]bool{}
	for _, n := range tree.Names() {
		if m := flowsOf.FindStringSubmatch(n); m != nil {
			bridges[m[1]] = true
		}
	}
	for _, h := range hosts {
		s.host(h, slices.Sorted(maps.Keys(bridges)))
	}
	return hex.EncodeToString(s.Sum(nil))
}

// signing is a signature that is being made.
type signing struct{ hash.Hash }

// host adds what was read of a host. Only that a part lacks something counts, not why.
func (s signing) host(h *rebuild.Host, bridges []string) {
	_ = json.NewEncoder(s).Encode([]any{h.Hostname, h.Kernel, h.OVS, h.OVN, h.Interfaces, h.InterfacesLack == "", h.WaysLack == "", h.Sysctls, h.Failed})
	s.whole(h.Conf, h.NB, h.SB)
	for _, name := range bridges {
		if h.Bridge == nil {
			break
		}
		b := h.Bridge(name)
		fmt.Fprintln(s, name)
		s.whole(b.Flows)
		s.lines(b.Groups, b.Meters, b.TLVs, b.MACs)
	}
	s.lines(h.Routes, h.Neighbours)
	for _, dp := range datapaths {
		if h.Conntrack == nil {
			break
		}
		p := h.Conntrack(dp)
		s.lines(p, h.Fragments(dp))
		if p.There() && dp == "system@ovs-system" {
			s.lines(h.Listed)
		}
		if h.Entries != nil {
			s.lines(h.Entries(dp))
			s.whole(h.Expected(dp), h.Limits(dp))
			for _, method := range asked {
				s.whole(h.Asked(method, dp))
			}
		}
	}
}

// whole adds parts that are used only where they are whole.
func (s signing) whole(parts ...*rebuild.Part) {
	for _, p := range parts {
		switch {
		case p == nil:
			fmt.Fprintln(s, "nothing")
		case p.Lacks() != "":
			fmt.Fprintln(s, "lacks")
		default:
			s.content(p)
		}
	}
}

// lines adds parts of which everything is used that is there, but for the end of a line that is
// cut.
func (s signing) lines(parts ...*rebuild.Part) {
	for _, p := range parts {
		fmt.Fprintln(s, p.There(), p.Lacks() == "")
		if p.There() {
			s.content(p)
		}
	}
}

// content adds the whole lines of a part.
func (s signing) content(p *rebuild.Part) {
	in, err := p.Open()
	if err != nil {
		fmt.Fprintln(s, err)
		return
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	fmt.Fprintln(s, len(b), err)
	s.Write(b)
}
