package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// doubleClick is a start without a command line, in a window that closes with the
// program.
type doubleClick struct {
	command []string // to run
	folder  string   // where a report is saved
	open    func(file string) error
}

// thisDoubleClick is the one of a user at their desktop.
func thisDoubleClick() doubleClick {
	home, err := os.UserHomeDir()
	folder := filepath.Join(home, "Documents")
	if info, oerr := os.Stat(folder); err != nil || oerr != nil || !info.IsDir() {
		folder = cmp.Or(home, os.TempDir())
	}
	return doubleClick{command: []string{"check"}, folder: folder, open: platform.Display}
}

// doubleClicked checks this network, shows the report and keeps the window open until
// the user has read it.
func (s streams) doubleClicked(ctx context.Context, d doubleClick) (status int) {
	if s.config == nil {
		s.config = s.configure(nil)
	}
	s.Lang = s.config.language(s.lang())
	asking, p := bufio.NewReader(s.In), &printer{w: s.Out}
	run, saved := s, bytes.Buffer{}
	run.Out, run.config = &saved, s.config.only(offers()[0].flags...) // how a report is shown is decided here
	status = run.run(ctx, slices.Concat(d.command, []string{"--format=json"}))
	ctx = context.WithoutCancel(ctx) // what was learnt before Ctrl-C is shown
	s.config = &settings{}
	if saved.Len() > 0 {
		s.In = bytes.NewReader(saved.Bytes())
		s.run(ctx, []string{"report", "-"})
	}
	for {
		p.text("\n")
		p.prose("", s.say("say.click-close", words.Args{"report": saved.Len() > 0}))
		answer, err := asking.ReadString('\n')
		// The same key on a Russian keyboard.
		if a := strings.ToLower(strings.TrimSpace(answer)); saved.Len() == 0 || a != "s" && a != "ы" || p.err != nil {
			return status
		}
		s.saveAsPage(ctx, d, saved.Bytes())
		if err != nil {
			return status
		}
	}
}

// saveAsPage saves a report as a page and shows it.
func (s streams) saveAsPage(ctx context.Context, d doubleClick, report []byte) {
	file := filepath.Join(d.folder, "sipdoctor-"+time.Now().Format("2006-01-02-150405")+".html")
	s.In = bytes.NewReader(report)
	s.run(ctx, []string{"report", "--format=html", "--output=" + file, "--", "-"})
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		return // it was said why
	}
	p := &printer{w: s.Out}
	p.prose("", s.say("say.click-saved", words.Args{"file": file}))
	if err := d.open(file); err != nil {
		p.prose("", s.say("say.click-not-opened", words.Args{"why": cause(err)}))
	}
}
