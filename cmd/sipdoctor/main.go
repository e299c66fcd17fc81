// Command sipdoctor finds what stands between phones and their PBX and prints
// the commands that cure it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run politely; from then on the system's default
	// applies again, so that a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams is where a command reads and writes.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root, started := newRootCommand(streams{In: stdin, Out: stdout, Err: stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return statusOK
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.status
	}
	fmt.Fprintf(stderr, "sipdoctor: %s\n", oneLine(err.Error()))
	var usage *usageError
	if errors.As(err, &usage) || !started() {
		return statusUsage
	}
	return statusBroken
}
