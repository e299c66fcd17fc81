package all

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sipdoctor/sipdoctor/"

// layers are the top folders, from the ground up: each may import itself and
// those before it.
var layers = []string{"platform", "netinfo", "fixes", "checks", "cmd"}

func TestEveryCheckFolderIsListed(t *testing.T) {
	var listed []string
	for _, c := range Checks() {
		listed = append(listed, strings.ReplaceAll(c.ID, "-", ""))
	}
	found := 0
	eachFile(t, func(name string, f *ast.File, _ *token.FileSet) {
		if path.Dir(path.Dir(name)) != "checks" || strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Check" && fn.Recv == nil {
				found++
				if folder := path.Base(path.Dir(name)); !slices.Contains(listed, folder) {
					t.Errorf("%s defines a check that checks/all does not list", name)
				}
			}
		}
	})
	if found != len(listed) {
		t.Errorf("%d folders define a check, %d are listed", found, len(listed))
	}
}

func TestImportsGoOneWay(t *testing.T) {
	eachFile(t, func(name string, f *ast.File, _ *token.FileSet) {
		own := layer(name)
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			rest, ok := strings.CutPrefix(p, module)
			if ok && layer(rest+"/x") > own && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s imports %s, which stands above it", name, p)
			}
		}
	})
}

var osSuffix = regexp.MustCompile(`_(linux|windows|darwin|freebsd|bsd|unix|other)(_test)?\.go$`)

func TestOnlyPlatformKnowsOperatingSystems(t *testing.T) {
	eachFile(t, func(name string, f *ast.File, _ *token.FileSet) {
		if osSuffix.MatchString(name) && layer(name) != 0 && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s: code for one operating system belongs into platform", name)
		}
	})
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	documented := map[string]bool{}
	eachFile(t, func(name string, f *ast.File, _ *token.FileSet) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		dir := path.Dir(name)
		documented[dir] = documented[dir] || f.Doc != nil
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "base", "misc", "types", "models"}, f.Name.Name) {
			t.Errorf("%s: the name %s says nothing", name, f.Name.Name)
		}
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", dir)
		}
	}
}

func TestNothingHappensBehindTheReadersBack(t *testing.T) {
	eachFile(t, func(name string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/internal/ouigen/") {
			return
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init", fset.Position(fn.Pos()))
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && s.Sel.Name == "Exit" && path.Base(name) != "main.go" {
					t.Errorf("%s: os.Exit outside main", fset.Position(n.Pos()))
				}
			}
			return true
		})
	})
}

func layer(name string) int {
	top, _, _ := strings.Cut(name, "/")
	return slices.Index(layers, top)
}

// eachFile parses every Go file of the module.
func eachFile(t *testing.T, visit func(name string, f *ast.File, fset *token.FileSet)) {
	t.Helper()
	root := filepath.Join("..", "..")
	fset := token.NewFileSet()
	for _, top := range layers {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.Contains(p, "testdata") {
				return err
			}
			src, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(fset, p, src, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, p)
			visit(filepath.ToSlash(rel), f, fset)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
