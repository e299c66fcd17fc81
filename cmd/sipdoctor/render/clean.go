package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
)

// quoted returns a copy of r in which every string is safe to print. What a
// renderer for people shows is taken from such a copy, so that no field can be
// forgotten. What none of them shows is left out: raw observations, facts that are not
// drawn, and the rows of tables beyond a few, unless all are shown.
func quoted(r *checks.Report, allRows bool) (*checks.Report, error) {
	c := *r
	c.Results = slices.Clone(r.Results)
	for i := range c.Results {
		res := &c.Results[i]
		res.Observed = nil
		if !slices.Contains([]string{"nat", "sip-alg", "blocked", "rtp-ports", "media"}, res.Check) { // see the users of Facts
			res.Facts = nil
		}
		if !allRows {
			res.Tables = slices.Clone(res.Tables)
			for k := range res.Tables {
				fewOf(&res.Tables[k])
			}
		}
	}
	tree, err := treeOf(&c)
	if err != nil {
		return nil, err
	}
	return reportOf(walk(tree, place{}, func(_ place, s string) string { return Quote(s) }))
}

// treeOf decodes r as JSON, to change what is in it.
func treeOf(r *checks.Report) (any, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	return tree, nil
}

// reportOf stores a report, or a tree that treeOf made of one, and reads it: a
// deep copy, whose facts are plain JSON values however the report was made.
func reportOf(tree any) (*checks.Report, error) {
	raw, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("storing the copy of the report: %w", err)
	}
	var r checks.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the copy of the report: %w", err)
	}
	return &r, nil
}

// Facts decodes the facts of the named check into want, which is left alone
// when there are none or they have another shape.
func Facts(r *checks.Report, check string, want any) {
	res := r.Result(check)
	if res == nil || res.Facts == nil {
		return
	}
	raw, err := json.Marshal(res.Facts)
	if err != nil {
		return
	}
	// Facts of another version may have another shape; a drawing that knows
	// less is better than no report.
	_ = json.Unmarshal(raw, want)
}
