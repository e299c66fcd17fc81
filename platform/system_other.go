//go:build !linux

package platform

import "context"

// nativeProgram returns nil: only Linux has tables that are read without a
// program.
func nativeProgram(string, []string) func(context.Context) ([]byte, error) { return nil }

func filterGeneration() (uint32, bool) { return 0, false }
