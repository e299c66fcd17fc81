package fail2ban

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// pbx is a machine in memory: files, what its programs print, what the socket
// of fail2ban answers (JSON, by command).
type pbx struct {
	files  fstest.MapFS
	runs   map[string]string
	socket map[string]string
	now    time.Time
	denied []string
	fails  map[string]string // programs that end with a complaint
}

func newPBX(files map[string]string) *pbx {
	p := &pbx{files: fstest.MapFS{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	for name, text := range files {
		p.files[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text)}
	}
	return p
}

func (p *pbx) Open(name string) (fs.File, error) {
	if slices.Contains(p.denied, name) {
		return nil, platform.ErrPrivilege
	}
	return p.files.Open(strings.TrimPrefix(name, "/"))
}

func (p *pbx) Glob(pattern string) (list []string, err error) {
	for name := range p.files {
		if ok, err := path.Match(pattern, "/"+name); err != nil || ok {
			list = append(list, "/"+name)
		}
	}
	slices.Sort(list)
	return list, nil
}

func (p *pbx) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{program}, args...), " ")
	if text, ok := p.fails[line]; ok {
		return nil, fmt.Errorf("running %s: %q: exit status 255", line, text)
	}
	out, ok := p.runs[line]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(out), nil
}

func (p *pbx) Exchange(ctx context.Context, x platform.Exchange) ([]platform.Answer, error) {
	if p.socket == nil && x.Socket != "" {
		return nil, fs.ErrNotExist
	}
	var answers []platform.Answer
	if x.Socket == "" {
		for _, q := range x.Questions {
			text, err := p.Run(ctx, x.Program, q.Args...)
			answers = append(answers, platform.Answer{Text: text, Err: err})
		}
		return answers, nil
	}
	for _, q := range x.Questions {
		text, ok := p.socket[strings.Join(q.Args, " ")]
		if !ok {
			text = `[1,{"called":"builtins.Exception","with":["Invalid command"]}]`
		}
		answers = append(answers, platform.Answer{Text: bytes.Clone([]byte(text))})
	}
	return answers, nil
}

func (p *pbx) Now() time.Time { return p.now }
func (p *pbx) Root() bool     { return true }
func (p *pbx) Live() bool     { return false }
