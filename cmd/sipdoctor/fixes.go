package main

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// shelf is what "fixes" shows of the catalogue: everything, or what belongs to a
// problem, a platform, or both.
type shelf struct {
	Problems  []fixes.Problem  `json:"problems"`
	Platforms []fixes.Platform `json:"platforms"`
	Fixes     []fixes.Listed   `json:"fixes,omitempty"` // not of the whole catalogue
}

func newFixesCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use: "fixes",
		Example: `  sipdoctor fixes sip-alg
  sipdoctor fixes sip-alg.rewriting FRITZ!Box
  sipdoctor fixes mikrotik udp-timeout`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usage("say.fixes-arguments", words.Args{"given": words.Raw(args[2])})
			}
			return nil
		},
		ValidArgsFunction: s.completeFixes,
		RunE: func(_ *cobra.Command, args []string) error {
			asked, err := s.askedFixes(args)
			if err != nil {
				return err
			}
			return list.show(s.Out, s.shelf(asked), func(w io.Writer) error { return s.browse(w, asked) })
		},
	}
	list.addFlag(cmd)
	return cmd
}

// askedFixes is what the arguments name: a problem, a platform or both, in either
// order.
func (s streams) askedFixes(args []string) (asked fixQuery, err error) {
	for _, arg := range args {
		q, err := s.fixQueryOf(arg)
		switch {
		case err != nil:
			return asked, err
		case q.problem != "" && asked.problem != "":
			return asked, usage("say.fixes-two", words.Args{"kind": "problem", "a": asked.problem, "b": q.problem})
		case q.platform != "" && asked.platform != "":
			return asked, usage("say.fixes-two", words.Args{"kind": "platform", "a": asked.platform, "b": q.platform})
		}
		asked = fixQuery{asked.problem + q.problem, asked.platform + q.platform}
	}
	return asked, nil
}

// fixQuery names a problem and a platform of the catalogue; "" stands for any.
type fixQuery struct{ problem, platform string }

// fixQueryOf is what one argument names.
func (s streams) fixQueryOf(arg string) (fixQuery, error) {
	word := strings.ToLower(arg)
	listed, platforms := fixes.Problems(s.lang()), platformsNamed(s.lang(), word)
	problems := problemsNamed(listed, word)
	switch {
	case len(problems) == 1:
		return fixQuery{problem: problems[0]}, nil
	case len(platforms) == 1 && len(problems) == 0:
		return fixQuery{platform: platforms[0]}, nil
	case len(problems)+len(platforms) > 0:
		return fixQuery{}, usage("say.fixes-which", words.Args{"word": words.Raw(arg), "known": append(problems, platforms...)})
	case all.Book().Has(word+".title") && strings.Contains(word, "."):
		return fixQuery{}, usage("say.fixes-not-listed", words.Args{"finding": word})
	}
	var known []string
	for _, p := range listed {
		known = append(append(known, p.ID), p.Findings...)
	}
	for _, p := range fixes.Platforms(s.lang()) {
		known = append(known, p.Slug)
	}
	return fixQuery{}, usage("say.fixes-unknown", words.Args{"word": words.Raw(arg), "near": didYouMean(word, known)})
}

// problemsNamed are the problems that a word in lower case may mean: that of this
// ID, or those that a finding of this ID, or a variant of it, has fixes for.
func problemsNamed(all []fixes.Problem, word string) (some []string) {
	for _, p := range all {
		if p.ID == word || slices.ContainsFunc(p.Findings, func(f string) bool { return f == word || strings.HasPrefix(word, f+".") }) {
			some = append(some, p.ID)
		}
	}
	return some
}

// platformsNamed are the platforms that a word in lower case may mean: the one of
// that slug or name, or else those with these words in slug or name.
func platformsNamed(l words.Lang, word string) (some []string) {
	typed := strings.Fields(word)
	for _, p := range fixes.Platforms(l) {
		name := strings.ToLower(p.Name)
		if word == p.Slug || word == name {
			return []string{p.Slug}
		}
		own := append(strings.Split(p.Slug, "-"), strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(" ,()/", c) })...)
		if len(typed) > 0 && !slices.ContainsFunc(typed, func(t string) bool { return !slices.Contains(own, t) }) {
			some = append(some, p.Slug)
		}
	}
	return some
}

// shelf is what was asked for. Whoever asks for the whole catalogue gets its table of
// contents.
func (s streams) shelf(asked fixQuery) shelf {
	out := shelf{Problems: fixes.Problems(s.lang()), Platforms: fixes.Platforms(s.lang())}
	if asked == (fixQuery{}) {
		return out
	}
	out.Fixes = fixes.Browse(asked.problem, asked.platform, s.lang())
	out.Problems = slices.DeleteFunc(out.Problems, func(p fixes.Problem) bool {
		return p.ID != asked.problem && (asked.problem != "" || !slices.Contains(p.Platforms, asked.platform))
	})
	out.Platforms = slices.DeleteFunc(out.Platforms, func(p fixes.Platform) bool {
		return p.Slug != asked.platform && (asked.platform != "" || !slices.Contains(out.Problems[0].Platforms, p.Slug))
	})
	return out
}

// completeFixes offers problems and platforms, without the kind that is there already.
func (s streams) completeFixes(_ *cobra.Command, args []string, _ string) (out []string, _ cobra.ShellCompDirective) {
	asked, err := s.askedFixes(args)
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if asked.problem == "" {
		for _, p := range fixes.Problems(s.lang()) {
			out = append(out, p.ID+"\t"+p.Title)
		}
	}
	if asked.platform == "" {
		for _, p := range fixes.Platforms(s.lang()) {
			out = append(out, p.Slug+"\t"+p.Name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
