package main

import (
	"encoding/json"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

func listings() []string { return []string{"text", "json"} }

// listing is the --format of commands that list what the program knows.
type listing struct{ format string }

func (l *listing) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.format, "format", "text", "")
	completeFlag(cmd, "format", listings()...)
}

// completeFlag makes a shell complete the values of a flag.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
}

// show writes v as JSON, or what text writes.
func (l *listing) show(w io.Writer, v any, text func(io.Writer) error) error {
	known := listings()
	switch {
	case !slices.Contains(known, l.format):
		return usage("say.no-format", words.Args{"format": words.Raw(l.format), "near": didYouMean(l.format, known), "known": known})
	case l.format == "text":
		return text(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return failure("say.writing-list", words.Args{"why": cause(err)})
	}
	return nil
}
