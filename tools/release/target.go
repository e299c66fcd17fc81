package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A target is a kind of machine that a program is built for.
type target struct {
	os, arch string
	arm      string // GOARM; "" for other processors
	debian   string // the name by which Debian knows its packages; "" without
	redHat   string // and RPM; "" without
	image    bool   // a container image is made as well
}

// targets are all of them. Debian's armhf is built for ARMv6, so that the package
// runs on the first Raspberry Pi too.
func targets() []target {
	return []target{
		{os: "linux", arch: "amd64", debian: "amd64", redHat: "x86_64", image: true},
		{os: "linux", arch: "arm64", debian: "arm64", redHat: "aarch64", image: true},
		{os: "linux", arch: "arm", arm: "5", debian: "armel", image: true},
		{os: "linux", arch: "arm", arm: "6", debian: "armhf"},
		{os: "linux", arch: "arm", arm: "7", redHat: "armv7hl", image: true},
		{os: "linux", arch: "mips"},
		{os: "linux", arch: "mipsle"},
		{os: "windows", arch: "amd64"},
		{os: "windows", arch: "arm64"},
		{os: "darwin", arch: "amd64"},
		{os: "darwin", arch: "arm64"},
		{os: "freebsd", arch: "amd64"},
	}
}

// name is how files are named: linux_armv7.
func (t target) name() string {
	name := t.os + "_" + t.arch
	if t.arm != "" {
		name += "v" + t.arm
	}
	return name
}

// chosen are the targets that a list of names means, all for none. The two of
// macOS are one.
func chosen(names string) (list []target, err error) {
	if names == "" {
		return targets(), nil
	}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, t := range targets() {
			if t.name() == name || t.os == "darwin" && name == universalName {
				list, found = append(list, t), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no target %s", name)
		}
	}
	return list, nil
}

// published are the targets with files of their own: one program serves both
// processors of macOS.
func published(list []target) (out []target) {
	macs := 0
	for _, t := range list {
		if t.os == "darwin" {
			macs++
			continue
		}
		out = append(out, t)
	}
	if macs == 2 {
		out = append(out, target{os: "darwin", arch: "universal"})
	}
	return out
}

const universalName = "darwin_universal"

// settings are the environment of the go command for t: nothing that changes what
// is built is left to the machine.
func (t target) settings() []string {
	return append(os.Environ(),
		"GOOS="+t.os, "GOARCH="+t.arch, "GOARM="+t.arm, "GOAMD64=v1", "GOARM64=v8.0", "GOMIPS=softfloat",
		"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off")
}

// ours is the environment of the go command for what runs on this very machine.
func ours() []string {
	return append(os.Environ(), "GOOS=", "GOARCH=", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
}

// compile builds the program for t into a file. The commit is given to the linker
// and not left to the go command, which records it only where git is at hand.
func (r *release) compile(t target, program string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	link := "-s -w -X main.version=" + r.number + " -X main.commit=" + r.commit
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", program, "./cmd/sipdoctor")
	cmd.Dir, cmd.Env = r.root, t.settings()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", t.name(), err, out)
	}
	return nil
}
