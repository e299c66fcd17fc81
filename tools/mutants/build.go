package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed helper.go.txt
var helper string

// binary is a test binary with all changes of a package in it.
type binary struct {
	dir     string // of the package
	path    string
	scratch string
	sites   []*site // those that compile
	tests   []test
}

func (b *binary) remove() { _ = os.RemoveAll(b.scratch) }

// build compiles the tests of a package with all its changes. Changes that do
// not compile are left out.
func build(root string, t *target, sites []*site) (*binary, error) {
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	b := &binary{dir: t.dir, path: filepath.Join(scratch, "tests"), scratch: scratch, sites: sites}
	for range 12 {
		overlay, err := writeOverlay(b, t, len(sites))
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("go", "test", "-c", "-gcflags=-e", "-overlay", overlay, "-o", b.path, "./"+t.name)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err == nil {
			return b, nil
		}
		before := len(b.sites)
		b.sites = withoutFaulty(b.sites, out)
		if len(b.sites) == before {
			return nil, fmt.Errorf("the changed package does not compile:\n%s", out)
		}
	}
	return nil, fmt.Errorf("the changed package does not compile")
}

// writeOverlay writes the changed files and what go reads them by. ids is how
// many numbers there are.
func writeOverlay(b *binary, t *target, ids int) (overlay string, err error) {
	byFile := map[string][]*site{}
	for _, s := range b.sites {
		byFile[s.file] = append(byFile[s.file], s)
	}
	text := strings.NewReplacer("PACKAGE", t.pkg.Name, "LAST", strconv.Itoa(ids+1)).Replace(helper)
	files := map[string][]byte{filepath.Join(t.dir, "zz_mutants.go"): []byte(text)}
	for file, list := range byFile {
		src, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		files[file] = change(src, list)
	}
	replace := map[string]string{}
	for file, content := range files {
		replace[file] = filepath.Join(b.scratch, filepath.Base(file))
		if err := os.WriteFile(replace[file], content, 0o600); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(b.scratch, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o600)
}

// change makes all changes to a file. None adds a line, so that the compiler's
// line numbers are those of the source.
func change(src []byte, list []*site) []byte {
	list = slices.Clone(list)
	// The outer ones enclose the inner ones; of the same code, the first the others.
	slices.SortStableFunc(list, func(a, b *site) int { return (b.to - b.from) - (a.to - a.from) })
	opens, closes, operators := map[int]string{}, map[int]string{}, map[int]int{}
	for _, s := range list {
		opens[s.from] += s.before
		closes[s.to] = s.after + closes[s.to]
		operators[s.op] = s.opEnd
	}
	var out bytes.Buffer
	for at := 0; at < len(src); {
		out.WriteString(closes[at] + opens[at])
		if end := operators[at]; end > 0 {
			out.WriteByte(',')
			at = end
			continue
		}
		out.WriteByte(src[at])
		at++
	}
	return out.Bytes()
}

var faultLine = regexp.MustCompile(`(?m)([A-Za-z0-9_]+\.go:\d+):\d*:? `)

// withoutFaulty leaves out the changes on the lines that the compiler names.
func withoutFaulty(sites []*site, out []byte) []*site {
	faulty := map[string]bool{}
	for _, m := range faultLine.FindAllStringSubmatch(string(out), -1) {
		faulty[m[1]] = true
	}
	return slices.DeleteFunc(slices.Clone(sites), func(s *site) bool { return faulty[fmt.Sprintf("%s:%d", filepath.Base(s.file), s.line)] })
}
