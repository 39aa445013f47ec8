// Command ovn-ct-trace traces packets through OVN with the nodes' real conntrack entries.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/cli"
)

func main() {
	// It runs beside what a production node is there for: memory is dearer than the collector's time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(30)
	}
	// A reader that goes away must not end the program before it has removed what it committed: writes fail instead.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	status := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
