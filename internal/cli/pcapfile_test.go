package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
)

// A capture of no packet leaves no file of its own, and destroys none: -w may name an older
// capture, or a device.
func TestPcapFileWithoutFrames(t *testing.T) {
	dir := t.TempDir()
	name, old, link := filepath.Join(dir, "new"), filepath.Join(dir, "old"), filepath.Join(dir, "null")
	if err := errors.Join(os.WriteFile(old, []byte("an older and much longer capture"), 0o600), os.Symlink(os.DevNull, link)); err != nil {
		t.Fatal(err)
	}
	end := func(name string, begin bool) {
		t.Helper()
		p, err := createPcap(name)
		if err != nil {
			t.Fatal(err)
		}
		if begin {
			if err := p.begin(&watch.Recording{Point: &watch.Point{Port: "p1", Chassis: "hv1"}, Device: "tap1"}, ""); err != nil {
				t.Error(err)
			}
		}
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}
	for _, begin := range []bool{false, true} {
		end(name, begin)
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("begun %v: the new file: %v", begin, err)
		}
		end(link, begin)
		if _, err := os.Lstat(link); err != nil {
			t.Errorf("begun %v: the device: %v", begin, err)
		}
	}
	end(old, false)
	if b, err := os.ReadFile(old); err != nil || string(b) != "an older and much longer capture" {
		t.Errorf("the older capture is %q, %v", b, err)
	}
	end(old, true)
	if b, err := os.ReadFile(old); err != nil || len(b) == 0 || string(b[:4]) != "\x0a\x0d\x0d\x0a" {
		t.Errorf("the new capture in its place is %q, %v", b, err)
	}
}
