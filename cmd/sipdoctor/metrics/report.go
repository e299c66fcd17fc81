package metrics

import (
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
)

// Of are the figures of a report. What is not known has no sample.
func Of(r *checks.Report) []Family {
	command := []string{"command", known(r.Command, commands())}
	var began []Sample
	if !r.Started.IsZero() {
		began = one(float64(r.Started.UnixMilli())/1000, command...)
	}
	tool := slices.Concat(command, []string{"version", plain(r.Tool.Version, version), "commit", plain(r.Tool.Commit, commit)})
	list := []Family{
		{"sipdoctor_build_info", "The version of sipdoctor that made the report.", one(1, tool...)},
		{"sipdoctor_run_timestamp_seconds", "When the run began.", began},
		{"sipdoctor_run_duration_seconds", "How long the run took.", one(float64(r.DurationMS)/1000, command...)},
		{"sipdoctor_verdict", "The worst of the checks, as a state set.", stateSet("status", string(r.Verdict), statuses(), command...)},
		{"sipdoctor_check_status", "What a check came to, as a state set.", checkStatus(r)},
		{"sipdoctor_finding", "Findings of a check with this ID, severity and confidence.", findings(r)},
	}
	return slices.Concat(list, path(r), voice(r), signallingOf(r), server(r))
}

// OfProbe are the figures of a probe of one SIP server that took so long, under the
// names of the blackbox_exporter and under our own.
func OfProbe(r *checks.Report, took time.Duration) []Family {
	answered := 0.0
	lines, _ := factsOf[[]signalling.Fact](r, "signalling")
	for _, l := range lines {
		if l.Status == signalling.Answered {
			answered = 1
		}
	}
	return append([]Family{
		{"probe_success", "Whether the SIP server answered over any transport.", one(answered)},
		{"probe_duration_seconds", "How long the answer to this request took.", one(took.Seconds())},
	}, Of(r)...)
}

// commands are those that make reports. What is about the whole run names its command:
// one machine may run two, and a collector refuses two files with the same series.
func commands() []string {
	return []string{"check", "pbx", "why", "capture", "logs", "router", "diagnose"}
}

// LabelsOf are those that a user gave a report, in order, as far as they are valid:
// a saved report may come from a stranger.
func LabelsOf(r *checks.Report) (out []Label) {
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		if value := r.Labels[name]; ValidLabel(name) && ValidValue(value) {
			out = append(out, Label{name, value})
		}
	}
	return out
}

// other stands for what is not in a closed list, such as a check of a newer
// version.
const other = "other"

// known is value, if it is one of list.
func known(value string, list []string) string {
	if slices.Contains(list, value) {
		return value
	}
	return other
}

func statuses() []string {
	return texts(checks.Pass, checks.Warn, checks.Fail, checks.Skip, checks.Inconclusive, checks.Error)
}

func texts[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return out
}

// one is a single sample; pairs are label names and values.
func one(v float64, pairs ...string) []Sample {
	s := Sample{Value: v}
	for i := 0; i < len(pairs); i += 2 {
		s.Labels = append(s.Labels, Label{pairs[i], pairs[i+1]})
	}
	return []Sample{s}
}

// stateSet has a sample for each state, of which the current one is 1
// (OpenMetrics 1.0, "StateSet").
func stateSet(label, state string, states []string, pairs ...string) (out []Sample) {
	state = known(state, states)
	if state == other && !slices.Contains(states, other) {
		states = append(slices.Clone(states), other)
	}
	for _, s := range states {
		v := 0.0
		if s == state {
			v = 1
		}
		out = append(out, one(v, append(slices.Clone(pairs), label, s)...)...)
	}
	return out
}

func checkStatus(r *checks.Report) (out []Sample) {
	seen := map[string]bool{}
	for _, res := range r.Results {
		if check := checkName(res.Check); check != other && !seen[check] {
			seen[check] = true
			out = append(out, stateSet("status", string(res.Status), statuses(), "check", check)...)
		}
	}
	return out
}

func checkName(id string) string {
	return known(id, checkIDs())
}

// checkIDs are made once: a report may have thousands of results, and the list of
// checks takes milliseconds to make.
var checkIDs = sync.OnceValue(func() (out []string) {
	for _, c := range all.Checks() {
		out = append(out, c.ID)
	}
	return out
})

// findings counts those that cannot be told apart by their labels.
func findings(r *checks.Report) (out []Sample) {
	at := map[[4]string]int{}
	for _, res := range r.Results {
		for _, f := range res.Findings {
			id := f.ID
			if !all.Book().Has(id+".title") && !all.Book().Has(id+"."+f.Variant+".title") {
				id = other
			}
			key := [4]string{checkName(res.Check), id,
				known(string(f.Severity), texts(checks.Critical, checks.Warning, checks.Info)),
				known(string(f.Confidence), texts(checks.Certain, checks.Likely, checks.Possible))}
			i, seen := at[key]
			if !seen {
				i = len(out)
				at[key] = i
				out = append(out, one(0, "check", key[0], "id", key[1], "severity", key[2], "confidence", key[3])...)
			}
			out[i].Value++
		}
	}
	return out
}

// A version as a release or the go command names it, and a commit. Nothing else is
// one: a report may come from a stranger, and an address looks much like a version.
var (
	version = regexp.MustCompile(`^(devel|v?[0-9]{1,4}(\.[0-9]{1,4}){2}(-[0-9A-Za-z-]{1,40}(\.[0-9A-Za-z-]{1,40})?)?(\+dirty)?)$`)
	commit  = regexp.MustCompile(`^[0-9a-f]{1,64}(-modified)?$`)
)

// plain is s if it has this form, "unknown" if the report does not tell, or other.
func plain(s string, form *regexp.Regexp) string {
	switch {
	case s == "" || s == "unknown":
		return "unknown"
	case form.MatchString(s):
		return s
	}
	return other
}
