package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

func listings() []string { return []string{"text", "json"} }

// listing is the --format of commands that list what the program knows.
type listing struct{ format string }

func (l *listing) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.format, "format", "text", "")
	_ = cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return listings(), cobra.ShellCompDirectiveNoFileComp
	}) // fails only for a flag that does not exist
}

// show writes v as JSON, or what text writes.
func (l *listing) show(w io.Writer, v any, text func(io.Writer) error) error {
	known := listings()
	switch {
	case !slices.Contains(known, l.format):
		return usagef("--format %q does not exist%s; there are text, json", l.format, didYouMean(l.format, known))
	case l.format == "text":
		return text(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	return nil
}
