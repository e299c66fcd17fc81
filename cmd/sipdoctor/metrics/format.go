// Package metrics turns reports into figures for monitoring: the Prometheus text
// format, and what else is drawn as curves. Labels come from closed lists, so that
// an office has the same few hundred series whatever its network says; no address
// or name of the network is among them.
package metrics

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Family is a metric with its samples: a gauge.
type Family struct {
	Name, Help string
	Samples    []Sample
}

// Sample is one value of a family.
type Sample struct {
	Labels []Label
	Value  float64
}

// Label is a dimension of a sample.
type Label struct{ Name, Value string }

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// ValidLabel reports whether a user may call a label so. Names that begin with
// "__" are Prometheus's own (its data model), own are taken by the metrics, and
// reserved by the format.
func ValidLabel(name string) bool {
	return labelName.MatchString(name) && !strings.HasPrefix(name, "__") && !slices.Contains(own, name) && !slices.Contains(reserved, name)
}

// own are the labels of the metrics themselves.
var own = []string{"check", "command", "commit", "confidence", "direction", "flow", "id", "layer", "severity", "state", "status", "transport", "verdict", "version"}

// reserved are the labels of histograms and summaries.
var reserved = []string{"le", "quantile"}

// MaxValue is the length of a label's value in characters: it stands on every line.
const MaxValue = 128

// ValidValue reports whether a label may have this value: printable text, so that a
// terminal may show it. An empty one would be no label at all.
func ValidValue(v string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return v != "" && utf8.RuneCountInString(v) <= MaxValue && utf8.ValidString(v) && !strings.ContainsFunc(v, unprintable)
}

// With adds labels to every sample, before its own.
func With(list []Family, labels []Label) []Family {
	out := slices.Clone(list)
	for i := range out {
		out[i].Samples = slices.Clone(out[i].Samples)
		for k := range out[i].Samples {
			out[i].Samples[k].Labels = slices.Concat(labels, out[i].Samples[k].Labels)
		}
	}
	return out
}

// Merge puts families of the same name together, in the order in which they come
// first: in the text format a family stands once.
func Merge(lists ...[]Family) (out []Family) {
	at := map[string]int{}
	for _, f := range slices.Concat(lists...) {
		i, seen := at[f.Name]
		if !seen {
			at[f.Name] = len(out)
			f.Samples = slices.Clone(f.Samples)
			out = append(out, f)
			continue
		}
		out[i].Samples = append(out[i].Samples, f.Samples...)
	}
	return out
}

// Write puts families out in the text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func Write(w io.Writer, list []Family) error {
	var b bytes.Buffer
	for _, f := range list {
		if len(f.Samples) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %[1]s %[2]s\n# TYPE %[1]s gauge\n", f.Name, f.Help)
		b.WriteString(f.Lines())
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	return nil
}

// Lines are the samples of a family, as Write has them, without help and type.
func (f *Family) Lines() string {
	var b strings.Builder
	for _, s := range f.Samples {
		b.WriteString(f.Name + labels(s.Labels) + " " + number(s.Value) + "\n")
	}
	return b.String()
}

func labels(list []Label) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, l := range list {
		parts[i] = l.Name + `="` + escape.Replace(l.Value) + `"`
	}
	return "{" + strings.Join(parts, ",") + "}"
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// number is a value without an exponent as long as that is short: seconds since 1970
// are read by people too.
func number(v float64) string {
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1<<53 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
