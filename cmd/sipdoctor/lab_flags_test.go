package main

import (
	"slices"
	"testing"
)

// The check inside a simulated office gets the flags as they were given, a list as one;
// the file that they may come from is read once, outside.
func TestTheCheckInsideTheLabGetsTheFlags(t *testing.T) {
	cmd := newLabCommand(streams{})
	cmd.Flags().String("config", "", "")
	if err := cmd.ParseFlags([]string{"--label", "site=a", "--label=room=b", "--deep", "--config", "mine.yaml"}); err != nil {
		t.Fatal(err)
	}
	if got := checkFlags(cmd.Flags()); !slices.Equal(got, []string{"--deep=true", "--label=site=a", "--label=room=b"}) {
		t.Errorf("%q", got)
	}
}
