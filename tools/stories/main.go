// Command stories keeps what judges are shown by the tests of their packages:
// an observation for every outcome, as a small report in testdata/reports, so
// that judges can be held to what they said of it.
//
// The tests are not touched: they are compiled with a judge that notes what it
// is given before it decides.
//
//	go -C tools run ./stories -root ..            # of every check
//	go -C tools run ./stories -root .. dns nat    # of two folders of checks
package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed helper.go.txt
var helper string

func main() {
	root := flag.String("root", ".", "the module's `DIR`")
	flag.Parse()
	if err := run(*root, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "stories:", err)
		os.Exit(1)
	}
}

// run keeps the stories of the named folders of checks, or of all.
func run(root string, folders []string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if len(folders) == 0 {
		folders = []string{"*"}
	}
	var files []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(root, "checks", folder, "judge.go"))
		if err != nil || len(found) == 0 {
			return cmp.Or(err, fmt.Errorf("there is no judge in checks/%s", folder))
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if err := collect(root, file); err != nil {
			return fmt.Errorf("%s: %w", filepath.Dir(file), err)
		}
	}
	return nil
}

// collect runs the tests of a package with a judge that notes what it is given.
func collect(root, file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		return err
	}
	var judge *ast.FuncDecl
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "judge" && fn.Recv == nil {
			judge = fn
		}
	}
	if judge == nil || len(judge.Type.Params.List) < 2 || len(judge.Type.Params.List) > 3 {
		return fmt.Errorf("it has no function judge of an observation and a host, with or without the other results")
	}
	parameter, argument := "", "" // of a judge that looks at other results as well
	if len(judge.Type.Params.List) == 3 {
		parameter, argument = ", others checks.Others", ", others"
	}
	text := func(n ast.Node) string {
		return string(src[fset.Position(n.Pos()).Offset:fset.Position(n.End()).Offset])
	}
	scratch, err := os.MkdirTemp("", "stories-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	at := fset.Position(judge.Name.Pos()).Offset
	changed := string(src[:at]) + "judgeItself" + string(src[at+len("judge"):])
	extra := strings.NewReplacer("PACKAGE", f.Name.Name, "OBSERVED", text(judge.Type.Params.List[0].Type),
		"PARAMETER", parameter, "ARGUMENT", argument).Replace(helper)
	replace := map[string]string{
		file: filepath.Join(scratch, "judge.go"),
		filepath.Join(filepath.Dir(file), "zz_stories.go"): filepath.Join(scratch, "stories.go"),
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"judge.go": changed, "stories.go": extra, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(scratch, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-skip", "WhatTheJudgeSays", "-overlay", filepath.Join(scratch, "overlay.json"), "./"+filepath.Base(filepath.Dir(file)))
	cmd.Dir = filepath.Join(root, "checks")
	cmd.Env = append(os.Environ(), "SIPDOCTOR_STORIES="+filepath.Join(root, "testdata", "reports", "observed"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
