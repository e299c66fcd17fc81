package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// parts writes the list of the parts of a program (CycloneDX), as the program
// itself records them. Their terms stand in the notices: the tool guesses them.
func (r *release) parts(t target) error {
	of := t
	if t.os == "darwin" {
		of.arch = "arm64" // both slices link the same modules
	}
	listed := filepath.Join(r.stage, t.name(), "parts.json")
	cmd := exec.Command("go", "tool", "cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-version", r.number, "-output", listed, r.program(of))
	cmd.Env = ours()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("listing parts: %w\n%s", err, out)
	}
	raw, err := os.ReadFile(listed)
	if err != nil {
		return err
	}
	if raw, err = timeless(raw, of, r.at); err != nil {
		return err
	}
	return os.WriteFile(r.file(t.name(), "cdx.json"), raw, 0o644)
}

// platformOf is how the tool says what a module was built for; it names the
// machine that it runs on.
var platformOf = regexp.MustCompile(`goarch=[a-z0-9]+&goos=[a-z0-9]+`)

// timeless replaces in a list of parts what is about the run: when it was made, on
// what machine, and the checksums of the tool, which was built where the go command
// keeps such things.
func timeless(raw []byte, t target, at time.Time) ([]byte, error) {
	var list map[string]any
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	about, ok := list["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the list of parts has no metadata")
	}
	about["timestamp"] = at.Format(time.RFC3339)
	tools, _ := about["tools"].([]any)
	for _, tool := range tools {
		if tool, ok := tool.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false) // for the "&" of package URLs
	w.SetIndent("", "  ")
	if err := w.Encode(list); err != nil {
		return nil, err
	}
	return platformOf.ReplaceAll(b.Bytes(), []byte("goarch="+t.arch+"&goos="+t.os)), nil
}
