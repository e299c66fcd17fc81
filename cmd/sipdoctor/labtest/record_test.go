package labtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// recordVar names the folder that "make reports" records into; empty: nothing
// is recorded.
const recordVar = "SIPDOCTOR_RECORD"

// recordedOutcomes are the outcomes that a run of the tests has recorded: one
// observation of each is enough.
var recordedOutcomes sync.Map

// record keeps a report for the tests that judge without a kernel: what each
// check observed, unless another observation came to the same.
func record(t testing.TB, rep *checks.Report) {
	t.Helper()
	dir := os.Getenv(recordVar)
	if dir == "" || rep.Interrupted || rep.Redacted {
		return
	}
	for _, r := range rep.Results {
		if r.ObserveError != nil || len(r.Observed) > 300<<10 {
			continue
		}
		outcome := r.Check + " " + string(r.Status)
		for _, f := range r.Findings {
			outcome += fmt.Sprintf(" %s %s %s", f.ID, f.Severity, f.Confidence)
		}
		if _, known := recordedOutcomes.LoadOrStore(outcome, true); known {
			continue
		}
		one := *rep
		one.Results = []checks.Result{r}
		name := strings.Trim(notWord.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-"), "-")
		write(t, freeName(filepath.Join(dir, "observed", r.Check), name), &one)
	}
}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// freeName makes a file that did not exist yet: tests run side by side.
func freeName(dir, name string) string {
	_ = os.MkdirAll(dir, 0o755)
	if len(name) > 60 {
		name = strings.TrimRight(name[:60], "-")
	}
	for n := 1; ; n++ {
		file := filepath.Join(dir, fmt.Sprintf("%s-%d.json", name, n))
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			_ = f.Close() // nil if the folder cannot be written, which write says
			return file
		}
	}
}

// recordOffice keeps the whole report of a scenario.
func recordOffice(t testing.TB, scenario string, rep *checks.Report) {
	t.Helper()
	if dir := os.Getenv(recordVar); dir != "" {
		write(t, filepath.Join(dir, "lab", scenario+".json"), rep)
	}
}

// write saves a report without what tells on which machine it was recorded.
func write(t testing.TB, file string, rep *checks.Report) {
	t.Helper()
	raw, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	var clean checks.Report
	if err := json.Unmarshal(raw, &clean); err != nil {
		t.Fatal(err)
	}
	clean.Tool = checks.Tool{Name: "sipdoctor", Version: "lab"}
	if clean.Host != nil {
		clean.Host.Hostname = "office"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&clean); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
