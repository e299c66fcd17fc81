package logs

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// refused are requests that the PBX refused, by address and cause, those of scanners
// aside.
func refused(v *view) (out []checks.Finding) {
	for _, og := range v.by {
		if og.scanning {
			continue
		}
		for _, cause := range slices.Sorted(maps.Keys(og.causes)) {
			var list []Count
			for _, c := range og.refused {
				if c.Cause == cause {
					list = append(list, c)
				}
			}
			out = append(out, v.refusal(og, cause, list))
		}
	}
	slices.SortStableFunc(out, func(a, b checks.Finding) int { return a.Severity.Compare(b.Severity) })
	return out
}

// variantOf names the words for a cause.
func variantOf(cause string) string {
	switch cause {
	case pbxlog.WrongPassword, pbxlog.WrongName, pbxlog.UnknownAccount, pbxlog.NotPermitted, pbxlog.WrongTransport, pbxlog.UnknownDomain, pbxlog.NotDynamic,
		pbxlog.TooMany, pbxlog.NoContacts, pbxlog.NoAOR, pbxlog.UnknownSource, pbxlog.Limit:
		return cause
	}
	return "other"
}

func (v *view) refusal(og *origin, cause string, list []Count) checks.Finding {
	slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(b.N, a.N) })
	n, fixed := total(list), 0
	var names []string
	for _, c := range list {
		if c.Account != "" && !slices.Contains(names, c.Account) {
			names = append(names, c.Account)
		}
		if v.lastOK[c.Account].After(c.Last) {
			fixed++
		}
	}
	f := checks.Finding{ID: "logs.refused", Variant: variantOf(cause), Severity: checks.Critical, Confidence: checks.Certain, Evidence: v.proof(list...)}
	switch {
	case fixed == len(list) && cause != pbxlog.TooMany:
		f.Severity = checks.Info // somebody has corrected it
	case n == 1, !og.addr.IsValid(), !v.own[og.addr] && cause == pbxlog.UnknownAccount, cause == pbxlog.UnknownSource:
		f.Severity = checks.Warning
	}
	sure := cause == pbxlog.WrongPassword
	for _, c := range list { // chan_sip says so of accounts that it does not have as well (alwaysauthreject)
		sure = sure && (c.Service == "PJSIP" || !v.lastOK[c.Account].IsZero() || v.phones[c.Account] != nil)
	}
	if cause == pbxlog.WrongPassword && !sure {
		f.Confidence = checks.Likely
	}
	addr := any("")
	if og.addr.IsValid() {
		addr, f.Subject = og.addr, og.addr.String()
	} else if len(names) > 0 {
		f.Subject = names[0]
	}
	whose := any(raws(names, shown))
	if len(names) == 0 {
		whose = words.Say("logs.nobody", nil)
	}
	limit := 0
	for _, c := range list {
		limit = max(limit, c.Code)
	}
	f.Args = words.Args{"addr": addr, "known": og.addr.IsValid(), "accounts": whose, "count": len(names), "n": n, "when": span(list), "fixed": fixed,
		"own": v.own[og.addr], "sure": sure, "peak": og.peak, "limit": limit}
	return f
}

// unidentified are names that no endpoint has, which debug lines tell, where no refusal
// says so: another identifier may have found the endpoint.
func unidentified(v *view) []checks.Finding {
	var list []Count
	for _, c := range byCause(v.of(pbxlog.Anonymous), "name") {
		if v.tried[c.Account] == nil {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "logs.unidentified", Severity: checks.Warning, Confidence: checks.Possible, Subject: list[0].Account, Evidence: v.proof(list...),
		Args: words.Args{"names": raws(accountsOf(list), shown), "n": total(list), "when": span(list)},
	}}
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// scanners are addresses that look for accounts, all in one finding: a PBX on the
// Internet always has some.
func scanners(v *view) []checks.Finding {
	var list []*origin
	for _, og := range v.by {
		if og.scanning {
			list = append(list, og)
		}
	}
	if len(list) == 0 {
		return nil
	}
	f := checks.Finding{ID: "logs.scanner", Severity: checks.Info, Confidence: checks.Likely, Subject: list[0].addr.String()}
	bans := v.bans()
	loose := 0
	for _, og := range list {
		if at, ok := bans[og.addr]; !ok || at.Before(og.first) {
			loose++
		}
	}
	for _, og := range list[:min(shown, len(list))] {
		f.Evidence = append(f.Evidence, checks.Proof(og.addr, nil, words.Say("logs.evidence.scanner", words.Args{
			"n": og.n, "names": og.names, "folded": og.folded, "peak": og.peak, "first": og.first, "last": og.last, "banned": !bans[og.addr].IsZero(),
		})))
	}
	if rows := slices.Concat(list[0].refused, list[0].dialled); len(rows) > 0 {
		f.Evidence = append(f.Evidence, v.proof(rows[0])...)
	}
	worst := list[0]
	for _, og := range list {
		if og.peak > worst.peak {
			worst = og
		}
	}
	// Hundreds of tries in ten minutes from one address mean that nothing stops it.
	if worst.peak >= unstopped {
		f.Severity = checks.Warning
	}
	f.Args = words.Args{"n": len(list), "addr": worst.addr, "peak": worst.peak, "banned": len(bans), "loose": loose}
	return []checks.Finding{f}
}

// unstopped is how many failures in ten minutes from one address show that no jail
// works on this log: fail2ban's own limit is 5 (jail.conf: maxretry 5, findtime 10m);
// twenty times that no delay of a ban explains.
const unstopped = 100

// bans are the bans that a fail2ban log among the files tells of.
func (v *view) bans() map[netip.Addr]time.Time {
	out := map[netip.Addr]time.Time{}
	for _, c := range v.of(pbxlog.Banned) {
		if c.Last.After(out[c.Addr]) {
			out[c.Addr] = c.Last
		}
	}
	return out
}

// banned are addresses of phones that were accepted, and banned.
func banned(v *view) (out []checks.Finding) {
	for _, c := range v.of(pbxlog.Banned) {
		if !v.own[c.Addr] {
			continue
		}
		f := checks.Finding{ID: "logs.banned", Severity: checks.Critical, Confidence: checks.Certain, Subject: c.Addr.String(), Evidence: v.proof(c)}
		var names []string
		for name, list := range v.seenAt {
			if slices.Contains(list, c.Addr) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		var because []Count
		for _, og := range v.by {
			if og.addr == c.Addr {
				because = og.refused
			}
		}
		f.Evidence = append(f.Evidence, v.proof(because...)...)
		f.Args = words.Args{"addr": c.Addr, "jail": words.Raw(c.Account), "n": c.N, "at": c.Last, "phones": raws(names, shown), "failures": total(because)}
		out = append(out, f)
	}
	return out
}

// manager are failed logins to the manager interface, which is none of a phone's.
func manager(v *view) []checks.Finding {
	var list []Count
	for _, c := range v.of(pbxlog.Refused) {
		if !sip(c.Service) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "logs.manager", Severity: checks.Info, Confidence: checks.Certain, Subject: list[0].Addr.String(), Evidence: v.proof(list...),
		Args: words.Args{"addr": list[0].Addr, "service": list[0].Service, "n": total(list), "addresses": len(list)},
	}}
}

// floods are sources that the proxy blocks for their rate.
func floods(v *view) (out []checks.Finding) {
	for _, c := range v.of(pbxlog.Flood) {
		out = append(out, checks.Finding{
			ID: "logs.flood", Severity: checks.Warning, Confidence: checks.Certain, Subject: c.Addr.String(), Evidence: v.proof(c),
			Args: words.Args{"addr": c.Addr, "n": c.N, "when": span([]Count{c})},
		})
	}
	return out
}
