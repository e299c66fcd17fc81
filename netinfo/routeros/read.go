package routeros

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ErrNoExport says that a text holds no command of RouterOS.
var ErrNoExport = errors.New("this is not a RouterOS export: none of its lines is a command")

// Read reads what /export wrote, in whatever form, or a script that configures a
// router. What it could not read or run is in Faults. Its errors are ErrBackup,
// ErrSupout, ErrBinary, ErrNoExport, and that the file is too large.
func Read(data []byte) (*Config, error) {
	src, err := decode(data)
	if err != nil {
		return nil, err
	}
	h := headerOf(src)
	c := New(h.Version.Text)
	c.Header = h
	r := newInterpreter(c)
	r.whole = h.Version.Known()
	// Prose may have a line that reads as a command; a script of which a part is
	// not understood has many.
	if ran := r.source(src); ran == 0 || !r.whole && ran*4 < len(c.Faults)+c.Unread {
		return nil, ErrNoExport
	}
	c.cover(r.whole)
	r.notExported(src)
	return c, nil
}

// notExported notes the menus that the router itself could not export; version 7
// says so in comments.
func (r *interpreter) notExported(src string) {
	const says = "#error exporting "
	if !strings.Contains(src, says) {
		return
	}
	n := 0
	for line := range strings.Lines(src) {
		n++
		if rest, ok := strings.CutPrefix(line, says); ok {
			r.fault(n, fmt.Errorf("the router did not export %q", strings.TrimSpace(rest)))
			r.cfg.covered = nil
		}
	}
}

// source runs a text as far as it can and returns how many commands of menus it
// ran.
func (r *interpreter) source(src string) (ran int) {
	p := newParser(src)
	for {
		before := *p
		c, err := p.statement()
		if c == nil && err == nil {
			return ran
		}
		if err != nil {
			line := p.line
			if err = r.resume(p, before, err); err != nil {
				r.fault(line, err)
				return ran
			}
			continue
		}
		if _, err := r.run(c); err != nil {
			r.depth, r.scopes = 0, r.scopes[:1]
			s, ended := isStop(err)
			if ended && s.err == nil {
				return ran
			}
			if ended {
				err = s.err
			}
			r.fault(c.line, err)
			if ended || err == errTooLong {
				return ran
			}
			continue
		}
		if c.verb.text != "" || c.isBlock {
			ran++
		}
	}
}

// resume notes a mistake of the text and goes to the line after the one in which
// that statement began. What was read in vain is work, too.
func (r *interpreter) resume(p *parser, before parser, err error) error {
	vain := p.i - before.i
	*p = before
	p.space()
	r.fault(p.line, err)
	if err := r.spend(vain/16 + 10); err != nil {
		return err
	}
	p.depth = 0
	p.skipLine()
	return nil
}

func (r *interpreter) fault(line int, err error) {
	if len(r.cfg.Faults) >= maxFaults {
		r.cfg.Unread++
		return
	}
	r.cfg.Faults = append(r.cfg.Faults, Fault{line, words.Cause(err.Error())})
}
