package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderOfFoldersIsNoBundle(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"one/etc/asterisk", "traces/monday"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	pjsip := filepath.Join(root, "one/etc/asterisk/pjsip.conf")
	if err := os.WriteFile(pjsip, []byte("[101]\ntype=endpoint\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		".": false, "one": true, "traces": false, "one/etc/asterisk/pjsip.conf": false, "nowhere": false,
	} {
		if got := isBundle(filepath.Join(root, name)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
