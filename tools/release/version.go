package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A version says what is being built.
type version struct {
	number string    // 1.2.3 of the tag v1.2.3, else 0.0.0-dev+a1b2c3d4e5f6
	commit string    // in full, with -modified if files differ from it
	at     time.Time // of the commit; every file that is packed bears it
}

var tagName = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.]+)?)$`)

// noCommit stands for the commit of a copy without its history.
const noCommit = "000000000000"

// versionOf asks git about the folder root.
func versionOf(root string) (version, error) {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	commit, err := git("rev-parse", "HEAD")
	if err != nil { // a copy without its history, such as an unpacked archive
		return version{number(noCommit, nil, false), noCommit, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
	}
	at, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return version{}, err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return version{}, err
	}
	tags, err := git("tag", "--points-at", "HEAD")
	if err != nil {
		return version{}, err
	}
	changed, err := git("status", "--porcelain") // a file more would be built as well
	if err != nil {
		return version{}, err
	}
	return version{number(commit, strings.Fields(tags), changed != ""), withChanges(commit, changed != ""), time.Unix(seconds, 0).UTC()}, nil
}

// number is the version that a commit has. Changed files belong to none.
func number(commit string, tags []string, changed bool) string {
	for _, t := range tags {
		if m := tagName.FindStringSubmatch(t); m != nil && !changed {
			return m[1]
		}
	}
	n := "0.0.0-dev+" + commit[:12]
	if changed {
		n += ".modified"
	}
	return n
}

func withChanges(commit string, changed bool) string {
	if changed {
		return commit + "-modified"
	}
	return commit
}
