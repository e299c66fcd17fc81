package main

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheListOfPartsNamesModulesAndTheProcessor(t *testing.T) {
	raw, err := os.ReadFile(publishedFile(t, ".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bomFormat": "CycloneDX"`, `"pkg:golang/github.com/pion/stun/v2@v2.0.0`, `"pkg:golang/std@`} {
		if !bytes.Contains(raw, []byte(want)) {
			t.Errorf("it lacks %s", want)
		}
	}
}

// What the tool says of the run and of the machine does not stay.
func TestAListOfPartsIsAboutTheProgramAlone(t *testing.T) {
	raw := []byte(`{"metadata": {"timestamp": "2026-11-29T20:20:12Z", "tools": [{"name": "x", "hashes": [{"alg": "MD5", "content": "9ce8"}]}]},
		"components": [{"purl": "pkg:golang/a@v1?goarch=amd64&goos=linux&type=module", "hashes": [{"alg": "SHA-256", "content": "30f7"}]}]}`)
	got, err := timeless(raw, target{os: "darwin", arch: "arm64"}, time.Unix(0, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	for want, there := range map[string]bool{"1970-01-01T00:00:00Z": true, "goarch=arm64&goos=darwin": true, "30f7": true, "amd64": false, "9ce8": false, "2026": false} {
		if strings.Contains(string(got), want) != there {
			t.Errorf("%s: there %v, want %v, in\n%s", want, !there, there, got)
		}
	}
	if _, err := timeless([]byte("{}"), target{}, time.Time{}); err == nil {
		t.Error("a list without metadata passes")
	}
}

// slice is the smallest program for a Mac: a header without commands.
func slice(cpu macho.Cpu, sub uint32, size int) []byte {
	raw := make([]byte, max(size, 32))
	for i, v := range []uint32{macho.Magic64, uint32(cpu), sub, uint32(macho.TypeExec)} {
		binary.LittleEndian.PutUint32(raw[4*i:], v)
	}
	return raw
}

// Each processor finds its own program, at the start of a page.
func TestAUniversalProgramHoldsBoth(t *testing.T) {
	intel, arm := slice(macho.CpuAmd64, 3, 40_000), slice(macho.CpuArm64, 0, 100)
	raw, err := fatMachO([][]byte{intel, arm})
	if err != nil {
		t.Fatal(err)
	}
	f, err := macho.NewFatFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{intel, arm} {
		a := f.Arches[i]
		if a.Offset%(1<<14) != 0 || a.Align != 14 || !bytes.Equal(raw[a.Offset:a.Offset+a.Size], want) {
			t.Errorf("slice %d: %+v", i, a.FatArchHeader)
		}
	}
	if f.Arches[0].Cpu != macho.CpuAmd64 || f.Arches[0].SubCpu != 3 || f.Arches[1].Cpu != macho.CpuArm64 {
		t.Errorf("they are for %v and %v", f.Arches[0].Cpu, f.Arches[1].Cpu)
	}
	if _, err := fatMachO([][]byte{[]byte("\x7fELF and more that is no program for a Mac")}); err == nil {
		t.Error("a program for Linux passes")
	}
}
