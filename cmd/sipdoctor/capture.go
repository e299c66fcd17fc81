package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newCaptureCommand(s streams) *cobra.Command {
	var (
		o       reporting
		compare []string
		from    liveOptions
		shared  string
		profile string
	)
	cmd := &cobra.Command{
		Use: "capture",
		Example: `  sipdoctor capture call.pcap
  sudo tcpdump -i any -s 0 -w - port 5060 | sipdoctor capture -
  sudo sipdoctor capture --interface any --write call.pcap
  sipdoctor capture /var/spool/captures
  sipdoctor capture behind-the-router.pcap --compare at-the-pbx.pcap
  sipdoctor capture call.pcap --call 2
  sipdoctor capture call.pcap --anonymize shareable.pcap`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && from.name == "":
				return usage("say.capture-no-file", nil)
			case len(args) > 0 && from.name != "":
				return usage("say.capture-both", nil)
			case from.name == "" && (from.write != "" || from.length != 0):
				return usage("say.capture-not-live", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			if profile != "" {
				if _, err := loadProfile(profile); err != nil {
					return err
				}
			}
			files, err := captures(s.In, args)
			if from.name != "" {
				files, err = from.open(cmd.Context())
			}
			if err != nil {
				return err
			}
			other, err := captures(s.In, compare)
			if err != nil {
				return err
			}
			env := &checks.Env{Files: files, Compare: other}
			env.Inputs.Compare, env.Inputs.Profile = compare, profile
			if shared == "" {
				return readEvidence(cmd.Context(), s, &o, "capture", capture.Check(), env)
			}
			copied, files, err := anonymize(cmd.Context(), shared, files)
			if err != nil {
				return err
			}
			env.Files = files
			err = readEvidence(cmd.Context(), s, &o, "capture", capture.Check(), env)
			return cmp.Or(copied.finish(s, o.quiet), err)
		},
	}
	o.addFlags(cmd)
	o.addCall(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&compare, "compare", nil, "")
	f.StringVar(&shared, "anonymize", "", "")
	f.StringVar(&profile, "profile", "", "")
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfiles)
	f.StringVar(&from.name, "interface", "", "")
	f.StringVar(&from.write, "write", "", "")
	f.DurationVar(&from.length, "duration", 0, "")
	return cmd
}

// liveOptions say what to capture here and now.
type liveOptions struct {
	name   string // of an interface, or "any"
	write  string // a file for the packets
	length time.Duration
}

// open begins the capture, so that what is wrong with it is told at once. It ends
// after its time, or when the user interrupts it.
func (l *liveOptions) open(ctx context.Context) ([]checks.File, error) {
	cancel := func() {}
	if l.length > 0 {
		ctx, cancel = context.WithTimeout(ctx, l.length)
	}
	in, err := platform.Capture(ctx, l.name)
	if err != nil {
		cancel()
		return nil, usageOf(err)
	}
	live := &written{Live: in, free: cancel}
	if l.write != "" {
		if live.file, err = os.OpenFile(l.write, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			_ = live.Close()
			return nil, usage("say.evidence", words.Args{"why": cause(err)})
		}
	}
	return []checks.File{{Name: l.name, Live: true, Open: func() (io.ReadCloser, error) { return live, nil }}}, nil
}

// written is a live capture that is kept in a file as well.
type written struct {
	platform.Live
	file *os.File // nil: it is not
	free func()
}

func (w *written) Read(p []byte) (int, error) {
	n, err := w.Live.Read(p)
	if w.file != nil && n > 0 {
		if _, werr := w.file.Write(p[:n]); werr != nil {
			return 0, fmt.Errorf("writing the capture: %w", werr)
		}
	}
	return n, err
}

func (w *written) Close() error {
	err := w.Live.Close()
	w.free()
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	return err
}

// readEvidence runs the check that reads what the user handed over.
func readEvidence(ctx context.Context, s streams, o *reporting, command string, c *checks.Check, env *checks.Env) error {
	for _, f := range env.Files {
		env.Inputs.Files = append(env.Inputs.Files, f.Name)
	}
	if slices.ContainsFunc(env.Files, func(f checks.File) bool { return f.Live }) {
		ctx = context.WithoutCancel(ctx) // Ctrl-C ends the capture, not what is made of it
	}
	p := newProgress(s, o.quiet, "say.progress-evidence")
	env.OnProgress = p.take
	r := checks.Run(ctx, []*checks.Check{c}, env, checks.Meta{Tool: thisTool(), Command: command})
	p.end()
	return o.finish(ctx, s, r)
}

// captures lists the captures and texts to read, and refuses a file that is neither.
func captures(stdin io.Reader, names []string) ([]checks.File, error) {
	files, err := evidence(stdin, names)
	for _, f := range files {
		if err == nil && rereadable(f) {
			err = beginning(f, func(in *bufio.Reader) error {
				if b, _ := in.Peek(4096); !pcap.IsCapture(in) && bytes.IndexByte(b, 0) >= 0 {
					return usage("say.not-evidence", words.Args{"file": words.Raw(f.Name)})
				}
				return nil
			})
		}
	}
	return files, err
}
