package bans

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// UFW reads the rules that ufw keeps and loads: user.rules and user6.rules,
// which it writes at every change, so they are both what is in force and what
// comes back after a reboot.
//
// Source: user.rules as ufw 0.36.2 writes it; src/backend.py for the tuple.
func UFW(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	conf, ok := a.file(sys, "/etc/ufw/ufw.conf")
	if !ok {
		return
	}
	a.has(LayerUFW)
	enabled := ufwEnabled(conf)
	position := 0 // of a rule in "ufw status numbered", which counts on through both files
	for _, name := range []string{"/etc/ufw/user.rules", "/etc/ufw/user6.rules"} {
		b, ok := a.file(sys, name)
		if !ok {
			continue
		}
		var rules []ufwRule
		for number, line := range numbered(b) {
			tuple, ok := strings.CutPrefix(line, "### tuple ### ")
			if !ok {
				continue
			}
			if r, ok := parseUFW(tuple); ok {
				position++
				r.where, r.position = fmt.Sprintf("%s:%d", name, number), position
				rules = append(rules, r)
			}
		}
		for i, r := range rules {
			r.last = i == len(rules)-1
			r.report(enabled, asked, a)
		}
	}
}

func ufwEnabled(conf []byte) bool {
	for _, line := range numbered(conf) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(name), "ENABLED") {
			return strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"'`), "yes")
		}
	}
	return false
}

// ufwRule is one rule, from its tuple: action, protocol, ports and addresses of
// destination and source, direction with interfaces, comment.
type ufwRule struct {
	action, protocol, dport, dst, sport, src string
	in, out                                  string // interfaces
	direction                                string // in, out
	route                                    bool
	comment                                  string
	where                                    string // FILE:LINE
	position                                 int
	last                                     bool // of its family: nothing can be inserted behind it
}

func parseUFW(tuple string) (ufwRule, bool) {
	f := strings.Fields(tuple)
	if n := len(f); n > 0 && strings.HasPrefix(f[n-1], "comment=") {
		text, err := hex.DecodeString(strings.TrimPrefix(f[n-1], "comment="))
		f = f[:n-1]
		if err == nil {
			f = append(f, "\x00"+string(text))
		}
	}
	r := ufwRule{}
	if n := len(f); n > 0 && strings.HasPrefix(f[n-1], "\x00") {
		r.comment, f = f[n-1][1:], f[:n-1]
	}
	if len(f) < 7 { // 9 with the names of application profiles
		return r, false
	}
	r.action, r.protocol, r.dport, r.dst, r.sport, r.src = f[0], f[1], f[2], f[3], f[4], f[5]
	if rest, ok := strings.CutPrefix(r.action, "route:"); ok {
		r.action, r.route = rest, true
	}
	for part := range strings.SplitSeq(f[len(f)-1], "!") {
		direction, iface, _ := strings.Cut(part, "_")
		switch {
		case direction == "in":
			r.in = iface
		case direction == "out":
			r.out = iface
		default:
			return r, false
		}
		if r.direction == "" {
			r.direction = direction
		}
	}
	return r, true
}

// words is the rule as the ufw command takes it.
func (r ufwRule) words(comment bool) string {
	w := []string{}
	action, log, logged := strings.Cut(r.action, "_")
	w = append(w, action)
	if r.in != "" {
		w = append(w, "in on "+platform.ShellWord(r.in))
	}
	if r.out != "" {
		w = append(w, "out on "+platform.ShellWord(r.out))
	}
	if r.direction == "out" && r.out == "" {
		w = append(w, "out")
	}
	if logged {
		w = append(w, log)
	}
	if r.protocol != "any" {
		w = append(w, "proto "+platform.ShellWord(r.protocol))
	}
	end := func(word, addr, port string) {
		if addr == "0.0.0.0/0" || addr == "::/0" {
			addr = "any"
		}
		if addr != "any" || port != "any" {
			w = append(w, word, platform.ShellWord(addr))
		}
		if port != "any" {
			w = append(w, "port", platform.ShellWord(port))
		}
	}
	end("from", r.src, r.sport)
	end("to", r.dst, r.dport)
	if comment && r.comment != "" {
		w = append(w, "comment", platform.ShellWord(r.comment))
	}
	return strings.Join(w, " ")
}

func (r ufwRule) report(enabled bool, asked netip.Prefix, a *Answer) {
	p, ok := parsePrefix(r.src)
	if !ok || p.Bits() == 0 || r.route || r.direction == "out" {
		return
	}
	action, _, _ := strings.Cut(r.action, "_")
	if action == "allow" || action == "limit" {
		a.allow(asked, Allow{Layer: LayerUFW, Where: r.where, Object: "ufw " + r.words(true), Prefix: p})
		return
	}
	b := Ban{
		Layer: LayerUFW, Where: r.where, Object: "ufw " + r.words(true), Prefix: p, Effect: Indirect,
		Unban:   []Change{{Title: "Delete the ufw rule", Persistent: true, Commands: []string{"ufw delete " + r.words(false)}, Undo: []string{r.again()}}},
		Lasting: []Change{r.lasting(p, asked)},
	}
	if r.comment != "" {
		b.Reasons = []string{r.comment}
	}
	if !enabled {
		b.Effect, b.Note = Spares, "ufw is switched off (ENABLED=no): the rule is not loaded"
	}
	a.ban(asked, b)
}

// again puts the rule back in its place.
func (r ufwRule) again() string {
	if r.last {
		return "ufw " + r.words(true)
	}
	return fmt.Sprintf("ufw insert %d %s", r.position, r.words(true))
}

// lasting lets the address in before every other rule. To ufw an allow is the
// same rule as a deny of the very same words, and it skips what it has: then
// the deny goes first.
func (r ufwRule) lasting(p, asked netip.Prefix) Change {
	c := Change{
		Title: "Let " + short(asked) + " in before every other rule", Persistent: true,
		Commands: []string{"ufw prepend allow from " + short(asked)},
		Undo:     []string{"ufw delete allow from " + short(asked)},
		Note:     "rules count from the top: an allow that is added after a deny changes nothing",
	}
	if _, rest, _ := strings.Cut(r.words(false), " "); p == asked && rest == "from "+short(asked) {
		c.Commands = append([]string{"ufw delete " + r.words(false)}, c.Commands...)
		c.Undo = append(c.Undo, r.again())
	}
	return c
}
