package bans

import (
	"context"
	"fmt"
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
	if b, ok := a.file(sys, "/etc/csf/csf.deny"); ok {
		a.has(LayerCSF)
		csfDeny("/etc/csf/csf.deny", b, asked, a)
	}
	for _, name := range []string{"/var/lib/csf/csf.tempban", "/etc/csf/csf.tempban"} {
		if b, ok := a.file(sys, name); ok {
			a.has(LayerCSF)
			csfTemporary(name, b, sys.Now(), asked, a)
			break
		}
	}
	for _, name := range []string{"/etc/csf/csf.allow", "/etc/csf/csf.ignore"} {
		b, _ := a.file(sys, name)
		for number, line := range numbered(b) {
			text, _, _ := strings.Cut(line, "#")
			if p, _, ok := csfEntry(text); ok {
				a.allow(asked, Allow{Layer: LayerCSF, Where: fmt.Sprintf("%s:%d", name, number), Object: strings.TrimSpace(text), Prefix: p})
			}
		}
	}
	csfReasons(sys, a)
}

// csfEntry reads an address, a network, or an advanced filter such as
// "udp|in|d=5060|s=192.0.2.1". Ports are what it is limited to.
func csfEntry(text string) (p netip.Prefix, ports string, ok bool) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "|") {
		p, ok = nets.Parse(text)
		return p, "", ok
	}
	var limits []string
	for part := range strings.SplitSeq(text, "|") {
		name, value, is := strings.Cut(part, "=")
		switch {
		case is && name == "s":
			if q, is := nets.Parse(value); is {
				p, ok = q, true
				continue
			}
			limits = append(limits, part)
		case part == "out":
			return p, "", false
		case part != "in":
			limits = append(limits, part)
		}
	}
	return p, strings.Join(limits, " "), ok
}

func csfDeny(name string, b []byte, asked netip.Prefix, a *Answer) {
	for number, line := range numbered(b) {
		text, comment, _ := strings.Cut(line, "#")
		p, ports, ok := csfEntry(text)
		if !ok {
			continue
		}
		text = strings.TrimSpace(text)
		ban := Ban{
			Layer: LayerCSF, Where: fmt.Sprintf("%s:%d", name, number), Object: text, Prefix: p, Effect: ViaFilter, Name: "csf.deny",
			Free: only(command.New("csf", "-dr").Values(text)), Undo: only(command.New("csf", "-d").Values(text)),
		}
		if comment = strings.TrimSpace(comment); comment != "" {
			ban.Reasons, ban.Undo[0] = []string{comment}, ban.Undo[0].Values(comment)
		}
		if ports != "" { // csf -dr takes plain addresses only
			reload := command.New("csf", "-ra")
			ban.Free = []command.Command{command.DeleteLine(name, number, line), reload}
			ban.Undo = []command.Command{command.InsertLine(name, number, line), reload}
			ban.Note = because("only", "limit", ports)
		}
		a.ban(asked, ban)
	}
}

func csfTemporary(name string, b []byte, now time.Time, asked netip.Prefix, a *Answer) {
	for number, line := range numbered(b) {
		f := strings.SplitN(line, "|", 6)
		if len(f) < 5 {
			continue
		}
		p, ok := nets.Parse(f[1])
		start, err := strconv.ParseInt(f[0], 10, 64)
		seconds, err2 := strconv.ParseInt(f[4], 10, 64)
		if !ok || err != nil || err2 != nil || strings.EqualFold(f[3], "out") {
			continue
		}
		since := platform.UnixTime(start)
		until := time.Time{}
		if !since.IsZero() {
			until = since.Add(platform.Seconds(max(seconds, 0)))
		}
		if !until.IsZero() && until.Before(now) {
			continue // lfd has yet to sweep it out
		}
		left := int(max(until.Sub(now), 0).Seconds()) // csf takes 0 for its own default
		ban := Ban{
			Layer: LayerCSF, Where: fmt.Sprintf("%s:%d", name, number), Object: line, Prefix: p, Effect: ViaFilter, Name: "temporary",
			Since: since, Until: until,
			Free: only(command.New("csf", "-tr").Values(f[1])), Undo: only(command.New("csf", "-td").Values(f[1], strconv.Itoa(left))),
		}
		if len(f) == 6 && strings.TrimSpace(f[5]) != "" {
			ban.Reasons = []string{strings.TrimSpace(f[5])}
		}
		if port := strings.TrimSpace(f[2]); port != "" && port != "*" {
			ban.Note = because("only", "limit", "port "+port)
			ban.Undo[0] = ban.Undo[0].Words("-p").Values(port)
		}
		a.ban(asked, ban)
	}
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
	for _, line := range numbered(log) {
		for i := range a.Bans {
			if b := &a.Bans[i]; len(b.Reasons) < 10 && mentions(line, nets.Short(b.Prefix)) {
				b.Reasons = append(b.Reasons, line)
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
	for _, list := range []string{"deny_hosts.rules", "glob_deny.rules", "allow_hosts.rules", "glob_allow.rules"} {
		name := "/etc/apf/" + list
		b, ok := a.file(sys, name)
		if !ok {
			continue
		}
		a.has(LayerAPF)
		reason := ""
		for number, line := range numbered(b) {
			text := strings.TrimSpace(line)
			if strings.HasPrefix(text, "#") { // "# added 192.0.2.1 on DATE with comment: …"
				reason = strings.TrimSpace(strings.TrimPrefix(text, "#"))
				continue
			}
			p, ports, ok := apfEntry(text)
			if !ok {
				continue
			}
			where := fmt.Sprintf("%s:%d", name, number)
			if strings.Contains(list, "allow") {
				a.allow(asked, Allow{Layer: LayerAPF, Where: where, Object: text, Prefix: p})
				continue
			}
			ban := Ban{
				Layer: LayerAPF, Where: where, Object: text, Prefix: p, Effect: ViaFilter, Name: list,
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

func apfEntry(text string) (p netip.Prefix, ports string, ok bool) {
	if p, ok = nets.Parse(text); ok {
		return p, "", true
	}
	before, addr, is := strings.Cut(text, "s=")
	if i := strings.LastIndex(text, ":s="); i >= 0 {
		before, addr, is = text[:i], text[i+3:], true
	}
	if !is {
		return p, "", false
	}
	p, ok = nets.Parse(addr)
	return p, strings.Trim(before, ":"), ok
}
