// Package ofctl has ovs-ofctl read OpenFlow actions for tests.
package ofctl

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// ParseActions returns the text of each of lists, OpenFlow actions encoded in version
// ("OpenFlow13").
func ParseActions(t testing.TB, version string, lists [][]byte) []string {
	t.Helper()
	tool := testenv.Tool(t, "ovs-ofctl")
	var in bytes.Buffer
	for _, b := range lists {
		fmt.Fprintln(&in, hex.EncodeToString(b))
	}
	cmd := exec.Command(tool, "parse-actions", version)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n\n") {
		// Lines that follow tell where encoding it again differs.
		l, _, _ = strings.Cut(strings.TrimSpace(l), "\n")
		got = append(got, strings.TrimPrefix(l, "actions="))
	}
	if len(got) != len(lists) {
		t.Fatalf("ovs-ofctl printed %d lists of %d:\n%s", len(got), len(lists), out)
	}
	return got
}
