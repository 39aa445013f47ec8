// Command ovn-ct-trace traces packets through OVN with the nodes' real conntrack entries.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/cli"
)

func main() {
	// The command shares a production node with its workload: memory matters more than the
	// collector's time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(30)
	}
	// A heap of a few megabytes would be collected every millisecond at that setting, which took a
	// quarter of the processor. Memory that is never touched counts as heap and occupies nothing: it
	// adds a third of its size to what may be allocated between two collections.
	ballast := make([]byte, 32<<20)
	// When the reader of standard output exits, writes must fail instead of ending the program: it
	// still has to remove what it committed.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	status := cli.RunAs(ctx, os.Args[0], os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	runtime.KeepAlive(ballast)
	os.Exit(status)
}
