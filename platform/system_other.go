//go:build !linux

package platform

import (
	"context"
	"os"
	"path/filepath"
)

// placeOf is the path of an open file, without links; name is how it was
// opened.
func placeOf(_ *os.File, name string) string {
	place, err := filepath.EvalSymlinks(name)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(place)
}

func filterGeneration() (uint32, bool) { return 0, false }

// longListing returns nil: the program is asked.
func longListing(context.Context, string, []string, func(context.Context, string, ...string) ([]byte, error)) []byte {
	return nil
}
