package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// evidence lists the files to read: "-" is standard input, and a folder stands for the
// regular files in it, by name. One that is not there is a mistake of the command line.
func evidence(stdin io.Reader, names []string) (out []checks.File, err error) {
	for _, name := range names {
		list := []string{name}
		if name == "-" {
			out = append(out, checks.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		}
		in, err := os.Stat(name)
		if err == nil && in.IsDir() {
			list, err = filesIn(name)
		}
		if err != nil {
			return nil, usage("say.evidence", words.Args{"why": cause(err)})
		}
		if len(list) == 0 {
			return nil, usage("say.folder-empty", words.Args{"folder": words.Raw(name)})
		}
		for _, f := range list {
			out = append(out, checks.File{Name: f, Open: func() (io.ReadCloser, error) { return os.Open(f) }})
		}
	}
	return out, nil
}

// filesIn lists the regular files of a folder by name, as rotated captures are named:
// the oldest first.
func filesIn(folder string) (out []string, err error) {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if e.Type()&fs.ModeType == 0 {
			out = append(out, filepath.Join(folder, e.Name()))
		}
	}
	slices.Sort(out)
	return out, err
}

// rereadable reports whether f can be read twice, unlike a pipe.
func rereadable(f checks.File) bool {
	in, err := os.Stat(f.Name)
	return f.Name != "-" && !f.Live && err == nil && in.Mode().IsRegular()
}

// beginning gives look what f holds, decompressed, and returns its verdict. An empty
// file has none: whoever reads it says so.
func beginning(f checks.File, look func(*bufio.Reader) error) error {
	in, err := f.Open()
	if err != nil {
		return usage("say.evidence", words.Args{"why": cause(err)})
	}
	defer in.Close()
	plain, free, err := pcap.Decompress(in)
	defer free()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return usage("say.reading", words.Args{"file": nameOf(f), "why": cause(err)})
	}
	return look(plain)
}

// nameOf shows the name of a file.
func nameOf(f checks.File) any {
	if f.Name == "-" {
		return words.Say("say.stdin", nil)
	}
	return words.Raw(f.Name)
}
