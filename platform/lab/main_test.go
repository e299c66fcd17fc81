package lab

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// TestMain runs the tests inside the lab, where there is one. Tests that need
// it ask with needLab.
func TestMain(m *testing.M) {
	inside, exit, err := Enter(context.Background())
	switch {
	case err != nil:
		// The reason travels to the tests, which skip with it.
		if err := os.Setenv(reasonVar, err.Error()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(m.Run())
	case inside:
		os.Exit(m.Run())
	}
	os.Exit(exit)
}

const reasonVar = "SIPDOCTOR_LAB_REASON"

// needLab skips the test where no office can be built, and fails it instead
// where the lab is required.
func needLab(t testing.TB) {
	t.Helper()
	reason := os.Getenv(reasonVar)
	if reason == "" {
		return
	}
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatalf("SIPDOCTOR_LAB=require, and %s", reason)
	}
	t.Skip(reason)
}
