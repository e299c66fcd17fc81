package asteriskstate

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// list makes one finding of endpoints.
func (v *view) list(id string, s checks.Severity, c checks.Confidence, endpoints []*asterisk.ShownEndpoint, args words.Args) []checks.Finding {
	if len(endpoints) == 0 {
		return nil
	}
	var names []string
	var rows []asterisk.Row
	for _, e := range endpoints {
		names, rows = append(names, e.Name), append(rows, e.Row)
	}
	f := checks.Finding{ID: id, Severity: s, Confidence: c, Args: words.Args{"n": len(names), "endpoints": some(names)}, Evidence: v.quote(asterisk.ShowEndpoints, rows...)}
	for name, value := range args {
		f.Args[name] = value
	}
	if len(names) == 1 {
		f.Subject = names[0]
	}
	return []checks.Finding{f}
}

func (v *view) endpoints(which func(*asterisk.ShownEndpoint) bool) (list []*asterisk.ShownEndpoint) {
	for i := range v.s.Endpoints {
		if e := &v.s.Endpoints[i]; which(e) {
			list = append(list, e)
		}
	}
	return list
}

// invalidEndpoints have no channel driver that knows their state: without
// chan_pjsip every endpoint is Invalid (ast_device_state of main/devicestate.c).
func invalidEndpoints(v *view) []checks.Finding {
	list := v.endpoints(func(e *asterisk.ShownEndpoint) bool { return e.State == "Invalid" })
	if v.told["chan_pjsip.so"] {
		return nil
	}
	return v.list("asterisk-state.endpoints-invalid", checks.Critical, checks.Likely, list, words.Args{"all": len(list) == len(v.s.Endpoints)})
}

// endpointsWithoutAOR log in and have nowhere to be reached at. One that is only
// told by its address needs no AOR for the calls that it makes.
func endpointsWithoutAOR(v *view) []checks.Finding {
	list := v.endpoints(func(e *asterisk.ShownEndpoint) bool {
		return len(e.AORs) == 0 && len(e.InAuth) > 0
	})
	wants := ""
	for _, e := range list {
		if len(e.Wants) > 0 && wants == "" {
			wants = e.Wants[0]
		}
	}
	return v.list("asterisk-state.endpoints-no-aor", checks.Warning, checks.Certain, list, words.Args{"wants": named(wants), "known": wants != ""})
}

// endpointsWithoutAuth ask nobody for a password and are told by the name alone.
func endpointsWithoutAuth(v *view) []checks.Finding {
	list := v.endpoints(func(e *asterisk.ShownEndpoint) bool {
		return len(e.InAuth)+len(e.OutAuth) == 0 && !v.identified[e.Name] && len(e.AORs) > 0
	})
	return v.list("asterisk-state.endpoints-no-auth", checks.Warning, checks.Likely, list, nil)
}

// closedAORs take no registration, although a phone with a password is to use
// them: it gets 403.
func closedAORs(v *view) []checks.Finding {
	most, contacts := map[string]int{}, map[string]int{}
	for _, a := range v.s.AORs {
		most[a.Name], contacts[a.Name] = a.Max, a.Contacts
	}
	list := v.endpoints(func(e *asterisk.ShownEndpoint) bool {
		if len(e.InAuth) == 0 || len(e.AORs) == 0 {
			return false
		}
		return !slices.ContainsFunc(e.AORs, func(a string) bool { n, known := most[a]; return !known || n > 0 || contacts[a] > 0 })
	})
	return v.list("asterisk-state.aors-closed", checks.Warning, checks.Certain, list, nil)
}

// fullAORs are AORs for several phones with no room left, part of it taken by
// contacts that do not answer: the next phone to register gets 403, unless
// remove_existing or remove_unavailable is set, which the listing does not show.
// AORs for one phone are left out: with those an old contact is usually replaced.
func fullAORs(v *view) []checks.Finding {
	contacts := map[string][]asterisk.ShownContact{}
	for _, c := range v.s.Contacts {
		contacts[c.AOR] = append(contacts[c.AOR], c)
	}
	var names []string
	var rows []asterisk.Row
	for _, a := range v.s.AORs {
		list := contacts[a.Name]
		if a.Max < 2 || len(list) < a.Max {
			continue
		}
		before := len(rows)
		for _, c := range list {
			if contactState(c.Status) == mute {
				rows = append(rows, c.Row)
			}
		}
		if len(rows) > before {
			names = append(names, a.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "asterisk-state.aors-full", Severity: checks.Warning, Confidence: checks.Possible,
		Args: words.Args{"n": len(names), "aors": some(names)}, Evidence: v.quote(asterisk.ShowContacts, rows...),
	}}
}

// missingObjects were asked for by name and are not there.
func missingObjects(v *view) (out []checks.Finding) {
	for _, m := range v.s.Missing {
		if m.Kind == "module" {
			continue // see modules
		}
		out = append(out, checks.Finding{
			ID: "asterisk-state.object-missing", Severity: checks.Warning, Confidence: checks.Certain, Subject: m.Name,
			Args: words.Args{"kind": m.Kind, "name": named(m.Name)}, Evidence: v.quote(strings.TrimSpace(showOne+m.Kind), m.Row),
		})
		if len(out) == mostRows {
			break
		}
	}
	return out
}

// overlaps are addresses that two endpoints claim: which of them a request belongs
// to depends on the order in which Asterisk asks.
func overlaps(v *view) []checks.Finding {
	if len(v.o.Overlaps) == 0 {
		return nil
	}
	var rows []asterisk.Row
	for _, o := range v.o.Overlaps {
		for _, row := range []asterisk.Row{o.FirstRow, o.OtherRow} {
			if !slices.ContainsFunc(rows, func(r asterisk.Row) bool { return r.Text == row.Text }) {
				rows = append(rows, row)
			}
		}
	}
	o := v.o.Overlaps[0]
	return []checks.Finding{{
		ID: "asterisk-state.identify-overlap", Severity: checks.Warning, Confidence: checks.Certain, Subject: o.Network.String(),
		Args:     words.Args{"first": named(o.First), "other": named(o.Other), "network": o.Network},
		Evidence: v.quote(asterisk.ShowIdentifies, rows...),
	}}
}
