package all

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// named is an ID as Go and YAML write it: quoted, or as a key.
var named = regexp.MustCompile(`([a-z0-9-]+\.[a-z0-9.-]+)[":]`)

// A new finding in both languages is a change of one folder: nothing else of the
// program names it. The exceptions say why somebody else must know a finding.
func TestAFindingIsAtHomeInOneFolder(t *testing.T) {
	known := map[string][]string{
		"platform/lab/scenario.go":         nil, // what each office of the lab is about
		"cmd/sipdoctor/render/evidence.go": {"sip-alg.rewriting", "sip-alg.proxying", "capture.rewritten", "capture.proxied"},
		"cmd/sipdoctor/fix_compare.go":     {"fail2ban.no-effect", "fail2ban.ports-open", "fail2ban.some-no-effect"},
		"checks/sipalg/where.go":           {"nat.double"},
		"fixes/problems.yaml":              nil, // which findings the catalogue has fixes for
	}
	homes := map[string]string{}
	for _, c := range Checks() {
		folder := "../../checks/" + strings.ReplaceAll(c.ID, "-", "")
		if _, err := os.Stat(filepath.Join(folder, "words.yaml")); err != nil {
			t.Fatalf("%s has no words beside it: %v", c.ID, err)
		}
		for _, id := range checks.BookOf([]*checks.Check{c}).IDs() {
			if strings.HasPrefix(id, c.ID+".") {
				homes[id] = folder
				if finding, ok := strings.CutSuffix(id, ".title"); ok && finding != c.ID {
					homes[finding] = folder
				}
			}
		}
	}
	read := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".git") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".yaml" {
			return nil
		}
		read++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("..", "..")+string(filepath.Separator)))
		allowed, listed := known[name]
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			id := m[1]
			home := homes[id]
			if home != "" && filepath.ToSlash(filepath.Dir(path)) != home && !(listed && (allowed == nil || slices.Contains(allowed, id))) {
				t.Errorf("%s names %s, a message of %s", name, id, strings.TrimPrefix(home, "../../"))
			}
		}
		return nil
	})
	if err != nil || read < 500 {
		t.Fatalf("%d files read: %v", read, err)
	}
}
