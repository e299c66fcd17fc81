package main

import (
	"io"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// browse writes what was asked for: the table of contents, the fixes of a problem
// or of a platform by title, or those of both in full.
func (s streams) browse(w io.Writer, asked fixQuery) error {
	shown := s.shelf(asked)
	switch {
	case asked == (fixQuery{}):
		return s.listCatalogue(w, shown)
	case asked.platform == "":
		return s.listFixes(w, s.problemHeading(shown.Problems[0]), shown.Fixes, func(f fixes.Listed) string { return f.Platform })
	case asked.problem == "":
		return s.listFixes(w, s.platformHeading(shown.Platforms[0]), shown.Fixes, func(f fixes.Listed) string { return f.Problem })
	}
	return s.showFixes(w, asked, shown)
}

// listCatalogue writes the table of contents.
func (s streams) listCatalogue(w io.Writer, all shelf) error {
	var problems, platforms [][2]string
	count := map[string]int{}
	for _, p := range all.Problems {
		problems = append(problems, [2]string{p.ID, s.say("say.fixes-on", words.Args{"title": p.Title, "n": len(p.Platforms)})})
		for _, slug := range p.Platforms {
			count[slug]++
		}
	}
	for _, p := range all.Platforms {
		platforms = append(platforms, [2]string{p.Slug, s.say("say.fixes-against", words.Args{"name": p.Name, "n": count[p.Slug]})})
	}
	for i, part := range []struct {
		heading string
		rows    [][2]string
	}{{s.say("say.fixes-problems", nil), problems}, {s.say("say.fixes-platforms", nil), platforms}} {
		heading := part.heading + "\n\n"
		if i > 0 {
			heading = "\n" + heading
		}
		if err := writeProse(w, heading); err != nil {
			return err
		}
		if err := writeColumns(w, lineWidth(w), part.rows); err != nil {
			return err
		}
	}
	return nil
}

func (s streams) problemHeading(p fixes.Problem) string {
	return s.say("say.fixes-heading", words.Args{"word": p.ID, "name": p.Title}) + "\n" + s.say("say.fixes-findings", words.Args{"findings": p.Findings})
}

func (s streams) platformHeading(p fixes.Platform) string {
	heading := s.say("say.fixes-heading", words.Args{"word": p.Slug, "name": p.Name})
	if p.SIPALG != "" {
		heading += "\n" + s.say("say.fixes-alg", words.Args{"alg": p.SIPALG})
	}
	return heading
}

// listFixes writes the title of each fix beside what name says.
func (s streams) listFixes(w io.Writer, heading string, list []fixes.Listed, name func(fixes.Listed) string) error {
	if err := writeProse(w, heading+"\n\n"); err != nil {
		return err
	}
	var rows [][2]string
	last := ""
	for _, f := range list {
		n := name(f)
		if n == last {
			n = ""
		} else {
			last = n
		}
		rows = append(rows, [2]string{n, s.say("say.fixes-title", words.Args{"title": f.Title, "from": f.From, "below": f.Below, "bounds": f.Bounds(), "unverified": f.Unverified})})
	}
	return writeColumns(w, lineWidth(w), rows)
}

// showFixes writes fixes in full; where a platform has none, what helps anywhere.
func (s streams) showFixes(w io.Writer, asked fixQuery, shown shelf) error {
	list := shown.Fixes
	if len(list) == 0 {
		list = fixes.Browse(asked.problem, "generic", s.lang())
		none := s.say("say.fixes-none", words.Args{"name": shown.Platforms[0].Name, "problem": asked.problem, "generic": len(list) > 0})
		if err := writeProse(w, none+"\n"); err != nil {
			return err
		}
	}
	return render.Fixes(w, plainFixes(list), render.TextOptions{Color: wantsColor("auto", w), ASCII: !wantsUnicode(w), Width: terminalWidth(w), Verbose: true, Lang: s.lang()})
}

func plainFixes(list []fixes.Listed) (out []fixes.Fix) {
	for _, f := range list {
		out = append(out, f.Fix)
	}
	return out
}
