package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// describe writes what packages hold besides the program: manual pages and
// completions, by a program for this very machine.
func (r *release) describe() error {
	here := filepath.Join(r.stage, "here", "sipdoctor")
	link := "-X main.version=" + r.number
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", here, "./cmd/sipdoctor")
	build.Dir, build.Env = r.root, ours()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building for this machine: %w\n%s", err, out)
	}
	date := r.at.Format(time.DateOnly)
	for lang, dir := range map[string]string{"en": "man/man1", "ru": "man/ru/man1"} {
		dir = filepath.Join(r.stage, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		man := exec.Command(here, "--config", "none", "--lang", lang, "man", "--date", date, dir)
		if out, err := man.CombinedOutput(); err != nil {
			return fmt.Errorf("writing manual pages: %w\n%s", err, out)
		}
		if err := r.compressPages(dir); err != nil {
			return err
		}
	}
	for shell, file := range map[string]string{"bash": "sipdoctor", "zsh": "_sipdoctor", "fish": "sipdoctor.fish"} {
		out, err := exec.Command(here, "--config", "none", "--lang", "en", "completion", shell).Output()
		if err != nil {
			return fmt.Errorf("writing completions for %s: %w", shell, err)
		}
		dir := filepath.Join(r.stage, "completions", shell)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), out, 0o644); err != nil {
			return err
		}
	}
	return r.changelog()
}

// changelog is Debian's, of this version alone: what is new in it is told for all
// systems in CHANGELOG.md.
func (r *release) changelog() error {
	recipe, err := os.ReadFile(filepath.Join(r.root, "tools", "package", "nfpm.yaml"))
	if err != nil {
		return err
	}
	maintainer := maintainerLine.FindSubmatch(recipe)
	if maintainer == nil {
		return errors.New("tools/package/nfpm.yaml names no maintainer")
	}
	packed, err := gzipped(fmt.Appendf(nil, "sipdoctor (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n",
		strings.Replace(r.number, "-", "~", 1), maintainer[1], r.at.Format(time.RFC1123Z)))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.stage, "changelog.gz"), packed, 0o644)
}

var maintainerLine = regexp.MustCompile(`(?m)^maintainer: (.+)$`)

// compressPages replaces the pages of a folder by compressed ones, as packages
// have them.
func (r *release) compressPages(dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		raw, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		packed, err := gzipped(raw)
		if err != nil {
			return err
		}
		if err := os.WriteFile(page+".gz", packed, 0o644); err != nil {
			return err
		}
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	return nil
}

// packages makes the packages of the distributions that run on t, by nfpm.
func (r *release) packages(t target) error {
	recipe, err := os.ReadFile(filepath.Join(r.root, "tools", "package", "nfpm.yaml"))
	if err != nil {
		return err
	}
	for kind, arch := range map[string]string{"deb": t.debian, "rpm": t.redHat} {
		if arch == "" {
			continue
		}
		given := map[string]string{"VERSION": r.number, "ARCH": arch, "PROGRAM": r.program(t), "STAGE": r.stage, "ROOT": r.root}
		config := filepath.Join(r.stage, t.name(), kind+".yaml")
		if err := os.WriteFile(config, []byte(os.Expand(string(recipe), func(name string) string { return given[name] })), 0o644); err != nil {
			return err
		}
		cmd := exec.Command("go", "tool", "nfpm", "package", "--config", config, "--packager", kind, "--target", r.file(t.name(), kind))
		cmd.Env = r.dated()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("making the %s: %w\n%s", kind, err, out)
		}
	}
	return nil
}

// dated is the environment of tools that bear the time of the commit.
func (r *release) dated() []string {
	return append(ours(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.at.Unix(), 10))
}
