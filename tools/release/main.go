// Command release builds everything that is published of a version: programs,
// archives, packages, container images, their parts lists and checksums. The same
// commit gives the same bytes, wherever and whenever it is built with the same Go.
//
//	go -C tools run ./release -root .. -out ../dist
//	go -C tools run ./release -root .. -out ../dist -only linux_amd64
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the module's `DIR`")
	out := flag.String("out", "dist", "`DIR` to make, or to empty, for what is published")
	only := flag.String("only", "", "`TARGETS` to build, such as linux_amd64,linux_armv7 (default all)")
	flag.Parse()
	if err := run(*root, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A release is what is being made.
type release struct {
	version
	root  string // of the module
	out   string // what is published
	stage string // what is not, in a folder for each target
}

func run(root, out, only string) error {
	targets, err := chosen(only)
	if err != nil {
		return err
	}
	r := release{}
	if r.root, err = filepath.Abs(root); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return err
	}
	if r.version, err = versionOf(r.root); err != nil {
		return err
	}
	if err := emptied(r.out); err != nil {
		return err
	}
	if r.stage, err = os.MkdirTemp("", "sipdoctor-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.stage)
	if err := r.build(targets); err != nil {
		return err
	}
	return r.publish(targets)
}

// build makes the programs, and what goes into packages beside them.
func (r *release) build(targets []target) error {
	for _, t := range targets {
		fmt.Println("building", t.name())
		if err := r.compile(t, r.program(t)); err != nil {
			return err
		}
	}
	return r.papers(targets)
}

// papers writes the texts that are packed with the programs.
func (r *release) papers(targets []target) error {
	fmt.Println("writing notices, manual pages and completions")
	if err := r.notices(targets); err != nil {
		return err
	}
	return r.describe()
}

// publish wraps what was built.
func (r *release) publish(targets []target) error {
	for _, t := range published(targets) {
		fmt.Println("packing", t.name())
		if t.os == "darwin" {
			if err := r.universal(t); err != nil {
				return err
			}
		}
		for _, pack := range []func(target) error{r.archive, r.packages, r.image, r.parts} {
			if err := pack(t); err != nil {
				return fmt.Errorf("%s: %w", t.name(), err)
			}
		}
	}
	vex, err := os.ReadFile(filepath.Join(r.root, "docs", "sipdoctor.openvex.json"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.file("", "openvex.json"), vex, 0o644); err != nil {
		return err
	}
	return r.sums()
}

// program is where the program for t is built.
func (r *release) program(t target) string {
	name := "sipdoctor"
	if t.os == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.stage, t.name(), name)
}

// file names something published: sipdoctor_1.2.3_linux_amd64.tar.gz.
func (r *release) file(target, kind string) string {
	parts := []string{"sipdoctor", r.number}
	if target != "" {
		parts = append(parts, target)
	}
	return filepath.Join(r.out, strings.Join(parts, "_")+"."+kind)
}

// emptied makes dir, or removes the files of another release from it; it refuses
// a folder that holds anything else.
func emptied(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.IsDir() || e.Name() != sumsName && !strings.HasPrefix(e.Name(), "sipdoctor") {
			return fmt.Errorf("%s holds %s, which is no part of a release", dir, e.Name())
		}
	}
	for _, e := range old {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
