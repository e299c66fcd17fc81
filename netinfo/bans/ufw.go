package bans

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
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
		var rules []ufwRule
		for e := range a.lines(sys, LayerUFW, name) {
			tuple, ok := strings.CutPrefix(e.text, "### tuple ### ")
			if !ok {
				continue
			}
			r, ok := parseUFW(tuple)
			position++
			if !ok {
				a.note(because("ufw-odd-rule", "where", e.where()))
				continue
			}
			r.where, r.position = e.where(), position
			rules = append(rules, r)
		}
		last := true // all rules after this one are taken away with it
		for i := range slices.Backward(rules) {
			rules[i].last = last
			last = last && rules[i].bans(asked)
		}
		for _, r := range rules {
			r.report(enabled, asked, a)
		}
	}
}

func ufwEnabled(conf []byte) bool {
	for e := range entries("", conf) {
		if name, value, ok := strings.Cut(e.text, "="); ok && strings.EqualFold(strings.TrimSpace(name), "ENABLED") {
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
	last                                     bool // of its family, when it is put back: ufw cannot insert after the last
}

func parseUFW(tuple string) (ufwRule, bool) {
	f, r := strings.Fields(tuple), ufwRule{}
	if n := len(f) - 1; n >= 0 && strings.HasPrefix(f[n], "comment=") {
		if text, err := hex.DecodeString(strings.TrimPrefix(f[n], "comment=")); err == nil {
			r.comment = string(text)
		}
		f = f[:n]
	}
	if len(f) < 7 { // 9 with the names of application profiles
		return r, false
	}
	r.action, r.protocol, r.dport, r.dst, r.sport, r.src = f[0], f[1], f[2], f[3], f[4], f[5]
	if rest, ok := strings.CutPrefix(r.action, "route:"); ok {
		r.action, r.route = rest, true
	}
	if action, log, logged := strings.Cut(r.action, "_"); !slices.Contains([]string{"allow", "deny", "reject", "limit"}, action) || logged && log != "log" && log != "log-all" {
		return r, false
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
func (r ufwRule) words(comment bool) []string {
	action, log, logged := strings.Cut(r.action, "_")
	w := []string{action}
	if r.in != "" {
		w = append(w, "in", "on", r.in)
	}
	if r.out != "" {
		w = append(w, "out", "on", r.out)
	}
	if r.direction == "out" && r.out == "" {
		w = append(w, "out")
	}
	if logged {
		w = append(w, log)
	}
	if r.protocol != "any" {
		w = append(w, "proto", r.protocol)
	}
	end := func(word, addr, port string) {
		if addr == "0.0.0.0/0" || addr == "::/0" {
			addr = "any"
		}
		if addr != "any" || port != "any" {
			w = append(w, word, addr)
		}
		if port != "any" {
			w = append(w, "port", port)
		}
	}
	end("from", r.src, r.sport)
	end("to", r.dst, r.dport)
	if comment && r.comment != "" {
		w = append(w, "comment", r.comment)
	}
	return w
}

// source is whom the rule is about; ok is false for one about everybody or
// about what leaves.
func (r ufwRule) source() (p netip.Prefix, ok bool) {
	p, ok = nets.Parse(r.src)
	return p, ok && p.Bits() > 0 && !r.route && r.direction != "out"
}

func (r ufwRule) allows() bool {
	action, _, _ := strings.Cut(r.action, "_")
	return action == "allow" || action == "limit"
}

// bans reports whether the rule keeps an address or part of a network out.
func (r ufwRule) bans(asked netip.Prefix) bool {
	p, ok := r.source()
	return ok && !r.allows() && nets.Relation(p, asked) != ""
}

func (r ufwRule) report(enabled bool, asked netip.Prefix, a *Answer) {
	p, ok := r.source()
	if !ok {
		return
	}
	if r.allows() {
		a.allow(asked, Allow{Layer: LayerUFW, Where: r.where, Object: r.object(), Prefix: p})
		return
	}
	b := Ban{
		Layer: LayerUFW, Where: r.where, Object: r.object(), Prefix: p, Effect: ViaFilter,
		Free: only(command.New("ufw", "delete").Values(r.words(false)...)), Undo: only(r.again()),
	}
	if r.comment != "" {
		b.Reasons = []string{r.comment}
	}
	if !enabled {
		b.Effect, b.Note = NotSIP, because("ufw-off")
	}
	a.ban(asked, b)
}

// object is the rule as people type it.
func (r ufwRule) object() string { return "ufw " + command.Quote(r.words(true)...) }

// again puts the rule back in its place.
func (r ufwRule) again() command.Command {
	if r.last {
		return command.New("ufw").Values(r.words(true)...)
	}
	return command.New("ufw", "insert").Values(strconv.Itoa(r.position)).Values(r.words(true)...)
}
