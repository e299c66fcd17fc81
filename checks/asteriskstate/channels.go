package asteriskstate

import (
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// longCall is how old an answered call is that has most likely lost its end:
	// providers cut calls after 2 to 4 hours, and few people talk that long.
	longCall = 4 * 3600
	// longRing is how long a channel may wait for an answer: proxies give up after 3
	// minutes (timer C, RFC 3261, section 16.6), queues are left aside.
	longRing = 600
	// manyRings is how many calls that nobody answers, half of all, are more than
	// a busy moment of a small office.
	manyRings = 10
)

// lasts are applications in which channels stay for hours by design.
func lasts(app string) bool {
	switch strings.ToLower(app) {
	case "agentlogin", "confbridge", "meetme", "page", "park", "parkedcall", "parkandannounce", "queue", "chanspy", "extenspy", "musiconhold", "bridgewait", "stasis", "jack", "externalivr":
		return true
	}
	return false
}

// waits reports whether a channel in this state waits for an answer. A handset that is
// off its hook does not.
func waits(state string) bool {
	return state == "Ring" || state == "Ringing" || state == "Dialing" || state == "Down"
}

// channels are those that have lost their end.
func channels(v *view) []checks.Finding {
	var old, waiting []asterisk.ShownChannel
	for _, c := range v.s.Channels {
		switch {
		case lasts(c.App):
		case c.State == "Up" && c.AgeS >= longCall:
			old = append(old, c)
		case waits(c.State) && c.AgeS >= longRing:
			waiting = append(waiting, c)
		}
	}
	var out []checks.Finding
	for _, g := range []struct {
		variant string
		list    []asterisk.ShownChannel
		c       checks.Confidence
	}{{"", old, checks.Likely}, {"waiting", waiting, checks.Certain}} {
		if len(g.list) == 0 {
			continue
		}
		out = append(out, v.stuck(g.variant, g.list, g.c))
	}
	return out
}

func (v *view) stuck(variant string, list []asterisk.ShownChannel, c checks.Confidence) checks.Finding {
	slices.SortStableFunc(list, func(a, b asterisk.ShownChannel) int { return b.AgeS - a.AgeS })
	f := checks.Finding{
		ID: "asterisk-state.channels-stuck", Variant: variant, Severity: checks.Warning, Confidence: c,
		Args: words.Args{
			"n": len(list), "oldest": time.Duration(list[0].AgeS) * time.Second,
			"cut": slices.ContainsFunc(list, func(c asterisk.ShownChannel) bool { return c.Cut }),
		},
	}
	var steps []command.Step
	for _, ch := range list[:min(len(list), mostRows)] {
		name := words.Say("asterisk-state.evidence.channel", words.Args{"age": time.Duration(ch.AgeS) * time.Second})
		f.Evidence = append(f.Evidence, checks.Proof(name, nil, words.Raw(ch.Text)))
		if tame.MatchString(ch.Name) && !ch.Cut {
			steps = append(steps, command.Step{Do: []command.Command{command.New("asterisk", "-rx").Option(hangUp, ch.Name)}})
		}
	}
	if len(steps) > 0 {
		f.Fixes = fixes.Build("hang-up-channels", "", nil, steps...)
	}
	return f
}

// ringing are many calls at once that nobody has answered.
func ringing(v *view) []checks.Finding {
	var rows []asterisk.Row
	for _, c := range v.s.Channels {
		if c.State == "Ring" && !lasts(c.App) {
			rows = append(rows, c.Row)
		}
	}
	if len(rows) < manyRings || 2*len(rows) < len(v.s.Channels) {
		return nil
	}
	return []checks.Finding{{
		ID: "asterisk-state.many-ringing", Severity: checks.Warning, Confidence: checks.Possible,
		Args: words.Args{"n": len(rows), "channels": len(v.s.Channels)}, Evidence: v.quote(asterisk.ShowChannels, rows...),
	}}
}
