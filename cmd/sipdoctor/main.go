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
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // the authorities of Mozilla's list, where the system has none: a container, a router

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run politely; from then on the system's default
	// applies again, so that a second one kills.
	context.AfterFunc(ctx, stop)
	s := streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Lang: localeLanguage(os.Getenv), Config: platform.ConfigFile(), Confine: platform.Confine}
	cobra.MousetrapHelpText = "" // it would send those away who double-click
	if len(os.Args) == 1 && platform.OwnWindow() {
		s.Lang = clickLanguage(os.Getenv, platform.DesktopLanguage())
		os.Exit(s.doubleClicked(ctx, thisDoubleClick()))
	}
	os.Exit(s.run(ctx, os.Args[1:]))
}

// streams is where a command reads and writes.
type streams struct {
	In       io.Reader
	Out, Err io.Writer

	// Lang is what to speak; "" for English.
	Lang words.Lang

	// Config is the configuration file to read where the command line names none; ""
	// for none.
	Config string
	config *settings // what was read of it; nil: nothing yet

	// Told takes what is being done, for whoever is not at a terminal; nil for nobody. It
	// may be called concurrently.
	Told func(string)

	// Confine gives up what a server does not need; nil where the process is
	// not the command's alone, as in tests.
	Confine func(platform.Keeps) platform.Confined
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return streams{In: stdin, Out: stdout, Err: stderr}.run(ctx, args)
}

func (s streams) run(ctx context.Context, args []string) (status int) {
	defer func() {
		if p := recover(); p != nil {
			status = s.broken(args, p)
		}
	}()
	if s.config == nil {
		s.config = s.configure(args)
	}
	s.Lang = languageOf(args, s.config.language(s.lang()))
	root, started := newRootCommand(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return statusOK
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.status
	}
	text := words.Say("say.cause", words.Args{"why": cause(err)})
	var message *messageError
	if errors.As(err, &message) {
		text = message.text
	}
	if s.isPlugin(args, cmd) {
		return s.unknown(text)
	}
	s.warn(text)
	if hint, ok := s.config.behind(cmd, s.fill(text)); ok {
		s.warn(hint)
	}
	if message != nil && message.usage || !started() {
		return statusUsage
	}
	return statusBroken
}

// isPlugin reports whether a command line is that of a monitoring plugin. cmd is nil
// where it is not known.
func (s streams) isPlugin(args []string, cmd *cobra.Command) bool {
	format := flagIn(args, "--format")
	if format == "" && cmd != nil {
		format = s.config.value(cmd, "format")
	}
	return format == "nagios"
}

// broken ends a run that met a mistake of this program. Go's own status would be 2,
// which stands for a wrong command line, and for a critical state in a plugin.
func (s streams) broken(args []string, fault any) int {
	text := words.Say("say.internal", words.Args{"why": fmt.Sprint(fault)})
	_, _ = fmt.Fprintf(s.Err, "%s\n", debug.Stack())
	if s.isPlugin(args, nil) {
		return s.unknown(text)
	}
	s.warn(text)
	return statusBroken
}

// unknown ends a run as a monitoring plugin that could not do its work: such
// programs show standard output alone.
func (s streams) unknown(why words.Text) int {
	text := strings.ReplaceAll(render.Quote(s.fill(why)), "|", "¦")
	_, _ = fmt.Fprintf(s.Out, "%s\n%s\n", render.NagiosLine(nagiosState(nagiosUnknown), text), text)
	return nagiosUnknown
}
