package main

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newExplainCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use: "explain",
		Example: `  sipdoctor explain 403
  sipdoctor explain SIP/2.0 403 Wrong Guess
  sipdoctor explain "Auth. sent"
  sipdoctor explain 'Reason: Q.850;cause=17'`,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say.explain-nothing", nil)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			found := netinfo.Explain(text)
			if len(found) == 0 {
				return usage("say.explain-unknown", words.Args{"text": words.Raw(text)})
			}
			return list.show(s.Out, found, func(w io.Writer) error { return s.explainMeanings(w, found) })
		},
	}
	list.addFlag(cmd)
	return cmd
}

// explainMeanings writes each meaning as a heading and a few lines.
func (s streams) explainMeanings(w io.Writer, found []netinfo.Meaning) error {
	var b strings.Builder
	for i, m := range found {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(s.say("say.explain-heading", words.Args{"kind": m.Kind, "number": strconv.Itoa(m.Number), "names": m.Names, "named": m.Names[0] != ""}) + "\n")
		var whose []words.Text
		for class := range strings.SplitSeq(m.Class, "/") {
			whose = append(whose, words.Say("say.explain-class", words.Args{"class": class}))
		}
		lines := []string{s.say("say.cause", words.Args{"why": m.Says}), s.say("say.explain-whose", words.Args{"class": whose})}
		if m.ReadAs != 0 {
			lines = slices.Insert(lines, 1, s.say("say.explain-read-as", words.Args{"code": strconv.Itoa(m.ReadAs)}))
		}
		if m.Next.Says() {
			lines = append(lines, s.say("say.explain-next", words.Args{"next": m.Next}))
		}
		for _, l := range append(lines, s.say("say.explain-source", words.Args{"source": m.Source})) {
			b.WriteString(hanging(lineWidth(w), "  ", l))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
