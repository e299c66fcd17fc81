// Package logs is the check of what a PBX has written about its phones and trunks:
// the logs of Asterisk, FreeSWITCH, Kamailio and OpenSIPS.
package logs

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "logs", Words: ownWords, Group: "evidence",
		Timeout: 24 * time.Hour, // a live log ends when the user says so
	}, observe, judge)
}

// observe reads the logs one after the other, as one.
func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	t := newTally(env)
	for _, f := range env.FilesFor("logs") {
		if err := t.read(ctx, env, f); err != nil {
			return t.finish(), err
		}
	}
	return t.finish(), nil
}

// read reads one file to its end, or as far as it can be read.
func (t *tally) read(ctx context.Context, env *checks.Env, f checks.File) error {
	t.file(f.Name)
	in, err := f.Open()
	if err != nil {
		t.current().Error = platform.Words(err)
		return nil
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { _ = in.Close() }) // a pipe that says nothing
	defer stop()
	var from io.Reader = in
	if !f.Live {
		plain, free, err := pcap.Decompress(in)
		if err != nil {
			if !errors.Is(err, io.EOF) { // an empty file is no fault of the file
				t.current().Error = platform.Words(err)
			}
			return nil
		}
		defer free()
		from = plain
	} else {
		ctx = context.WithoutCancel(ctx)
	}
	clock := pbxlog.Clock{Zone: time.Local, Now: time.Now}
	live := time.Time{}
	if f.Live {
		live = time.Now().Truncate(time.Second)
	}
	next := progressStep
	sum, err := pbxlog.Scan(ctx, from, clock, func(e *pbxlog.Event) {
		if kept := t.take(e); kept && !live.IsZero() && !e.At.Before(live) && env.OnEvent != nil {
			env.OnEvent(saying(e))
		}
		if e.Line >= next {
			next += progressStep
			env.Progress(checks.Event{Text: words.Say("logs.progress", words.Args{"n": t.o.Lines + e.Line})})
		}
	})
	t.addSummary(sum)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.current().Error = platform.Words(err)
	return nil
}

// progressStep is how many lines are read between two words to the user.
const progressStep = 500_000

// rotation is what logrotate and Asterisk put behind a log's name: .1, .2.gz,
// -20261129, .2026-11-29.
var rotation = regexp.MustCompile(`([.-]\d{1,4}|[.-]\d{4}-?\d\d-?\d\d([-_.]?\d+)?)?(\.gz|\.zst|\.bz2|\.xz)?$`)

// streamOf names the log that a file is a piece of: folder and name without what
// rotation adds. Two logs of one PBX tell the same twice.
func streamOf(name string) string {
	dir, base := filepath.Split(strings.ReplaceAll(name, `\`, "/"))
	return dir + rotation.ReplaceAllString(base, "")
}

// Holds reports whether a text is a log of a PBX; the beginning of a long one is
// enough. A line that tells something is proof; one that is only shaped like a log's may
// stand in anything.
func Holds(text []byte) bool {
	const enough = 3
	told := false
	sum, _ := pbxlog.Scan(context.Background(), bytes.NewReader(text), pbxlog.Clock{Zone: time.UTC, Now: time.Now}, func(*pbxlog.Event) { told = true })
	return told || sum.Known >= enough
}
