package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// overlaySchema names an overlay file's format.
const overlaySchema = "ovn-ct-trace-overlay/2"

// overlayFile is an overlay between runs.
type overlayFile struct {
	Schema string       `json:"schema"`
	World  driver.World `json:"world"`
}

// defaultCommitTimeout is how long an entry of --commit=kernel lives.
const defaultCommitTimeout = 30 * time.Second

// overlayFlags are the flags for the entries that a packet leaves.
type overlayFlags struct {
	commit  string // "", overlay or kernel
	file    string
	timeout time.Duration // of kernel entries
	keep    bool          // leave kernel entries behind
}

func (o *overlayFlags) add(cmd *cobra.Command, def string) {
	f := cmd.Flags()
	f.StringVar(&o.commit, "commit", def, "keep the entries that the packet leaves: overlay, or kernel for real ones")
	f.Lookup("commit").NoOptDefVal = "overlay"
	f.StringVar(&o.file, "overlay", "", "file that carries the overlay from run to run")
	f.DurationVar(&o.timeout, "commit-timeout", defaultCommitTimeout, "how long an entry of --commit=kernel lives")
	f.BoolVar(&o.keep, "keep", false, "leave the entries of --commit=kernel behind: separate runs chain, until they expire or \"ct clean\"")
}

// addLocal adds what applies where nothing is written to the kernel.
func (o *overlayFlags) addLocal(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.commit, "commit", "", "keep the entries that the packet leaves in the --overlay file: overlay")
	f.Lookup("commit").NoOptDefVal = "overlay"
	f.StringVar(&o.file, "overlay", "", "file that carries the overlay from run to run")
	o.timeout = defaultCommitTimeout
}

func (o *overlayFlags) check() error {
	if o.commit == "" && o.file != "" {
		o.commit = "overlay" // the file is read and written, so that runs chain
	}
	if o.timeout < time.Second || o.timeout > time.Hour {
		return usage.Errorf("--commit-timeout 30s", "--commit-timeout %v is not between 1s and 1h", o.timeout)
	}
	switch o.commit {
	case "kernel":
		return nil
	case "", "overlay":
		if o.keep {
			return usage.Errorf("--commit=kernel --keep", "--keep has no effect without --commit=kernel")
		}
		return nil
	}
	return usage.Errorf("--commit=overlay or --commit=kernel", "no way to commit is called %q", o.commit)
}

// entries returns what is done with conntrack entries, with those of earlier runs.
func (o *overlayFlags) entries() (question.Entries, error) {
	before, err := o.load()
	e := question.Entries{Before: before, Keep: o.commit != ""}
	if o.commit == "kernel" {
		e.Kernel = &driver.CommitOptions{Timeout: uint32(o.timeout / time.Second), Keep: o.keep}
	}
	return e, err
}

func (o *overlayFlags) saves() bool { return o.file != "" && o.commit == "overlay" }

// load reads the overlay of earlier runs; no file yet is an empty overlay.
func (o *overlayFlags) load() (driver.World, error) {
	if o.file == "" {
		return driver.World{}, nil
	}
	b, err := os.ReadFile(o.file)
	if errors.Is(err, fs.ErrNotExist) {
		// Report before anything is traced that it cannot be written.
		if _, err := os.Stat(filepath.Dir(o.file)); err != nil {
			return driver.World{}, &usage.Error{Msg: "overlay: " + err.Error(), Err: err}
		}
		return driver.World{}, nil
	}
	if err != nil {
		return driver.World{}, &usage.Error{Msg: "overlay: " + err.Error(), Err: err}
	}
	return parseOverlay(o.file, b)
}

// parseOverlay reads the content of an overlay file.
func parseOverlay(name string, b []byte) (driver.World, error) {
	const hint = "remove it to begin anew; it was left as it is"
	var f struct {
		Schema string          `json:"schema"`
		World  json.RawMessage `json:"world"` // read by its schema
	}
	err := json.Unmarshal(b, &f)
	if err == nil && f.Schema != overlaySchema {
		return driver.World{}, usage.Errorf(hint, "overlay %s: schema %q is not %s", name, f.Schema, overlaySchema)
	}
	var w driver.World
	if err == nil && f.World != nil {
		err = json.Unmarshal(f.World, &w)
	}
	if err != nil {
		return driver.World{}, &usage.Error{Msg: fmt.Sprintf("overlay %s: %v", name, err), Err: err, Hint: hint}
	}
	return w, nil
}

// save replaces the overlay file atomically: a run that is killed, or finds the disk full, leaves
// the old one.
func (o *overlayFlags) save(w driver.World) error {
	b, err := json.MarshalIndent(overlayFile{Schema: overlaySchema, World: w}, "", " ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(o.file), filepath.Base(o.file)+".*")
	if err != nil {
		return &usage.Error{Msg: "overlay: " + err.Error(), Err: err}
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(b, '\n'))
	if serr := tmp.Sync(); err == nil {
		err = serr
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), o.file)
	}
	if err != nil {
		return fmt.Errorf("overlay: %w; %s is as it was", err, o.file)
	}
	return nil
}
