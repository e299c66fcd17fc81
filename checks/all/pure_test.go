package all

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A judge has to give the same answer on a report from another machine, on
// another day. So nothing that it reaches, in whatever file or package of ours,
// may name what touches the network, the machine, the clock or chance.
func TestJudgesTouchNothing(t *testing.T) {
	p := readProgram(t)
	roots := p.judges()
	if len(roots) != len(Checks()) {
		t.Fatalf("%d judges for %d checks", len(roots), len(Checks()))
	}
	for _, fault := range p.impurities(roots) {
		t.Error(fault)
	}
}

// The walk itself must find what it is to find.
func TestAJudgeThatTouchesSomethingIsFound(t *testing.T) {
	p := readProgram(t)
	for root, want := range map[string]string{
		module + "checks/nat.observe":                           "context",
		module + "checks.Run":                                   "time.Now",
		"(*" + module + "checks/internal/session.Client).Close": "context",
	} {
		faults := p.impurities([]string{root})
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("%s: %d faults, none is about %s", root, len(faults), want)
		}
	}
}

// forbidden are packages of which a judge may use nothing, and functions of
// others.
var forbidden = map[string][]string{
	"context": nil, "crypto/rand": nil, "math/rand": nil, "math/rand/v2": nil, "net/http": nil, "os": nil, "os/exec": nil,
	"os/user": nil, "runtime": nil, "sync/atomic": nil, "syscall": nil, "golang.org/x/sys/unix": nil, "crypto/tls": nil,
	"net":  {"Dial", "Listen", "Lookup", "Resolve", "Interface"},
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
}

func isForbidden(obj types.Object) bool {
	names, listed := forbidden[obj.Pkg().Path()]
	fn, ok := obj.(*types.Func)
	switch v := obj.(type) {
	case *types.Const, *types.TypeName:
		return false
	case *types.Var: // what an error is compared with, and what stands in it
		if v.IsField() || types.Identical(v.Type(), types.Universe.Lookup("error").Type()) {
			return false
		}
	}
	if names == nil {
		return listed && !(ok && fn.Name() == "Error" && fn.Signature().Recv() != nil)
	}
	return ok && fn.Signature().Recv() == nil && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(fn.Name(), n) })
}

// program is the source of the module's packages that checks are made of, with
// what each function and variable names.
type program struct {
	fset  *token.FileSet
	info  *types.Info
	nodes map[string]ast.Node // what a function or a variable is made of, by full name
	files []*ast.File
}

// readProgram type-checks the packages from source; what is not ours comes from
// what the go command has compiled.
func readProgram(t *testing.T) *program {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	exports := map[string]string{}
	p := &program{fset: token.NewFileSet(), nodes: map[string]ast.Node{}, info: &types.Info{
		Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}}
	imports := importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	type listed struct {
		ImportPath, Export, Dir string
		GoFiles                 []string
	}
	var ours []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[l.ImportPath] = l.Export
		if strings.HasPrefix(l.ImportPath, module) {
			ours = append(ours, l)
		}
	}
	for _, l := range ours {
		var files []*ast.File
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(p.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		config := types.Config{Importer: imports}
		if _, err := config.Check(l.ImportPath, p.fset, files, p.info); err != nil {
			t.Fatalf("%s: %v", l.ImportPath, err)
		}
		p.files = append(p.files, files...)
	}
	p.index()
	return p
}

// index notes what functions, methods and package variables are made of.
func (p *program) index() {
	for _, f := range p.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body != nil {
					p.nodes[fullName(p.info.Defs[d.Name])] = d.Body
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					v, ok := s.(*ast.ValueSpec)
					if !ok || d.Tok != token.VAR {
						continue
					}
					for _, name := range v.Names {
						if obj := p.info.Defs[name]; obj != nil && name.Name != "_" {
							p.nodes[fullName(obj)] = v
						}
					}
				}
			}
		}
	}
}

// fullName is the same for an object that was read from source and for one that
// was imported.
func fullName(obj types.Object) string {
	if fn, ok := obj.(*types.Func); ok {
		return fn.Origin().FullName()
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// judges are what checks.Define and checks.DefineBeside are given last.
func (p *program) judges() (roots []string) {
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || p.info.Uses[sel.Sel] == nil {
				return true
			}
			if name := fullName(p.info.Uses[sel.Sel]); name != module+"checks.Define" && name != module+"checks.DefineBeside" {
				return true
			}
			if id, ok := call.Args[2].(*ast.Ident); ok {
				roots = append(roots, fullName(p.info.Uses[id]))
			}
			return true
		})
	}
	return roots
}

// impurities are the forbidden things that the roots come to.
func (p *program) impurities(roots []string) (faults []string) {
	from := p.reached(roots)
	for _, name := range slices.Sorted(maps.Keys(from)) {
		p.names(name, func(id *ast.Ident, obj types.Object) {
			if isForbidden(obj) {
				faults = append(faults, fmt.Sprintf("%s: %s uses %s (%s)", p.fset.Position(id.Pos()), name, fullName(obj), chain(from, name)))
			}
		})
	}
	return faults
}

// reached follows every function, method and variable that is named from the
// roots on, and returns by which each was named. A method of an interface stands
// for all methods of that name in the packages that are reached.
func (p *program) reached(roots []string) map[string]string {
	from := map[string]string{}
	todo := slices.Clone(roots)
	for _, r := range roots {
		from[r] = ""
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		p.names(name, func(_ *ast.Ident, obj types.Object) {
			for _, next := range p.meant(obj) {
				if _, seen := from[next]; !seen {
					from[next] = name
					todo = append(todo, next)
				}
			}
		})
	}
	return from
}

// names visits every object that a function or variable names.
func (p *program) names(name string, visit func(*ast.Ident, types.Object)) {
	node := p.nodes[name]
	if node == nil {
		return
	}
	ast.Inspect(node, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if obj := p.info.Uses[id]; obj != nil && obj.Pkg() != nil {
				visit(id, obj)
			}
		}
		return true
	})
}

// meant are the functions and variables that an object stands for.
func (p *program) meant(obj types.Object) []string {
	switch obj := obj.(type) {
	case *types.Var:
		if obj.Parent() == obj.Pkg().Scope() {
			return []string{fullName(obj)}
		}
	case *types.Func:
		if recv := obj.Signature().Recv(); recv == nil || !types.IsInterface(recv.Type()) {
			return []string{fullName(obj)}
		}
		if !strings.HasPrefix(obj.Pkg().Path(), module) {
			return nil // Error, String, Write: of whatever it was given
		}
		var all []string
		for name := range p.nodes {
			if strings.HasSuffix(name, ")."+obj.Name()) {
				all = append(all, name)
			}
		}
		return all
	}
	return nil
}

// chain is how a judge comes to a function.
func chain(from map[string]string, name string) string {
	var steps []string
	for ; name != ""; name = from[name] {
		steps = append(steps, strings.ReplaceAll(name, module, ""))
	}
	slices.Reverse(steps)
	return strings.Join(steps, " -> ")
}
