package routeros

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// export is an export that is looked at.
type export struct {
	*ros.Config
	data  []byte
	lines []string // of the file; none if it is not in UTF-8
	need  Need
	pbx   netip.Addr // that was named; invalid: none was
	late  func() bool
}

func linesOf(data []byte) []string {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
}

// maxQuote bounds a line that is quoted, bytes.
const maxQuote = 300

// quote is the command that begins in a line of the file, with the lines that
// continue it; other is what it is where the file cannot be quoted.
func (e *export) quote(line int, other string) string {
	if line < 1 || line > len(e.lines) {
		return cut(other)
	}
	text := ""
	for _, l := range e.lines[line-1:] {
		part, more := strings.CutSuffix(l, `\`)
		if text != "" {
			part = strings.TrimLeft(part, " ")
		}
		if text += part; !more || len(text) > maxQuote {
			break
		}
	}
	return cut(strings.TrimSpace(text))
}

func cut(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "…"
}

// from says where a value of a menu comes from. A default counts only where the file
// tells all of the menu.
func (e *export) from(path string, r ros.Row, v ros.Value) Line {
	switch {
	case v.Origin == ros.Set:
		return Line{Origin: set, Line: v.Line, Text: e.quote(v.Line, r.Text())}
	case v.Origin == ros.Default && e.Covers(path):
		return Line{Origin: standard, Source: v.Source}
	}
	return Line{Origin: unknown}
}

func (e *export) helper() Helper {
	const path = "/ip/firewall/service-port"
	r, ok := e.Named(path, "sip")
	if !ok {
		return Helper{Line: Line{Origin: unknown}}
	}
	h := Helper{Line: e.from(path, r, r.Get("disabled"))}
	if h.Origin != unknown {
		on := !r.Off()
		h.Enabled = &on
	}
	if v := r.Get("ports"); e.from(path, r, v).Origin != unknown {
		h.Ports = v.Text
	}
	if v := r.Get("sip-direct-media"); e.from(path, r, v).Origin != unknown {
		direct := r.Yes("sip-direct-media")
		h.DirectMedia = &direct
	}
	if v := r.Get("sip-timeout"); e.from(path, r, v).Origin != unknown {
		h.Timeout = seconds(v)
	}
	return h
}

// nat reports whether a rule translates addresses; nil if the file does not tell all
// of them.
func (e *export) nat() *bool {
	const path = "/ip/firewall/nat"
	yes := false
	for r := range e.Rows(path) {
		if !r.Off() && !slices.Contains([]string{"", "accept", "jump", "return", "log", "passthrough"}, r.Get("action").Text) {
			yes = true
		}
	}
	if !yes && (!e.Covers(path) || len(e.Faults) > 0) {
		return nil
	}
	return &yes
}

func (e *export) timeout(name string) Setting {
	const path = "/ip/firewall/connection/tracking"
	r := e.Settings(path)
	v := r.Get(name)
	s := Setting{Line: e.from(path, r, v)}
	if s.Origin == unknown {
		return s
	}
	if s.Seconds = seconds(v); s.Seconds == nil {
		return Setting{Line: Line{Origin: unknown}}
	}
	s.Shown = v.Text
	return s
}

func seconds(v ros.Value) *int {
	d, ok := v.Duration()
	if !ok {
		return nil
	}
	n := int(d.Seconds())
	return &n
}

// untracking is the line that switches connection tracking off, and NAT with it.
func (e *export) untracking(nat *bool) Line {
	const path = "/ip/firewall/connection/tracking"
	if r := e.Settings(path); nat != nil && *nat && r.Get("enabled").Text == "no" {
		return e.from(path, r, r.Get("enabled"))
	}
	return Line{}
}

// maxLANs bounds the networks that are looked at.
const maxLANs = 16

// lans are the IPv4 networks of the router that its uplinks are not in.
func (e *export) lans(o *Observed) {
	o.LANs = []LAN{}
	for a := range e.Addresses() {
		p := a.Prefix.Masked()
		if !p.Addr().Is4() || p.Bits() > 30 || p.Addr().IsLoopback() || slices.Contains(o.Uplinks, a.Interface) || len(o.LANs) == maxLANs {
			continue // of 31 and 32 bits are links and loopbacks
		}
		if !slices.ContainsFunc(o.LANs, func(l LAN) bool { return l.Prefix == p && l.Interface == a.Interface }) {
			o.LANs = append(o.LANs, LAN{Prefix: p, Interface: a.Interface})
		}
	}
}

// ownAddresses are the router's IPv4 addresses, or those of one interface.
func (e *export) ownAddresses(name string) (list []netip.Addr) {
	for a := range e.Addresses() {
		if a.Prefix.Addr().Is4() && (name == "" || a.Interface == name) {
			list = append(list, a.Prefix.Addr())
		}
	}
	return list
}

// rulesUnread reports whether rules, or what they refer to, may be missing: because
// the file does not tell all of them, or a line was not understood.
func (e *export) rulesUnread() bool {
	if !e.Covers("/ip/firewall") || e.Config.Unread > 0 || len(e.Faults) > 0 && len(e.lines) == 0 {
		return true
	}
	for _, f := range e.Faults {
		menu := e.menuOf(f.Line)
		for _, matters := range []string{"/ip firewall", "/interface list", "/interface bridge", "/ip address", "/ip route", "/ip settings"} {
			if strings.HasPrefix(menu, matters) || menu == "" {
				return true
			}
		}
	}
	return false
}

// menuOf is the line that names the menu of a line, with spaces; empty if none does.
func (e *export) menuOf(line int) string {
	for i := min(line, len(e.lines)) - 1; i >= 0; i-- {
		if strings.HasPrefix(e.lines[i], "/") {
			return "/" + strings.TrimSpace(strings.ReplaceAll(e.lines[i][1:], "/", " "))
		}
	}
	return ""
}
