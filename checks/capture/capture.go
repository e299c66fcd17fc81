// Package capture is the check of what somebody has recorded on a network: SIP
// and the RTP that belongs to it, call by call.
package capture

import (
	"context"
	_ "embed"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "capture", Words: ownWords, Group: "evidence",
		Timeout: 24 * time.Hour, // a live capture, or one that is piped in, takes as long as it takes
	}, observe, judge)
}

// observe reads the captures one after the other, as one.
func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	var o Observed
	var err error
	if o.Served, err = served(env.Inputs.Profile); err != nil {
		return o, err
	}
	r := newReading(&o)
	if len(env.Compare) > 0 {
		r.keeper = &keeper{}
	}
	for _, f := range env.FilesFor("capture") {
		if err := r.open(ctx, env, f); err != nil {
			r.finish()
			return o, err
		}
	}
	r.finish()
	if len(env.Compare) > 0 {
		return o, r.compare(ctx, env, env.Compare)
	}
	return o, nil
}

func (r *reading) open(ctx context.Context, env *checks.Env, f checks.File) error {
	in, err := f.Open()
	if err != nil {
		r.o.Files = append(r.o.Files, File{Name: f.Name, Error: platform.Words(err)})
		return nil
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { _ = in.Close() }) // a pipe that says nothing
	defer stop()
	if f.Live {
		ctx = context.WithoutCancel(ctx)
	}
	err = r.file(ctx, f.Name, in, func() {
		env.Progress(checks.Event{Text: words.Say("capture.progress", words.Args{"n": r.o.Packets})})
	})
	if l, ok := in.(interface{ Drops() uint64 }); ok && err == nil {
		_ = in.Close()
		r.o.Files[len(r.o.Files)-1].Drops = l.Drops()
	}
	return err
}
