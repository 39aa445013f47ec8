package cuts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"regexp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// flowsOf finds the bridges of an archive by the dumps of their flows.
var flowsOf = regexp.MustCompile(`_dump-flows_(\S+)$`)

// datapaths are those whose connections can be in an archive.
var datapaths = []string{"system@ovs-system", "netdev@ovs-netdev"}

// of returns the signature of what was read of an archive.
func of(tree *archive.Tree, h *rebuild.Host) string {
	s := sha256.New()
	_ = json.NewEncoder(s).Encode([]any{h.Hostname, h.Kernel, h.OVS, h.OVN, h.Interfaces, h.InterfacesLack == "", h.Sysctls})
	// A part that is used only where it is whole.
	whole := func(p *rebuild.Part) {
		if p.Lacks() != "" {
			fmt.Fprintln(s, "lacks")
			return
		}
		content(s, p)
	}
	// A part of which everything is used that is there, but for the end of a line that is cut.
	lines := func(p *rebuild.Part) {
		fmt.Fprintln(s, p.There(), p.Lacks() == "")
		if p.There() {
			content(s, p)
		}
	}
	for _, p := range []*rebuild.Part{h.Conf, h.NB, h.SB} {
		whole(p)
	}
	seen := map[string]bool{}
	for _, n := range tree.Names() {
		m := flowsOf.FindStringSubmatch(n)
		if m == nil || seen[m[1]] || h.Bridge == nil {
			continue
		}
		seen[m[1]] = true
		b := h.Bridge(m[1])
		fmt.Fprintln(s, m[1])
		whole(b.Flows)
		for _, p := range []*rebuild.Part{b.Groups, b.Meters, b.TLVs, b.MACs} {
			lines(p)
		}
	}
	lines(h.Routes)
	lines(h.Neighbours)
	for _, dp := range datapaths {
		if h.Conntrack == nil {
			continue
		}
		p := h.Conntrack(dp)
		lines(p)
		lines(h.Fragments(dp))
		if p.There() && dp == "system@ovs-system" {
			lines(h.Listed)
		}
	}
	return hex.EncodeToString(s.Sum(nil))
}

// content adds the whole lines of a part to a signature.
func content(s hash.Hash, p *rebuild.Part) {
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
