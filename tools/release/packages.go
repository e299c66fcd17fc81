package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// describe writes what packages hold besides the program: manual pages and
// completions, by a program for this very machine.
func (r *release) describe() error {
	here := filepath.Join(r.stage, "here", "sipdoctor")
	link := "-X main.version=" + r.number
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", here, "./cmd/sipdoctor")
	build.Dir, build.Env = r.root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building for this machine: %w\n%s", err, out)
	}
	date := r.at.Format(time.DateOnly)
	for lang, dir := range map[string]string{"en": "man/man1", "ru": "man/ru/man1"} {
		dir = filepath.Join(r.stage, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if out, err := exec.Command(here, "--lang", lang, "man", "--date", date, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("writing manual pages: %w\n%s", err, out)
		}
		if err := r.compressPages(dir); err != nil {
			return err
		}
	}
	for shell, file := range map[string]string{"bash": "sipdoctor", "zsh": "_sipdoctor", "fish": "sipdoctor.fish"} {
		out, err := exec.Command(here, "--lang", "en", "completion", shell).Output()
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
	return nil
}

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
	return append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.at.Unix(), 10))
}
