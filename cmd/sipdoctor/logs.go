package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/logs"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newLogsCommand(s streams) *cobra.Command {
	var (
		o                       reporting
		since, account, address string
		follow                  bool
	)
	cmd := &cobra.Command{
		Use: "logs",
		Example: `  sipdoctor logs /var/log/asterisk/full
  sipdoctor logs /var/log/asterisk --since 24h
  sipdoctor logs messages messages.1 messages.2.gz --account 102
  journalctl -u asterisk -o short-iso | sipdoctor logs -
  sudo sipdoctor logs --follow /var/log/asterisk/full --address 203.0.113.5`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say.logs-no-file", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			env := &checks.Env{}
			var err error
			if env.Inputs.Since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			if address != "" {
				p, err := parseAddress(address)
				if err != nil {
					return badValue("--address", words.Raw(address), err)
				}
				env.Inputs.Addresses = []netip.Prefix{p}
			}
			env.Inputs.LogAccount = account
			if env.Files, err = logFiles(s.In, args); err != nil {
				return err
			}
			if follow {
				return followLogs(cmd.Context(), s, &o, args, env)
			}
			return readEvidence(cmd.Context(), s, &o, "logs", logs.Check(), env)
		},
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "")
	f.StringVar(&account, "account", "", "")
	f.StringVar(&address, "address", "", "")
	f.BoolVar(&follow, "follow", false, "")
	return cmd
}

// parseSince reads how long ago, "90m" or "7d", or a date, "2026-11-29" or
// "2026-11-29 08:00", in this machine's zone unless it names one.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d > 0 && d < 24*365*100*time.Hour {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("say.since", words.Args{"value": words.Raw(s)})
}

// logFiles are the logs to read, the oldest piece of each first and standard input
// last. A file that is no text is refused, or left out where it lies in a folder.
func logFiles(stdin io.Reader, names []string) ([]checks.File, error) {
	files, err := evidence(stdin, names)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		switch {
		case !rereadable(f):
		case slices.Contains(names, f.Name):
			if err := isLog(f); err != nil {
				return nil, err
			}
		default:
			files[i].Open = func() (io.ReadCloser, error) {
				if isLog(f) != nil {
					return nil, errors.New("not a text")
				}
				return f.Open()
			}
		}
	}
	logs.Sort(files)
	return files, nil
}

// isLog refuses a file that is not a text.
func isLog(f checks.File) error {
	return beginning(f, func(in *bufio.Reader) error {
		b, _ := in.Peek(4096)
		switch {
		case pcap.IsCapture(in):
			return usage("say.log-is-capture", words.Args{"file": words.Raw(f.Name)})
		case controls(b)*20 > len(b):
			return usage("say.not-a-log", words.Args{"file": words.Raw(f.Name)})
		}
		return nil
	})
}

// controls counts bytes that no text has. NULs are left out: a crash leaves them in a
// log, and so does the truncation of a file that is still written.
func controls(b []byte) (n int) {
	for _, c := range b {
		if c < ' ' && c != 0 && bytes.IndexByte([]byte("\t\n\r\x1b\b\f"), c) < 0 {
			n++
		}
	}
	return n
}

// followLogs reads what there is, shows what comes as it comes, and reports at the
// end, which is when the user interrupts it.
func followLogs(ctx context.Context, s streams, o *reporting, args []string, env *checks.Env) error {
	last := &env.Files[len(env.Files)-1]
	if last.Name == "-" {
		last.Open = func() (io.ReadCloser, error) { return livePipe(ctx, s.In), nil }
	} else {
		if in, err := os.Stat(args[len(args)-1]); err == nil && in.IsDir() {
			return usage("say.follow-folder", words.Args{"folder": words.Raw(args[len(args)-1])})
		}
		name := last.Name
		last.Open = func() (io.ReadCloser, error) { return follow(ctx, name) }
	}
	last.Live = true
	out := s.Err
	if o.format == "text" && o.output == "" {
		out = s.Out
	}
	if !o.redact {
		env.OnEvent = func(t words.Text) {
			if line, err := all.Book().Fill(s.lang(), t); err == nil {
				_, _ = fmt.Fprintln(out, render.Quote(line))
			}
		}
	}
	for _, f := range env.Files {
		env.Inputs.Files = append(env.Inputs.Files, f.Name)
	}
	// Ctrl-C ends the log, not the run.
	r := checks.Run(context.WithoutCancel(ctx), []*checks.Check{logs.Check()}, env, checks.Meta{Tool: thisTool(), Command: "logs"})
	return o.finish(context.WithoutCancel(ctx), s, r)
}
