package bans

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// CSF reads the lists of ConfigServer Firewall and its daemon lfd.
//
// Source: csf/readme.txt ("Advanced Allow/Deny Filters"); csf.tempban as lfd
// writes it: time|address|port|direction|seconds|message.
func CSF(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	if _, ok := a.file(sys, "/etc/csf/csf.conf"); ok {
		a.has(LayerCSF)
	}
	for e := range a.lines(sys, LayerCSF, "/etc/csf/csf.deny") {
		a.ban(asked, csfDeny(e))
	}
	for e := range a.lines(sys, LayerCSF, "/var/lib/csf/csf.tempban", "/etc/csf/csf.tempban") {
		a.ban(asked, csfTemporary(e, sys.Now()))
	}
	for e := range a.lines(sys, LayerCSF, "/etc/csf/csf.allow", "/etc/csf/csf.ignore") {
		text, _, _ := strings.Cut(e.text, "#")
		p, _ := csfEntry(text)
		a.allow(asked, Allow{Layer: LayerCSF, Where: e.where(), Object: strings.TrimSpace(text), Prefix: p})
	}
	csfReasons(sys, a)
}

// csfEntry reads an address, a network, or an advanced filter such as
// "udp|in|d=5060|s=192.0.2.1". Ports are what it is limited to. The prefix of
// what is not about a source is not valid.
func csfEntry(text string) (p netip.Prefix, ports string) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "|") {
		p, _ = nets.Parse(text)
		return p, ""
	}
	var limits []string
	for part := range strings.SplitSeq(text, "|") {
		if value, is := strings.CutPrefix(part, "s="); is {
			if q, is := nets.Parse(value); is {
				p = q
				continue
			}
		}
		if part == "out" {
			return netip.Prefix{}, ""
		}
		if part != "in" {
			limits = append(limits, part)
		}
	}
	return p, strings.Join(limits, " ")
}

func csfDeny(e entry) Ban {
	text, comment, _ := strings.Cut(e.text, "#")
	text = strings.TrimSpace(text)
	p, ports := csfEntry(text)
	ban := Ban{
		Layer: LayerCSF, Where: e.where(), Object: text, Prefix: p, Effect: ViaFilter, Name: "csf.deny",
		Free: only(command.New("csf", "-dr").Values(text)), Undo: only(command.New("csf", "-d").Values(text)),
	}
	if comment = strings.TrimSpace(comment); comment != "" {
		ban.Reasons, ban.Undo[0] = []string{comment}, ban.Undo[0].Values(comment)
	}
	if ports != "" { // csf -dr takes plain addresses only
		ban.Free, ban.Undo = e.edits(command.New("csf", "-ra"))
		ban.Note = because("only", "limit", ports)
	}
	return ban
}

func csfTemporary(e entry, now time.Time) Ban {
	f := append(strings.SplitN(e.text, "|", 6), "")
	if len(f) < 6 {
		return Ban{}
	}
	p, ok := nets.Parse(f[1])
	start, err := strconv.ParseInt(f[0], 10, 64)
	seconds, err2 := strconv.ParseInt(f[4], 10, 64)
	if !ok || err != nil || err2 != nil || strings.EqualFold(f[3], "out") {
		return Ban{}
	}
	since := platform.UnixTime(start)
	until := time.Time{}
	if !since.IsZero() {
		until = since.Add(platform.Seconds(max(seconds, 0)))
	}
	if !until.IsZero() && until.Before(now) {
		return Ban{} // lfd has yet to sweep it out
	}
	left := int(max(until.Sub(now), 0).Seconds()) // csf takes 0 for its own default
	ban := Ban{
		Layer: LayerCSF, Where: e.where(), Object: e.text, Prefix: p, Effect: ViaFilter, Name: "temporary",
		Since: since, Until: until,
		Free: only(command.New("csf", "-tr").Values(f[1])), Undo: only(command.New("csf", "-td").Values(f[1], strconv.Itoa(left))),
	}
	if message := strings.TrimSpace(f[5]); message != "" {
		ban.Reasons = []string{message}
	}
	if port := strings.TrimSpace(f[2]); port != "" && port != "*" {
		ban.Note = because("only", "limit", "port "+port)
		ban.Undo[0] = ban.Undo[0].Words("-p").Values(port)
	}
	return ban
}

// lfdLog is how much of lfd's log is searched for reasons: some 10,000 lines.
const lfdLog = 2 << 20

// csfReasons adds what lfd logged about the banned addresses, if there are any.
func csfReasons(sys platform.System, a *Answer) {
	if len(a.Bans) == 0 {
		return
	}
	log, _, err := platform.Tail(sys, "/var/log/lfd.log", lfdLog)
	if err != nil {
		return
	}
	for e := range entries("", log) {
		for i := range a.Bans {
			if b := &a.Bans[i]; len(b.Reasons) < 10 && mentions(e.text, nets.Short(b.Prefix)) {
				b.Reasons = append(b.Reasons, e.text)
			}
		}
	}
}

// mentions reports whether a line holds an address as a whole: 192.0.2.1 is not
// in 192.0.2.11.
func mentions(line, addr string) bool {
	part := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c == ':' || c == '.' || c == '/'
	}
	for from := 0; ; {
		i := strings.Index(line[from:], addr)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(addr)
		sentence := end < len(line) && (line[end] == '.' || line[end] == ':') && (end+1 == len(line) || line[end+1] == ' ')
		if (start == 0 || !part(line[start-1])) && (end == len(line) || !part(line[end]) || sentence) {
			return true
		}
		from = start + 1
	}
}

// APF reads the deny and allow lists of Advanced Policy Firewall.
//
// Source: apf.8, deny_hosts.rules: an address, a network, or
// "proto:flow:s/d=port:s/d=address".
func APF(_ context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	for _, list := range []string{"allow_hosts.rules", "glob_allow.rules"} {
		for e := range a.lines(sys, LayerAPF, "/etc/apf/"+list) {
			p, _ := apfEntry(e.text)
			a.allow(asked, Allow{Layer: LayerAPF, Where: e.where(), Object: strings.TrimSpace(e.text), Prefix: p})
		}
	}
	for _, list := range []string{"deny_hosts.rules", "glob_deny.rules"} {
		reason := ""
		for e := range a.lines(sys, LayerAPF, "/etc/apf/"+list) {
			if comment, is := strings.CutPrefix(strings.TrimSpace(e.text), "#"); is { // "# added 192.0.2.1 on DATE with comment: …"
				reason = strings.TrimSpace(comment)
				continue
			}
			p, ports := apfEntry(e.text)
			ban := Ban{
				Layer: LayerAPF, Where: e.where(), Object: strings.TrimSpace(e.text), Prefix: p, Effect: ViaFilter, Name: list,
				Free: only(command.New("apf", "-u").Values(nets.Short(p))), Undo: only(command.New("apf", "-d").Values(nets.Short(p))),
			}
			if ports != "" {
				ban.Note = because("only", "limit", ports)
			}
			if strings.Contains(reason, p.Addr().String()) {
				ban.Reasons = []string{reason}
			}
			a.ban(asked, ban)
		}
	}
}

// apfEntry reads a line of a list; the prefix of what is not about a source is
// not valid.
func apfEntry(text string) (p netip.Prefix, ports string) {
	text = strings.TrimSpace(text)
	if p, ok := nets.Parse(text); ok {
		return p, ""
	}
	i := strings.LastIndex(":"+text, ":s=")
	if i < 0 {
		return p, ""
	}
	p, _ = nets.Parse(text[i+len("s="):])
	return p, strings.Trim(text[:i], ":")
}
