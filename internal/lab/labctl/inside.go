package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// cmdLabUp brings the base topology up in this instance.
func cmdLabUp(ctx context.Context, args []string) error {
	if _, err := lab.Attach(base(), os.Stderr); err == nil {
		fmt.Fprintln(os.Stderr, "lab: already up")
		return nil
	} else if !errors.Is(err, lab.ErrNoLab) {
		return err
	}
	if err := lab.Down(ctx); err != nil { // remains of a lab that failed
		return err
	}
	_, err := lab.Up(ctx, base(), os.Stderr)
	return err
}

func cmdLabDown(ctx context.Context, args []string) error { return lab.Down(ctx) }

func cmdCapture(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("capture: want one folder")
	}
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	return l.Capture(ctx, args[0])
}
