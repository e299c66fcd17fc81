package render

import (
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// twin says where the checks ran, if that was an office that was rebuilt from a router's
// configuration, what was typed into its router, and what it lacks.
func (p speech) twin(t *checks.Twin) (list []string) {
	if t == nil {
		return nil
	}
	list = append(list, p.say("twin", words.Args{"phone": t.Phone, "pbx": t.PBX, "lan": words.Raw(t.LAN)}))
	var before []words.Text
	for _, o := range t.Before {
		if o.Status != checks.Pass && o.Status != checks.Skip {
			before = append(before, words.Say("render.twin-before-one", words.Args{"check": o.Check, "status": string(o.Status)}))
		}
	}
	if len(before) > 0 {
		list = append(list, p.say("twin-before", words.Args{"checks": before}))
	}
	if t.Refused != "" {
		list = append(list, p.say("twin-refused", words.Args{"command": words.Raw(t.Refused)}))
	}
	return append(list, p.lacking(t)...)
}

// Lacking writes what a rebuilt office does not have of its router.
func Lacking(w io.Writer, t *checks.Twin, o TextOptions) error {
	p := newPage(w, o)
	for _, text := range p.lacking(t) {
		p.prose(dim, "", Quote(text))
	}
	return p.flush()
}

func (p speech) lacking(t *checks.Twin) (list []string) {
	var assumed, left []words.Text
	for _, menu := range t.Assumed {
		assumed = append(assumed, words.Say("render.twin-menu", words.Args{"menu": console(menu)}))
	}
	if len(assumed) > 0 {
		list = append(list, p.say("twin-assumed", words.Args{"menus": assumed}))
	}
	for _, l := range t.LeftOut {
		left = append(left, words.Say("render.twin-left-one", words.Args{"menu": console(l.Menu), "line": l.Line, "what": words.Raw(l.What), "rows": l.Rows}))
	}
	if len(left) > 0 {
		list = append(list, p.say("twin-left", words.Args{"left": left[:min(len(left), maxLeft)], "more": max(0, len(left)-maxLeft)}))
	}
	return list
}

// console is a menu as RouterOS writes it: /ip firewall filter.
func console(menu string) string {
	return "/" + strings.ReplaceAll(strings.TrimPrefix(menu, "/"), "/", " ")
}

// maxLeft bounds the parts of a configuration that are named.
const maxLeft = 12

// typed writes the commands that were typed into the router there, each on a line of its
// own.
func (p *page) typed(t *checks.Twin) {
	if t == nil || len(t.Typed) == 0 {
		return
	}
	p.end()
	p.prose(dim, "", p.say("twin-typed", nil)+":")
	for _, c := range t.Typed {
		p.line(green, "     "+c)
	}
}
