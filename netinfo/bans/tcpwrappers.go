package bans

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// TCPWrappers evaluates hosts.allow and hosts.deny. The first line that matches
// daemon and address decides, hosts.allow first; what none matches is let in.
// Only programs linked with libwrap ask these files. No SIP server does in
// today's distributions, so a line here does not affect SIP unless it names one.
//
// Source: hosts_access(5), hosts_options(5).
func TCPWrappers(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	deny, _ := a.file(sys, "/etc/hosts.deny")
	allow, _ := a.file(sys, "/etc/hosts.allow")
	allows := readWrappers(entries("/etc/hosts.allow", allow), true)
	denies := readWrappers(entries("/etc/hosts.deny", deny), false)
	for _, r := range slices.Concat(allows, denies) {
		p, ok := r.covers(asked)
		if !ok {
			continue
		}
		if r.allow {
			a.allow(asked, Allow{Layer: LayerHostsDeny, Where: r.where(), Object: r.text, Prefix: p})
			continue
		}
		a.has(LayerHostsDeny)
		b := Ban{
			Layer: LayerHostsDeny, Where: r.where(), Object: r.text, Name: strings.Join(r.daemons, " "), Prefix: p, Effect: NotSIP,
			Note: because("libwrap"),
		}
		b.Free, b.Undo = r.edits()
		if r.names("asterisk") || r.names("kamailio") || r.names("freeswitch") {
			b.Note = because("libwrap-sip")
		}
		if r.continued {
			b.Free, b.Undo = only(command.Impossible("the entry is several lines long: edit %s by hand", r.file)), nil
		}
		if saved := firstCovering(allows, r, asked); saved != nil {
			b.Note = because("let-in-before", "where", saved.where())
		}
		a.ban(asked, b)
	}
}

// wrapperRule is one line "daemons : clients : options".
type wrapperRule struct {
	entry
	continued bool // over several lines of the file
	allow     bool
	daemons   []string
	excepted  []string // daemons after EXCEPT
	clients   []string
	spared    []string // clients after EXCEPT
}

func (r wrapperRule) names(daemon string) bool { return slices.Contains(r.daemons, daemon) }

// readWrappers reads one of the files. A backslash at a line's end continues
// it; the number is that of its first line.
func readWrappers(lines iter.Seq[entry], allow bool) (list []wrapperRule) {
	var rule entry
	for e := range lines {
		if rule.line == 0 {
			rule = entry{file: e.file, line: e.line}
		}
		rest, more := strings.CutSuffix(e.text, `\`)
		if rule.text += rest; more {
			continue
		}
		r := wrapperRule{entry: rule, continued: e.line != rule.line, allow: allow}
		rule = entry{}
		if t := strings.TrimSpace(r.text); t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		parts := splitColons(r.text)
		if len(parts) < 2 {
			continue
		}
		r.daemons, r.excepted = exceptSplit(parts[0])
		r.clients, r.spared = exceptSplit(parts[1])
		for _, option := range parts[2:] { // the last word may turn the file's meaning round
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "allow":
				r.allow = true
			case "deny":
				r.allow = false
			}
		}
		list = append(list, r)
	}
	return list
}

// splitColons splits at the colons that are not inside of brackets (IPv6) and
// not escaped.
func splitColons(s string) (list []string) {
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth = max(depth-1, 0)
		case ':':
			if depth == 0 && (i == 0 || s[i-1] != '\\') {
				list, from = append(list, s[from:i]), i+1
			}
		}
	}
	return append(list, s[from:])
}

func exceptSplit(s string) (list, except []string) {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	for i, w := range words {
		if strings.EqualFold(w, "EXCEPT") {
			return words[:i], words[i+1:]
		}
	}
	return words, nil
}

// covers finds the client of the line that concerns the address. An EXCEPT that
// holds all of it takes the line's meaning away.
func (r wrapperRule) covers(asked netip.Prefix) (netip.Prefix, bool) {
	for _, s := range r.spared {
		if p, ok := wrapperClient(s, asked); ok && p.Overlaps(asked) && p.Bits() <= asked.Bits() {
			return p, false
		}
	}
	for _, c := range r.clients {
		if p, ok := wrapperClient(c, asked); ok && p.Overlaps(asked) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// wrapperClient reads a client pattern as the network it stands for, in the
// family that is asked about. Names need DNS and are not matched.
func wrapperClient(s string, asked netip.Prefix) (netip.Prefix, bool) {
	switch {
	case s == "ALL":
		p, err := asked.Addr().Prefix(0)
		return p, err == nil
	case strings.HasPrefix(s, "."), strings.HasPrefix(s, "@"), strings.HasPrefix(s, "/"):
		return netip.Prefix{}, false // a domain, a netgroup, a file of patterns
	case strings.HasSuffix(s, "."): // "192.0.2."
		parts := strings.Split(strings.TrimSuffix(s, "."), ".")
		if len(parts) > 3 {
			return netip.Prefix{}, false
		}
		text := strings.Join(parts, ".") + strings.Repeat(".0", 4-len(parts))
		return nets.Parse(fmt.Sprintf("%s/%d", text, 8*len(parts)))
	}
	if inner, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "]"); ok {
		s = inner + rest // [2001:db8::]/32
	}
	return nets.Parse(s)
}

// firstCovering is a line of hosts.allow that lets all of the address in for
// every daemon that r names.
func firstCovering(allows []wrapperRule, r wrapperRule, asked netip.Prefix) *wrapperRule {
	for i := range allows {
		al := &allows[i]
		p, ok := al.covers(asked)
		if !ok || !al.allow || p.Bits() > asked.Bits() || len(al.excepted) > 0 {
			continue
		}
		if al.names("ALL") || !slices.ContainsFunc(r.daemons, func(d string) bool { return !al.names(d) }) {
			return al
		}
	}
	return nil
}
