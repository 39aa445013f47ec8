package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNice checks that an instance gives way to others as the process that starts it does, also
// where the kernel schedules its session as a group.
func TestNice(t *testing.T) {
	const inner = "CT_TRACE_TEST_NICE"
	if os.Getenv(inner) == "" {
		cmd := exec.Command("nice", "-n", "7", os.Args[0], "-test.run", "^TestNice$", "-test.v")
		cmd.Env = append(os.Environ(), inner+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	in := &Instance{}
	if err := in.spawn(exec.Command("sleep", "60"), false); err != nil {
		t.Fatal(err)
	}
	defer in.kill(0)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", in.Pid))
	if err != nil {
		t.Fatal(err)
	}
	text := string(stat)
	if f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]); len(f) < 17 || f[16] != "7" { // field 19 is the nice value
		t.Errorf("nice value 7 is not in %s", text)
	}
	group, err := os.ReadFile(fmt.Sprintf("/proc/%d/autogroup", in.Pid))
	if errors.Is(err, fs.ErrNotExist) {
		return // this kernel has no such groups
	}
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(group)), " nice 7") {
		t.Errorf("the session's group: %q, %v", group, err)
	}
}
