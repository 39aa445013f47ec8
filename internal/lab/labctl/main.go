// Labctl controls the project's lab: it boots the instance in which the lab runs, and runs commands
// there. Inside the instance it is the agent and runs the commands marked "(inside)".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	var ee *guest.ExitError
	if errors.As(err, &ee) && ee.Msg == "" {
		os.Exit(ee.Code)
	}
	fmt.Fprintf(os.Stderr, "labctl: %v\n", err)
	if ee != nil {
		os.Exit(ee.Code)
	}
	os.Exit(1)
}
