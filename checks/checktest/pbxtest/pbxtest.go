// Package pbxtest is a PBX in memory, as its files and programs show it, for the
// tests of checks that look at it from inside.
package pbxtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// PBX is a server in memory, as its files and its programs show it: a
// platform.System. What is not in it does not exist.
type PBX struct {
	Files   map[string]string // by absolute path
	Prints  map[string]string // what programs print, by command line
	Denied  []string          // files and command lines that need root
	Hung    []string          // programs, and sockets by path, that never answer
	Time    time.Time         // zero: the 22nd of November 2026, 10:00 UTC
	NotRoot bool
}

func (p *PBX) Now() time.Time {
	if p.Time.IsZero() {
		return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	}
	return p.Time
}

func (p *PBX) Root() bool { return !p.NotRoot }

// Live implements platform.System: a machine in memory resolves no names.
func (p *PBX) Live() bool { return false }

func (p *PBX) Open(name string) (fs.File, error) {
	if slices.Contains(p.Denied, name) {
		return nil, fmt.Errorf("open %s: %w", name, platform.ErrPrivilege)
	}
	text, ok := p.Files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	base := path.Base(name)
	return fstest.MapFS{base: {Data: []byte(text), Mode: 0o444, ModTime: p.Now()}}.Open(base)
}

func (p *PBX) Glob(pattern string) (list []string, err error) {
	for name := range p.Files {
		if ok, err := path.Match(pattern, name); err != nil {
			return nil, err
		} else if ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, nil
}

func (p *PBX) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{program}, args...), " ")
	if slices.Contains(p.Denied, line) {
		return nil, fmt.Errorf("running %s: %w", line, platform.ErrPrivilege)
	}
	if slices.Contains(p.Hung, program) {
		return nil, fmt.Errorf("running %s: %w", line, platform.ErrNoAnswer)
	}
	out, ok := p.Prints[line]
	if !ok {
		return nil, fmt.Errorf("running %s: %w", line, fs.ErrNotExist)
	}
	return []byte(out), nil
}

// Exchange implements platform.Exchanger: the sockets that are there hang, and a
// program answers each question as if it had been put alone.
func (p *PBX) Exchange(ctx context.Context, x platform.Exchange) ([]platform.Answer, error) {
	if x.Socket == "" {
		answers := make([]platform.Answer, len(x.Questions))
		for i, q := range x.Questions {
			answers[i].Text, answers[i].Err = p.Run(ctx, x.Program, q.Args...)
		}
		return answers, nil
	}
	if !slices.Contains(p.Hung, x.Socket) {
		return nil, errors.ErrUnsupported
	}
	return nil, fmt.Errorf("asking %s: %w", x.Socket, platform.ErrNoAnswer)
}

// Look is Judged on the PBX, without words.
func (p *PBX) Look(t testing.TB, c *checks.Check, in checks.Inputs) checks.Result {
	t.Helper()
	env := &checks.Env{Inputs: in, System: p, Host: func(context.Context) (*netinfo.Host, error) {
		return &netinfo.Host{OS: "linux", Root: p.Root(), Hostname: "pbx"}, nil
	}}
	return Judged(t, c, env, nil)
}
