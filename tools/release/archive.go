package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An entry is a file, or with a mode of a directory a folder, in an archive.
type entry struct {
	name    string
	mode    os.FileMode
	owner   int // user and group
	content []byte
}

// archive packs the program for t with what belongs to it: a zip for Windows, a
// tar for the others.
func (r *release) archive(t target) error {
	entries, err := r.entries(t)
	if err != nil {
		return err
	}
	if t.os == "windows" {
		raw, err := zipped(entries, r.at)
		if err != nil {
			return err
		}
		return os.WriteFile(r.file(t.name(), "zip"), raw, 0o644)
	}
	raw, err := tarred(entries, r.at)
	if err != nil {
		return err
	}
	packed, err := gzipped(raw)
	if err != nil {
		return err
	}
	return os.WriteFile(r.file(t.name(), "tar.gz"), packed, 0o644)
}

// entries are the program and its papers, in a folder of their own.
func (r *release) entries(t target) ([]entry, error) {
	folder := "sipdoctor_" + r.number + "_" + t.name()
	list := []entry{{name: folder + "/", mode: os.ModeDir | 0o755}}
	for _, f := range []struct {
		path string
		mode os.FileMode
	}{
		{r.program(t), 0o755},
		{filepath.Join(r.root, "README.md"), 0o644}, {filepath.Join(r.root, "CHANGELOG.md"), 0o644},
		{filepath.Join(r.root, "LICENSE"), 0o644}, {r.noticesFile(), 0o644},
	} {
		content, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		list = append(list, entry{name: folder + "/" + filepath.Base(f.path), mode: f.mode, content: content})
	}
	return list, nil
}

// tarred is a tar of the entries. Nothing in it tells who packed it, or when.
func tarred(entries []entry, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: int64(e.mode.Perm()), Size: int64(len(e.content)),
			ModTime: at, Uid: e.owner, Gid: e.owner, Format: tar.FormatUSTAR,
		}
		if e.mode.IsDir() {
			h.Typeflag = tar.TypeDir
		}
		if e.mode&os.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func gzipped(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func zipped(entries []entry, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// stageFile writes a program that is made of others.
func (r *release) stageFile(t target, path string, content []byte) error {
	if err := os.MkdirAll(filepath.Join(r.stage, t.name()), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o755)
}
