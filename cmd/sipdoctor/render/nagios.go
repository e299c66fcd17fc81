package render

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/metrics"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Nagios writes r as a monitoring plugin does: the answer in a line of less than
// 80 columns with the figures after it, then the checks and what they found
// (Monitoring Plugins Development Guidelines, "Plugin Output for Nagios"). state is
// OK, WARNING, CRITICAL or UNKNOWN.
func Nagios(w io.Writer, r *checks.Report, state string, l words.Lang) error {
	figures := perfdata(r)
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	p := newPage(w, TextOptions{Lang: l})
	line := NagiosLine(state, p.answer(r))
	if len(figures) > 0 {
		line += " | " + strings.Join(figures, " ")
	}
	p.line(plain, line)
	for _, res := range r.Results {
		p.line(plain, barless(p.status(res.Status)+"  "+res.Check+"  "+p.fact(res, TextOptions{})))
	}
	numbered, _ := arrange(r)
	for i, f := range numbered {
		p.line(plain, barless(fmt.Sprintf("%d. %s (%s)", i+1, f.Title, f.ID)))
		for _, fix := range f.Fixes[:min(1, len(f.Fixes))] {
			p.line(plain, barless("   "+p.fixHeading(fix, false)))
		}
	}
	return p.flush()
}

// NagiosLine is the first line of a plugin's output, without figures.
func NagiosLine(state, text string) string {
	return clip(barless("SIPDOCTOR "+state+" - "+strings.Join(strings.Fields(text), " ")), usualWidth-1)
}

// barless replaces the bar, after which figures begin.
func barless(s string) string { return strings.ReplaceAll(s, "|", "¦") }

// clip cuts text to n columns of a terminal, of which a Chinese character takes two
// (Unicode Standard Annex 11) and a combining mark none.
func clip(s string, n int) string {
	used, cut := 0, 0 // cut: where there is still a column for the ellipsis
	for i, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			used += 2
		default:
			used++
		}
		if used < n {
			cut = i + utf8.RuneLen(r)
		}
		if used > n {
			return strings.TrimRight(s[:cut], " ") + "…"
		}
	}
	return s
}

// perf is a figure as plugins write it: a metric, times scale in a unit, with the
// ranges outside of which it is worth a warning or critical.
type perf struct {
	metric, label  string // label: of the metric, whose value goes into the figure's name
	name           string
	scale          float64
	unit           string
	warn, critical string
}

func perfs() []perf {
	return []perf{
		{"sipdoctor_run_duration_seconds", "", "time", 1, "s", "", ""},
		{"sipdoctor_media_mos", "direction", "mos", 1, "", shortNumber(media.WorstMOS()) + ":", ""},
		{"sipdoctor_media_loss_ratio", "direction", "loss", 100, "%", shortNumber(media.LossBad), ""},
		{"sipdoctor_media_jitter_seconds", "direction", "jitter", 1000, "ms", shortNumber(media.JitterBad), ""},
		{"sipdoctor_media_rtt_seconds", "direction", "rtt", 1000, "ms", shortNumber(2 * media.DelayBad), shortNumber(2 * media.DelayWorst)},
		{"sipdoctor_rtp_ports", "state", "rtp", 1, "", "", ""},
		{"sipdoctor_nat_layers", "", "nat_layers", 1, "", "", ""},
		{"sipdoctor_nat_mapping_lifetime_at_least_seconds", "flow", "mapping", 1, "s", "", ""},
		{"sipdoctor_signalling_up", "transport", "up", 1, "", "", ""},
		{"sipdoctor_signalling_rtt_seconds", "transport", "sip_rtt", 1000, "ms", "", ""},
		{"sipdoctor_certificate_expiry_timestamp_seconds", "transport", "certificate", 1, "s", shortNumber(signalling.Soon.Seconds()) + ":", "0:"},
	}
}

// perfdata are the figures of r, and how many findings there are.
func perfdata(r *checks.Report) (out []string) {
	families := map[string]metrics.Family{}
	for _, f := range metrics.Of(r) {
		families[f.Name] = f
	}
	for _, x := range perfs() {
		for _, s := range families[x.metric].Samples {
			name, v := x.name, s.Value*x.scale
			for _, l := range s.Labels {
				if l.Name == x.label {
					name += "_" + strings.ReplaceAll(l.Value, "-", "_")
				}
			}
			if x.name == "certificate" {
				v -= float64(r.Started.Unix()) // how long it still holds
			}
			out = append(out, strings.TrimRight(fmt.Sprintf("%s=%s%s;%s;%s", name, shortNumber(v), x.unit, x.warn, x.critical), ";"))
		}
	}
	count := map[checks.Severity]int{}
	for _, res := range r.Results {
		for _, f := range res.Findings {
			count[f.Severity]++
		}
	}
	return append(out, fmt.Sprintf("critical=%d;;0;0", count[checks.Critical]), fmt.Sprintf("warnings=%d;0;;0", count[checks.Warning]))
}

// shortNumber is a number with three decimals at most.
func shortNumber(v float64) string {
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}
