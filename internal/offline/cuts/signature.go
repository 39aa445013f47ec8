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
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
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
	_ = json.NewEncoder(s).Encode([]any{h.Hostname, h.Kernel, h.OVS, h.OVN, h.Sysctls, h.Failed})
	s.whole(h.Conf, h.NB, h.SB)
	if h.Bridge != nil {
		h.Digest(s, bridges)
	}
	for _, dp := range datapaths {
		if h.Conntrack == nil {
			break
		}
		p := h.Conntrack(dp)
		s.lines(p)
		s.fragments(h.Fragments(dp))
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

// fragments adds the settings of joining fragments. Without a whole line the usual ones are taken.
func (s signing) fragments(p *rebuild.Part) {
	if !p.There() {
		fmt.Fprintln(s, "nothing")
		return
	}
	b, err := wholeLines(p)
	set, ok := ctdpif.ParseFragments(string(b))
	fmt.Fprintln(s, len(b) == 0, set, ok, err)
}

// content adds the whole lines of a part.
func (s signing) content(p *rebuild.Part) {
	b, err := wholeLines(p)
	fmt.Fprintln(s, len(b), err)
	s.Write(b)
}

// wholeLines returns a part without a line that is cut.
func wholeLines(p *rebuild.Part) ([]byte, error) {
	in, err := p.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	return b[:bytes.LastIndexByte(b, '\n')+1], err
}
