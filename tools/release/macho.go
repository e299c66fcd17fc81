package main

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"os"
)

// universal makes the program that runs on both processors of a Mac.
func (r *release) universal(t target) error {
	var slices [][]byte
	for _, arch := range []string{"amd64", "arm64"} {
		raw, err := os.ReadFile(r.program(target{os: "darwin", arch: arch}))
		if err != nil {
			return err
		}
		slices = append(slices, raw)
	}
	fat, err := fatMachO(slices)
	if err != nil {
		return err
	}
	return r.stageFile(t, r.program(t), fat)
}

// sliceAlign is where a slice may begin: a page of Apple's ARM processors, 2^14
// bytes, which is also one of Intel's.
const sliceAlign = 14

// fatMachO joins programs for several processors into one file: a header of 8
// bytes, 20 for each slice (mach-o/fat.h, all of it big-endian), and the slices,
// each at the start of a page. Their signatures stay valid.
func fatMachO(slices [][]byte) ([]byte, error) {
	header := binary.BigEndian.AppendUint32(nil, macho.MagicFat)
	header = binary.BigEndian.AppendUint32(header, uint32(len(slices)))
	end := pageAfter(len(header) + 20*len(slices))
	for _, s := range slices {
		f, err := macho.NewFile(bytes.NewReader(s))
		if err != nil {
			return nil, err
		}
		for _, field := range []uint32{uint32(f.Cpu), f.SubCpu, uint32(end), uint32(len(s)), sliceAlign} {
			header = binary.BigEndian.AppendUint32(header, field)
		}
		end = pageAfter(end + len(s))
	}
	if end > 1<<31 {
		return nil, fmt.Errorf("%d bytes do not fit a fat file", end)
	}
	fat := header
	for _, s := range slices {
		fat = append(fat, make([]byte, pageAfter(len(fat))-len(fat))...)
		fat = append(fat, s...)
	}
	return fat, nil
}

func pageAfter(n int) int { return (n + 1<<sliceAlign - 1) &^ (1<<sliceAlign - 1) }
