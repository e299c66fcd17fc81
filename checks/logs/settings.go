package logs

import (
	"path"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// resources are what stops a whole PBX: no file descriptors, no RTP ports, overload.
func resources(v *view) (out []checks.Finding) {
	for _, kind := range []pbxlog.Kind{pbxlog.NoFiles, pbxlog.NoPorts} {
		if list := v.of(kind); len(list) > 0 {
			out = append(out, checks.Finding{
				ID: "logs." + string(kind), Severity: checks.Critical, Confidence: checks.Certain, Evidence: v.proof(list...),
				Args: words.Args{"n": total(list), "when": span(list)},
			})
		}
	}
	for _, cause := range []string{"calls", "load", "queue"} {
		list := byCause(v.of(pbxlog.Overload), cause)
		if len(list) == 0 {
			continue
		}
		f := checks.Finding{
			ID: "logs.overload", Variant: cause, Severity: checks.Critical, Confidence: checks.Certain, Evidence: v.proof(list...),
			Args: words.Args{"n": total(list), "when": span(list), "queue": words.Raw(list[0].Peer)},
		}
		if cause == "queue" {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

// configuration is what Asterisk refused of its files. That an object could not be
// created follows from an option, which stands before.
func configuration(v *view) (out []checks.Finding) {
	all := v.of(pbxlog.Config)
	objects := byCause(all, "object")
	option := map[string]bool{}
	for _, c := range byCause(all, "option") {
		option[c.Account] = true
		lines, kind := []Count{c}, ""
		for _, o := range objects {
			if o.Account == c.Account {
				lines, kind = append(lines, o), o.Peer
			}
		}
		out = append(out, v.setting("option", c, kind, lines))
	}
	values := byCause(all, "value")
	for i, c := range values {
		kind, lines := "", []Count{c}
		if len(values) == 1 { // whose value it is, only the next line tells
			for _, o := range objects {
				if !option[o.Account] {
					lines, kind = append(lines, o), o.Peer
					c.Account = o.Account
				}
			}
		}
		values[i] = c
		out = append(out, v.setting("value", c, kind, lines))
	}
	elsewhere := slices.Concat(values, v.of(pbxlog.Transport), byCause(v.of(pbxlog.Trunk), "uri"))
	for _, o := range objects {
		told := option[o.Account] || slices.ContainsFunc(elsewhere, func(c Count) bool { return c.Account == o.Account })
		if !told {
			out = append(out, v.setting("object", o, o.Peer, []Count{o}))
		}
	}
	return out
}

func (v *view) setting(variant string, c Count, kind string, lines []Count) checks.Finding {
	for _, l := range lines { // Asterisk 22 leaves the file of an option out
		if c.Context == "" {
			c.Context = l.Context
		}
	}
	return checks.Finding{
		ID: "logs.config", Variant: variant, Severity: checks.Critical, Confidence: checks.Certain, Subject: c.Account, Evidence: v.proof(lines...),
		Args: words.Args{"section": words.Raw(c.Account), "option": words.Raw(c.Peer), "type": kind, "file": words.Raw(path.Base(c.Context)), "line": c.Code, "n": c.N,
			"named": c.Account != "", "ipv6": c.Peer == "bind=::"},
	}
}

// transports are those that did not start, and connections that TLS refused.
func transports(v *view) (out []checks.Finding) {
	for _, cause := range []string{"not-started", "tcp", "certificate", "tls"} {
		list := byCause(v.of(pbxlog.Transport), cause)
		if len(list) == 0 {
			continue
		}
		f := checks.Finding{
			ID: "logs.transport", Variant: cause, Severity: checks.Critical, Confidence: checks.Certain, Subject: list[0].Account, Evidence: v.proof(list...),
			Args: words.Args{"name": words.Raw(list[0].Account), "why": words.Raw(list[0].Peer), "n": total(list), "when": span(list)},
		}
		if cause == "tls" {
			f.Severity = checks.Warning // strangers knock at TLS ports as well
		}
		out = append(out, f)
	}
	return out
}

// rootServer is the name that Asterisk looks up to find its own address when its host
// name has none (main/acl.c, ast_find_ourip). It is nobody's trunk.
const rootServer = "A.ROOT-SERVERS.NET"

// names are hosts that DNS did not resolve.
func names(v *view) (out []checks.Finding) {
	all := v.of(pbxlog.NoName)
	itself := slices.ContainsFunc(all, func(c Count) bool { return c.Peer == rootServer })
	var own, others []Count
	for _, c := range all {
		switch {
		case c.Peer == rootServer:
		case itself && !strings.Contains(c.Peer, "."):
			own = append(own, c)
		default:
			others = append(others, c)
		}
	}
	out = v.unresolved(out, "host", checks.Critical, others)
	return v.unresolved(out, "own", checks.Warning, own)
}

func (v *view) unresolved(out []checks.Finding, variant string, s checks.Severity, list []Count) []checks.Finding {
	if len(list) == 0 {
		return out
	}
	return append(out, checks.Finding{
		ID: "logs.no-name", Variant: variant, Severity: s, Confidence: checks.Certain, Subject: list[0].Peer, Evidence: v.proof(list...),
		Args: words.Args{"names": raws(peersOf(list), shown), "n": total(list), "when": span(list), "asterisk": list[0].Program == ""},
	})
}

// subscriptions are those to mailboxes and lamps that were refused.
func subscriptions(v *view) (out []checks.Finding) {
	if list := v.of(pbxlog.MWI); len(list) > 0 {
		out = append(out, checks.Finding{
			ID: "logs.mwi", Severity: checks.Warning, Confidence: checks.Certain, Subject: list[0].Account, Evidence: v.proof(list...),
			Args: words.Args{"endpoints": raws(accountsOf(list), shown), "mailbox": words.Raw(list[0].Peer), "n": total(list)},
		})
	}
	if list := v.of(pbxlog.NoHint); len(list) > 0 {
		out = append(out, checks.Finding{
			ID: "logs.no-hint", Severity: checks.Warning, Confidence: checks.Certain, Subject: list[0].Peer, Evidence: v.proof(list...),
			Args: words.Args{"extensions": raws(peersOf(list), shown), "n": total(list)},
		})
	}
	return out
}
