package checks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What one check proves decides which cures of another are worth typing: a
// phone is not sent to a port that the same run saw refused, and it is sent to
// the one that the same run saw open.

// ways are transports with their ports, "tls 5061", of which the run knows
// whether SIP passes there.
type ways struct{ work, fail map[string]bool }

// dropRefutedFixes takes out the fixes and the advice that rely on a way that
// does not work, and the fixes that were to be proven and were not. Proven ways
// around come before the others.
func dropRefutedFixes(r *Report) {
	w := waysOf(r)
	for i := range r.Results {
		for k := range r.Results[i].Findings {
			f := &r.Results[i].Findings[k] // whose lists the judge may keep
			f.Fixes = slices.DeleteFunc(slices.Clone(f.Fixes), func(x fixes.Fix) bool {
				return x.ReliesOn != "" && w.fail[x.ReliesOn] || x.IfProven && !w.work[x.ReliesOn]
			})
			w.provenFirst(f.Fixes)
			if len(f.Ways) > 0 {
				f.recommend(w.fail)
			}
		}
	}
}

// Advise lets the words of f recommend a way around the fault: the first of
// list ("tls 5061"), the best first, that no check saw fail. They get it as
// {transport} ("tls") and {port}. The transport is "none" where list is empty,
// and "refuted" where all of it fails.
func (f *Finding) Advise(list []string) {
	f.Ways = list
	f.recommend(nil)
}

// recommend picks the first of f's ways that does not fail.
func (f *Finding) recommend(fail map[string]bool) {
	way := "refuted"
	if i := slices.IndexFunc(f.Ways, func(way string) bool { return !fail[way] }); i >= 0 {
		way = f.Ways[i]
	} else if len(f.Ways) == 0 {
		way = "none"
	}
	args := words.Args{}
	maps.Copy(args, f.Args) // the judge may keep its own
	args["transport"], args["port"], _ = strings.Cut(way, " ")
	f.Args = args
}

// provenFirst sorts the generic alternatives, those that were proven first. A
// cure of the box itself, or the search for its switch, keeps its place.
func (w ways) provenFirst(list []fixes.Fix) {
	first := slices.IndexFunc(list, func(f fixes.Fix) bool { return f.ReliesOn != "" })
	if first < 0 {
		return
	}
	rank := func(f fixes.Fix) int {
		if w.work[f.ReliesOn] {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list[first:], func(a, b fixes.Fix) int { return rank(a) - rank(b) })
}

// waysOf reads the stable facts of the checks that try transports. A server of
// the user's that refuses outweighs a responder that answers.
func waysOf(r *Report) ways {
	w := ways{map[string]bool{}, map[string]bool{}}
	answered, silent := map[string]bool{}, map[string]bool{}
	var servers []serverFact
	readFacts(r, "signalling", &servers)
	for _, f := range servers {
		switch key := fmt.Sprintf("%s %d", f.Transport, f.Port); f.Status {
		case "answered":
			answered[key] = true
		case "local-filter", "no-address":
			// Phones have another filter, and may know the name.
		default:
			silent[key] = true
		}
	}
	var alg algFact
	readFacts(r, "sip-alg", &alg)
	for _, p := range alg.Paths {
		key := fmt.Sprintf("%s %d", p.Transport, p.Port)
		switch p.Verdict {
		case "none":
			w.work[key] = true
		case "rewriting", "proxying", "dropping", "pinhole":
			w.fail[key] = true
		}
		if p.Blocked || alg.Method == "sip-server" && p.Verdict == "inconclusive" && p.Note != "" { // the note is why the server did not answer
			w.fail[key] = true
		}
	}
	maps.Copy(w.work, answered)
	maps.DeleteFunc(silent, func(key string, _ bool) bool { return answered[key] })
	maps.Copy(w.fail, silent)
	maps.DeleteFunc(w.work, func(key string, _ bool) bool { return w.fail[key] })
	return w
}

type serverFact struct {
	Transport string `json:"transport"`
	Port      int    `json:"port"`
	Status    string `json:"status"`
}

type algFact struct {
	Method string `json:"method"`
	Paths  []struct {
		Transport string `json:"transport"`
		Port      int    `json:"destination_port"`
		Verdict   string `json:"verdict"`
		Blocked   bool   `json:"blocked"`
		Note      string `json:"note"`
	} `json:"paths"`
}

// readFacts reads the facts of a check as they stand in the report. Without the
// check, or with facts of another form, into stays as it is.
func readFacts(r *Report, check string, into any) {
	res := r.Result(check)
	if res == nil {
		return
	}
	if raw, err := json.Marshal(res.Facts); err == nil {
		_ = json.Unmarshal(raw, into) // a saved report may hold anything, which then proves nothing
	}
}
