// Package policy is a program outside the module, which uses it as a library: it asserts what the
// lab's network lets through. scripts/library.sh builds it, and make test runs it in the lab.
package policy

import (
	"os"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace"
)

func TestPolicy(t *testing.T) {
	d, err := ovncttrace.Open(t.Context(), ovncttrace.Options{NodeCommand: os.Getenv("NODE_CMD")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if r, err := d.Trace(t.Context(), ovncttrace.Question{From: "sw0-p1", To: "sw1-p2:80/tcp"}); err != nil || !r.Delivered("sw1-p2") {
		t.Error(err, ovncttrace.Text(r))
	}
	if r, err := d.Session(t.Context(), ovncttrace.Question{From: "sw0-p1", To: "30.0.0.10:80/tcp"}); err != nil || !r.Established() {
		t.Error(err, ovncttrace.Text(r))
	}
	if r, err := d.Trace(t.Context(), ovncttrace.Question{From: "sw2-p1", To: "sw1-p2:25/tcp"}); err != nil || !r.DroppedBy("ACL", "no-smtp") {
		t.Error(err, ovncttrace.Text(r))
	}
}
