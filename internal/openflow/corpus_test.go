package openflow

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow/openflowtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// flows are the flows of the traces, and matches those of dump-flows.
func flows(t testing.TB) []string {
	out := corpus.Values(t, "trace/*.txt", "Flow: ", "Final flow: ", "Megaflow: ")
	return append(out, corpus.Lines(t, "flows/grammar.txt")...)
}

func dumped(t testing.TB) []string {
	var out []string
	for _, line := range append(corpus.Lines(t, "flows/openflow-*.txt"), corpus.Lines(t, "flows/dump-flows-*.txt")...) {
		if line = strings.TrimSpace(line); strings.Contains(line, " actions=") {
			out = append(out, line)
		}
	}
	return out
}

func TestCorpusIdentity(t *testing.T) {
	for _, in := range append(flows(t), dumped(t)...) {
		f, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := f.String(); got != in {
			t.Errorf("printed %s\n    was %s", got, in)
		}
		for _, fd := range f.Fields {
			if fd.Value == "" && !isProtoWord(fd.Name) && fd.Name != "eth" && !statsWord[fd.Name] {
				t.Errorf("%s: bare word %q", in, fd.Name)
			}
		}
	}
}

func isProtoWord(name string) bool {
	_, ok := protoWord(name)
	return ok
}

// statsWord are the bare words of flow dumps beside protocols.
var statsWord = map[string]bool{"reset_counts": true, "send_flow_rem": true, "check_overlap": true, "no_packet_counts": true,
	"no_byte_counts": true, "unchanged": true, "nd_reserved": true}

// TestDifferentialParseFlow gives ovs-ofctl parse-flows the matches of flow dumps as this package
// has parsed and printed them: it must read the same fields.
func TestDifferentialParseFlow(t *testing.T) {
	tool := testenv.Tool(t, "ovs-ofctl")
	checked := 0
	seen := map[string]bool{}
	for _, in := range dumped(t) {
		f, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		f.Del("cookie", "duration", "n_packets", "n_bytes", "idle_age", "hard_age", "hard_timeout", "idle_timeout", "reset_counts")
		f.Set("actions", "drop")
		ours := f.String()
		if seen[ours] || strings.Contains(ours, "=p") || strings.Contains(ours, `"`) || tunMeta(ours) {
			continue // names of ports and tunnel options are known to a switch only
		}
		seen[ours] = true
	}
	var lines []string
	for s := range seen {
		lines = append(lines, s)
	}
	cmd := exec.Command(tool, "-OOpenFlow15", "parse-flows", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parse-flows: %v", err)
	}
	var got []string
	for _, line := range strings.Split(string(out), "\n") {
		if _, flow, ok := strings.Cut(line, ": ADD "); ok {
			got = append(got, flow)
		}
	}
	if len(got) != len(lines) {
		t.Fatalf("%d flows given, %d read", len(lines), len(got))
	}
	for i := range lines {
		a, err := Parse(lines[i])
		b, err2 := Parse(got[i])
		if err != nil || err2 != nil {
			t.Errorf("%s: %v\n%s: %v", lines[i], err, got[i], err2)
			continue
		}
		for _, fd := range b.Fields {
			text, ok := a.Get(fd.Name)
			if _, table := strings.CutPrefix(fd.Name, "table:"); table {
				continue
			}
			if !ok || text != fd.Text() && !sameFlags(fd.Name, text, fd.Text()) {
				t.Errorf("%s\n  parse-flows: %s\n  has %s, ours %q", lines[i], got[i], fd, text)
			}
			checked++
		}
		for _, fd := range a.Fields {
			if fd.Name == "table" || fd.Name == "priority" {
				continue // printed as table:N, the default priority not at all
			}
			if !b.Has(fd.Name) {
				t.Errorf("%s\n  parse-flows: %s\n  has no %s", lines[i], got[i], fd)
			}
		}
	}
	t.Logf("%d flows, %d fields agree", len(lines), checked)
	if len(lines) < 200 {
		t.Errorf("only %d flows were compared", len(lines))
	}
}

func tunMeta(s string) bool { return strings.Contains(s, "tun_metadata") }

func sameFlags(name, a, b string) bool {
	switch name {
	case "ct_state":
		v1, m1, err1 := ParseCTState(a)
		v2, m2, err2 := ParseCTState(b)
		return err1 == nil && err2 == nil && v1 == v2 && m1 == m2
	case "tcp_flags":
		v1, m1, err1 := ParseTCPFlags(a)
		v2, m2, err2 := ParseTCPFlags(b)
		return err1 == nil && err2 == nil && v1 == v2 && m1 == m2
	}
	return false
}

// TestDifferentialFlags compares flag texts with what ovs-ofctl prints back.
func TestDifferentialFlags(t *testing.T) {
	tool := testenv.Tool(t, "ovs-ofctl")
	for _, in := range []string{"syn", "syn|ack", "+syn-ack", "+fin+syn+rst+psh+ack+urg+ece+cwr+ns", "-rst", "0x12", "0x12/0x3f", "0x2/0x2", "0"} {
		v, m, err := ParseTCPFlags(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, want := openflowtest.TCPFlags(v, m), ofctl(t, tool, "tcp,tcp_flags="+in, "tcp_flags="); got != want {
			t.Errorf("tcp_flags=%s: ours %s, OVS %s", in, got, want)
		}
	}
	for _, in := range []string{"+trk", "+new-est+trk", "-trk", "+est+rel+rpl+inv+trk", "+trk+snat-dnat", "0x21/0x21", "new|trk", "0x21", "0"} {
		v, m, err := ParseCTState(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, want := openflowtest.CTState(v, m), ofctl(t, tool, "ct_state="+in+",ip", "ct_state="); got != want {
			t.Errorf("ct_state=%s: ours %s, OVS %s", in, got, want)
		}
	}
}

// ofctl returns what ovs-ofctl parse-flow prints behind a field's name.
func ofctl(t *testing.T, tool, match, field string) string {
	t.Helper()
	out, err := exec.Command(tool, "parse-flow", match+",actions=drop").CombinedOutput()
	_, rest, ok := strings.Cut(string(out), field)
	if err != nil || !ok {
		t.Errorf("parse-flow %s: %v: %s", match, err, out)
		return ""
	}
	return rest[:strings.IndexAny(rest, ", \n")]
}

func FuzzParse(f *testing.F) {
	for i, in := range append(flows(f), dumped(f)...) {
		if i%5 == 0 {
			f.Add(in)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		fl, err := Parse(in)
		if err != nil {
			if e, ok := err.(*syntax.Error); !ok || e.Off < 0 || e.Off > len(in) || fl.Fields != nil {
				t.Errorf("%q: bad error %#v", in, err)
			}
			_ = err.Error()
			return
		}
		if got := fl.String(); got != strings.Trim(in, " \t\r\n") {
			t.Errorf("printed %q\n    was %q", got, in)
		}
		for _, name := range []string{"in_port", "nw_src", "tp_dst", "ct_label"} {
			fl.Uint(name)
			fl.Addr(name)
			fl.U128(name)
		}
		fl.InPort()
		fl.EthType()
		fl.Proto()
		fl.CTState()
	})
}

func FuzzFlags(f *testing.F) {
	for _, s := range []string{"syn|ack", "+syn-ack", "0x12/0x3f", "new,trk", "+trk"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if v, m, err := ParseTCPFlags(in); err == nil {
			v2, m2, err := ParseTCPFlags(openflowtest.TCPFlags(v, m))
			if err != nil || v2&m2 != v&m || m2 != m {
				t.Errorf("%q: %#x/%#x printed %s: %#x/%#x, %v", in, v, m, openflowtest.TCPFlags(v, m), v2, m2, err)
			}
		}
		if v, m, err := ParseCTState(in); err == nil {
			v2, m2, err := ParseCTState(openflowtest.CTState(v, m))
			if err != nil || v2&m2 != v&m || m2 != m {
				t.Errorf("%q: %#x/%#x printed %s: %#x/%#x, %v", in, v, m, openflowtest.CTState(v, m), v2, m2, err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	ins := flows(b)
	n := 0
	for _, in := range ins {
		n += len(in)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		for _, in := range ins {
			if _, err := Parse(in); err != nil {
				b.Fatal(err)
			}
		}
	}
}
