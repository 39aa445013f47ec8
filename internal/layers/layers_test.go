// Package layers tests the dependencies between the module's packages, and the exported names of
// its public ones.
package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ovn-ct-trace/ovn-ct-trace"

// own returns a package's path within the module: the root is ".". ok is false for a package of
// another module.
func own(path string) (name string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// anything allows a package of tools or tests to import any package.
const anything = "*"

// allowed says which of the module's packages a package may import, its tests left out. A package
// above another is below it in the list.
var allowed = map[string][]string{
	// Public, with the root: the model of connection tracking, a packet, one node, the result.
	"ctstate":         nil,
	"engine/packet":   nil,
	"engine":          {"ctstate", "engine/packet", "internal/failure", "internal/odp", "internal/ofreplay", "internal/oftrace", "internal/openflow"},
	"engine/vswitchd": {"engine", "internal/dpif", "internal/unixctl"},
	"report":          {"engine", "engine/packet"},
	"report/schema":   nil,

	// The languages of Open vSwitch, and the effect of its actions.
	"internal/u128":     nil,
	"internal/syntax":   nil,
	"internal/failure":  nil,
	"internal/inflight": nil,
	"internal/openflow": {"ctstate", "engine/packet", "internal/syntax", "internal/u128"},
	"internal/odp":      {"engine/packet", "internal/openflow", "internal/syntax"},
	"internal/oftrace":  {"internal/syntax"},
	"internal/dpif":     {"internal/failure", "internal/syntax"},
	"internal/ofreplay": {"engine/packet", "internal/openflow", "internal/oftrace"},

	// Adapters to the kernel and to daemons.
	"internal/ofgroup":    {},
	"internal/unixctl":    {"internal/failure"},
	"internal/nodens":     {"internal/failure"},
	"internal/pcapfilter": {"engine/packet", "internal/syntax"},
	"internal/pktsock":    {"internal/nodens"},
	"internal/ctnetlink":  {"ctstate", "internal/nodens", "internal/syntax"},
	"internal/ctdpif":     {"ctstate", "internal/ctpack", "internal/syntax"},
	"internal/ctpack":     {"ctstate"},
	"internal/ctjournal":  {"ctstate", "internal/ctnetlink", "internal/nodens", "internal/syntax"},
	"internal/rebuild":    {"internal/unixctl", "internal/ovsdb", "internal/pinctrl"},
	"internal/ctlist":     {"ctstate", "internal/syntax"},
	"internal/archive":    nil,
	"internal/sosreport":  {"internal/archive", "internal/rebuild"},
	"internal/mustgather": {"internal/archive", "internal/rebuild"},
	"internal/offline":    {"internal/archive", "internal/ctdpif", "internal/failure", "internal/node", "internal/ovn", "internal/ovsdb", "internal/rebuild", "internal/sosreport", "internal/ctlist", "internal/mustgather", "internal/replica"},

	// OVN: its databases, its language, its controller.
	"internal/ovsdb":     {"internal/failure"},
	"internal/spelling":  nil,
	"internal/ovn":       {"internal/dpif", "internal/failure", "internal/ovsdb", "internal/spelling"},
	"internal/inventory": {"internal/ovn", "internal/ovsdb"},
	"internal/ovnexpr":   {"internal/spelling", "internal/u128"},
	"internal/capture":   {"engine/packet"},
	"internal/microflow": {"ctstate", "engine/packet", "internal/openflow", "internal/ovnexpr", "internal/u128", "internal/capture"},
	"internal/pinctrl":   {"engine/packet", "internal/ofreplay", "internal/openflow", "internal/syntax"},

	// One chassis, and traces over several.
	"internal/node":       {"ctstate", "engine", "engine/vswitchd", "internal/ctdpif", "internal/ctjournal", "internal/ctnetlink", "internal/dpif", "internal/failure", "internal/nodens", "internal/odp", "internal/ovn", "internal/ovsdb", "internal/pcapfilter", "internal/pktsock", "internal/syntax", "internal/unixctl", "internal/ctlist", "internal/ofgroup"},
	"internal/nodeserve":  {"internal/failure", "internal/node"},
	"internal/connection": {"ctstate", "internal/ctpack", "internal/ovnexpr", "internal/u128"},
	"internal/driver":     {"ctstate", "engine", "engine/packet", "internal/failure", "internal/node", "internal/openflow", "internal/ovn", "internal/ovsdb", "internal/pinctrl"},
	"internal/session":    {"ctstate", "engine", "engine/packet", "internal/driver"},
	"internal/nbrow":      {"engine/packet", "internal/inventory", "report"},
	"internal/gather":     {"ctstate", "internal/connection", "internal/node", "internal/ovn", "internal/audit", "internal/inflight"},
	"internal/audit":      {"ctstate", "internal/connection", "internal/inventory", "internal/ovn", "report", "internal/nbrow"},
	"internal/explain":    {"engine", "engine/packet", "internal/openflow", "internal/ovn", "internal/ovnexpr", "internal/ovsdb"},

	// Text.
	"internal/publish": {"ctstate", "engine", "engine/packet", "internal/connection", "internal/gather", "internal/inventory", "internal/driver", "internal/explain", "internal/node", "internal/ovn", "internal/session", "report", "internal/nbrow"},
	"internal/render":  {"engine", "engine/packet", "internal/odp", "internal/openflow", "report"},

	// A request to a deployment, of the library and of the command line.
	"internal/usage":      {"internal/failure"},
	"internal/push":       {"internal/failure"},
	"internal/kube":       {"internal/failure"},
	"internal/deployment": {"internal/driver", "internal/explain", "internal/failure", "internal/node", "internal/ovn", "internal/ovsdb", "internal/publish", "internal/push", "internal/usage", "internal/kube", "internal/offline"},
	"internal/diagnose":   {"ctstate", "engine", "engine/packet", "internal/connection", "internal/inventory", "internal/ovn", "internal/ovsdb", "report", "internal/audit", "internal/nbrow"},
	"internal/question":   {"ctstate", "engine", "engine/packet", "internal/deployment", "internal/driver", "internal/failure", "internal/microflow", "internal/ovn", "internal/ovnexpr", "internal/ovsdb", "internal/publish", "internal/session", "internal/usage", "report", "internal/diagnose", "internal/capture", "internal/inventory", "internal/node", "internal/audit", "internal/connection", "internal/gather"},
	"internal/matrix":     {"engine", "internal/deployment", "internal/failure", "internal/microflow", "internal/ovn", "internal/ovsdb", "internal/question", "internal/usage", "report"},
	"internal/watch":      {"internal/deployment", "internal/driver", "internal/failure", "internal/node", "internal/ovn"},
	"internal/verify":     {"ctstate", "engine", "engine/packet", "internal/driver", "internal/microflow", "internal/node", "internal/publish", "internal/watch", "report"},
	"internal/replica":    {"ctstate", "engine", "internal/failure", "internal/node", "internal/ovn", "internal/ovsdb", "internal/rebuild", "internal/syntax", "internal/unixctl"},
	"internal/whatif": {"ctstate", "engine", "engine/packet", "internal/connection", "internal/deployment", "internal/driver", "internal/failure", "internal/gather", "internal/inventory",
		"internal/node", "internal/ovn", "internal/ovsdb", "internal/publish", "internal/question", "internal/rebuild", "internal/render", "internal/replica", "internal/session", "internal/usage", "report"},
	"internal/bundle":  {"internal/deployment", "internal/node", "internal/ovn", "internal/ovsdb", "internal/sosreport", "report"},
	".":                {"internal/deployment", "internal/failure", "internal/question", "internal/render", "internal/usage", "report"},
	"internal/cli":     {"ctstate", "internal/audit", "internal/capture", "engine", "engine/packet", "internal/connection", "internal/gather", "internal/inventory", "internal/ovnexpr", "internal/ctjournal", "internal/deployment", "internal/driver", "internal/failure", "internal/node", "internal/openflow", "internal/ovn", "internal/publish", "internal/push", "internal/question", "internal/render", "internal/usage", "report", "report/schema", "internal/pcapfilter", "internal/syntax", "internal/verify", "internal/watch", "internal/matrix", "internal/replica", "internal/whatif", "internal/nodeserve", "internal/bundle", "internal/inflight"},
	"cmd/ovn-ct-trace": {"internal/cli"},

	// The lab judges the tool from outside: its probes read its output by types of their own.
	"internal/lab":          {"internal/nodens"},
	"internal/lab/probe":    {"internal/lab", "internal/reporttest"},
	"internal/lab/cases":    {"internal/lab", "internal/lab/probe"},
	"internal/lab/campaign": {"internal/lab", "internal/lab/cases", "internal/lab/probe"},
	"internal/lab/guest":    nil,
	"internal/lab/labctl":   {".", "internal/offline/cuts", "internal/bench/replay", "internal/kube/kubetest", "internal/lab", "internal/lab/campaign", "internal/lab/cases", "internal/lab/guest", "internal/lab/probe", "report", "engine", "internal/nodens", "internal/testenv/testca"},

	"internal/bench":                 {anything},
	"internal/bench/ctbench":         {anything},
	"internal/bench/dbcount":         nil,
	"internal/bench/explainbench":    {anything},
	"internal/bench/fleet":           {anything},
	"internal/bench/replay":          {"internal/oftrace"},
	"internal/bench/scalebench":      {anything},
	"internal/bench/usbench":         {anything},
	"internal/difftest":              {anything},
	"internal/offline/cuts":          {"internal/archive", "internal/ctdpif", "internal/offline", "internal/rebuild"},
	"internal/kube/kubetest":         nil,
	"internal/layers":                nil,
	"internal/nodens/nstest":         {"internal/nodens", "internal/testenv"},
	"internal/ovn/ovntest":           {"internal/ovsdb", "internal/ovsdb/ovsdbtest", "internal/testenv"},
	"internal/ovsdb/ovsdbtest":       {"internal/testenv"},
	"internal/reporttest":            {"report/schema"},
	"internal/schemagen":             {anything},
	"internal/testenv":               nil,
	"internal/testenv/corpus":        {"internal/testenv"},
	"internal/testenv/dummy":         {"internal/testenv", "internal/unixctl"},
	"internal/testenv/ofctl":         {"internal/testenv"},
	"internal/testenv/testca":        nil,
	"internal/openflow/openflowtest": {"ctstate", "engine/packet"},
	"engine/packet/packettest":       {"engine/packet"},
}

// No package imports one that is not below it, and each package has its place.
func TestImports(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name, _ := own(p.ImportPath)
		found[name] = true
		may, ok := allowed[name]
		if !ok {
			t.Errorf("%s has no line in allowed", name)
		}
		for _, path := range p.Imports {
			if to, ours := own(path); ours && !slices.Contains(may, to) && !slices.Contains(may, anything) {
				t.Errorf("%s imports %s", name, to)
			}
		}
	}
	for name, may := range allowed {
		if !found[name] {
			t.Errorf("%s has a line in allowed, and is no package", name)
		}
		for _, to := range may {
			if _, ok := allowed[to]; !ok && to != anything {
				t.Errorf("%s may import %s, which is no package", name, to)
			}
		}
	}
}

// The command, which starts once for each chassis too, does not link packages whose tables cost
// every process megabytes.
func TestNotLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"/cmd/ovn-ct-trace").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, heavy := range []string{"github.com/gopacket/gopacket/layers"} {
		if slices.Contains(deps, heavy) {
			t.Errorf("%s is linked", heavy)
		}
	}
	if len(deps) < 100 {
		t.Errorf("only %d packages", len(deps))
	}
}
