//go:build !linux

package platform

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
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

// nativeProgram returns what answers for a program of Linux, in its words; nil
// runs a program of this system.
func nativeProgram(program string, args []string) func() ([]byte, error) {
	line := commandLine(program, args)
	if answer := nativeAnswers()[line]; answer != nil || program != "ip" {
		return answer
	}
	return func() ([]byte, error) { return nil, fmt.Errorf("running %s: %w", line, fs.ErrNotExist) }
}

func filterGeneration() (uint32, bool) { return 0, false }

// longListing returns nil: the program is asked.
func longListing(context.Context, string, []string, func(context.Context, string, ...string) ([]byte, error)) []byte {
	return nil
}

// Confine does nothing here: only Linux has what it needs.
func Confine(Keeps) Confined { return Confined{} }

// icmpWatch: only Linux tells a connecting socket what ICMP said.
type icmpWatch struct{}

func (icmpWatch) watch(uintptr, bool)               {}
func (icmpWatch) message(netip.AddrPort) *ICMPError { return nil }
func (icmpWatch) close()                            {}
