package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/sipdoctor/sipdoctor/"

// A target is a package and the functions in it that decide.
type target struct {
	name  string // without the module's path
	dir   string
	pkg   *packages.Package
	funcs []*ast.FuncDecl
}

// byFile are the packages whose deciding code is whole files; of all others it
// is what their judge reaches.
var byFile = map[string][]string{
	"checks":               {"again.go", "limited.go", "observes.go", "proved.go", "rejudge.go", "run.go"},
	"netinfo/packetfilter": {"effect.go", "evaluate.go", "frag.go", "link.go", "lookup.go", "match.go", "spans.go", "walk.go"},
}

// load finds the targets among the named packages ("checks/dns"), or all.
func load(root string, names []string) ([]*target, error) {
	patterns := []string{"./checks", "./checks/...", "./netinfo/packetfilter"}
	if len(names) > 0 {
		patterns = nil
		for _, n := range names {
			patterns = append(patterns, "./"+strings.TrimPrefix(n, "./"))
		}
	}
	list, err := packages.Load(&packages.Config{
		Dir:  root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, patterns...)
	if err != nil {
		return nil, err
	}
	var out []*target
	for _, p := range list {
		if len(p.Errors) > 0 {
			return nil, fmt.Errorf("%s: %v", p.PkgPath, p.Errors[0])
		}
		t := &target{name: strings.TrimPrefix(p.PkgPath, module), pkg: p}
		if files, ok := byFile[t.name]; ok {
			t.funcs = funcsOf(p, files)
		} else {
			t.funcs = reached(p)
		}
		if len(t.funcs) > 0 && len(p.GoFiles) > 0 {
			t.dir = filepath.Dir(p.GoFiles[0])
			out = append(out, t)
		} else if len(names) > 0 {
			return nil, fmt.Errorf("%s: nothing in it decides: no judge is handed to checks.Define", t.name)
		}
	}
	return out, nil
}

func funcsOf(p *packages.Package, files []string) (out []*ast.FuncDecl) {
	for _, f := range p.Syntax {
		if slices.Contains(files, filepath.Base(p.Fset.Position(f.Pos()).Filename)) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					out = append(out, fn)
				}
			}
		}
	}
	return out
}

// reached are the functions of p that its judge uses: the one that it hands to
// checks.Define or checks.DefineBeside.
func reached(p *packages.Package) (out []*ast.FuncDecl) {
	decls := map[types.Object]*ast.FuncDecl{}
	var todo []types.Object
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				decls[p.TypesInfo.Defs[fn.Name]] = fn
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 3 && isDefine(p, call) {
				todo = append(todo, used(p, call.Args[2])...)
			}
			return true
		})
	}
	seen := map[types.Object]bool{}
	for len(todo) > 0 {
		obj := todo[0]
		todo = todo[1:]
		fn := decls[obj]
		if fn == nil || seen[obj] {
			continue
		}
		seen[obj] = true
		out = append(out, fn)
		todo = append(todo, used(p, fn.Body)...)
	}
	return out
}

func isDefine(p *packages.Package, call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "Define" || sel.Sel.Name == "DefineBeside") && p.TypesInfo.Uses[sel.Sel] != nil &&
		p.TypesInfo.Uses[sel.Sel].Pkg().Path() == module+"checks"
}

// used are the functions and methods that a piece of code names.
func used(p *packages.Package, n ast.Node) (out []types.Object) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if fn, ok := p.TypesInfo.Uses[id].(*types.Func); ok {
				out = append(out, fn.Origin())
			}
		}
		return true
	})
	return out
}
