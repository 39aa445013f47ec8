package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// A disk that is full leaves the overlay file as it was and nothing beside it, and is no fault of
// the input.
func TestOverlayDiskFull(t *testing.T) {
	testenv.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	o := overlayFlags{commit: "overlay", file: filepath.Join(dir, "o.json")}
	if err := o.save(driver.World{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(o.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	err = o.save(driver.World{})
	if !errors.Is(err, unix.ENOSPC) || statusOf(err) != exitUnreachable {
		t.Errorf("%v, exit status %d", err, statusOf(err))
	}
	after, rerr := os.ReadFile(o.file)
	left, _ := filepath.Glob(filepath.Join(dir, "o.json.*"))
	if rerr != nil || string(after) != string(before) || len(left) > 0 {
		t.Errorf("the overlay is %d bytes, %v; beside it %q", len(after), rerr, left)
	}
}
