package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// licenceName is what files with terms are called. Test data is not linked.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([.-].*)?$`)

// A linked package is one of a module of others.
type linked struct{ module, version, root, dir string }

func (r *release) noticesFile() string { return filepath.Join(r.stage, "THIRD-PARTY-NOTICES.txt") }

// notices collects the terms of everything that the programs for the targets
// link: of each module, and of each folder in it from which a package comes.
func (r *release) notices(targets []target) error {
	all := map[linked]bool{}
	for _, t := range targets {
		packages, err := r.linkedBy(t)
		if err != nil {
			return err
		}
		for _, p := range packages {
			all[p] = true
		}
	}
	text, err := noticesOf(all)
	if err != nil {
		return err
	}
	terms, err := goTerms()
	if err != nil {
		return err
	}
	head := "sipdoctor is under the terms in LICENSE. It holds parts of these works:\n"
	return os.WriteFile(r.noticesFile(), []byte(head+notice("Go "+runtime.Version(), terms)+text), 0o644)
}

// linkedBy asks the go command for the packages of a program.
func (r *release) linkedBy(t target) (list []linked, err error) {
	const format = `{{with .Module}}{{if not .Main}}{{.Path}}	{{.Version}}	{{.Dir}}	{{$.Dir}}{{end}}{{end}}`
	cmd := exec.Command("go", "list", "-deps", "-f", format, "./cmd/sipdoctor")
	cmd.Dir, cmd.Env, cmd.Stderr = r.root, t.settings(), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages for %s: %w", t.name(), err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 {
			list = append(list, linked{f[0], f[1], f[2], f[3]})
		}
	}
	return list, nil
}

// noticesOf are the texts, module by module. A module without any is an error:
// without terms nothing may be passed on.
func noticesOf(packages map[linked]bool) (string, error) {
	type module struct{ path, version string }
	files := map[module]map[string]string{} // by name below the module, the text
	for p := range packages {
		m := module{p.module, p.version}
		if files[m] == nil {
			files[m] = map[string]string{}
		}
		for dir := p.dir; len(dir) >= len(p.root); dir = filepath.Dir(dir) {
			if err := readTerms(dir, p.root, files[m]); err != nil {
				return "", err
			}
		}
	}
	modules := make([]module, 0, len(files))
	for m := range files {
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.version, b.version)) })
	var b strings.Builder
	for _, m := range modules {
		if len(files[m]) == 0 {
			return "", fmt.Errorf("%s has no licence", m.path)
		}
		b.WriteString(notice(m.path+" "+m.version, files[m]))
	}
	return b.String(), nil
}

// readTerms adds the files with terms of one folder.
func readTerms(dir, root string, into map[string]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceName.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		into[filepath.ToSlash(name)] = string(raw)
	}
	return nil
}

// goTerms are those of the standard library.
func goTerms() (map[string]string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(out))
	terms := map[string]string{}
	if err := readTerms(root, root, terms); err != nil {
		return nil, err
	}
	if len(terms) == 0 {
		return nil, fmt.Errorf("%s holds no licence of Go", root)
	}
	return terms, nil
}

// notice is what is said of one work.
func notice(name string, files map[string]string) string {
	var b strings.Builder
	for _, f := range slices.Sorted(maps.Keys(files)) {
		rule := strings.Repeat("=", 72)
		fmt.Fprintf(&b, "\n%s\n%s: %s\n%s\n\n%s\n", rule, name, f, rule, strings.TrimRight(files[f], "\n"))
	}
	return b.String()
}
