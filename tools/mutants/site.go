package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"strconv"
	"strings"
)

// A site is one change that can be made: text around a node and, in a
// comparison, a comma in the place of the operator.
type site struct {
	id            int
	file          string
	line          int
	what          string
	from, to      int // of the node, offsets in the file
	before, after string
	op, opEnd     int // 0: no operator
	reached       bool
	killed        bool
	tests         []string // that come here
}

// finder collects the sites of a target.
type finder struct {
	t    *target
	list []*site
	src  map[string][]byte
	held map[ast.Node]bool // expressions that something else has changed already
	in   []ast.Node        // from the function down to here
}

// sites lists every change to the target's functions.
func (t *target) sites() []*site {
	f := &finder{t: t, src: map[string][]byte{}, held: map[ast.Node]bool{}}
	for _, fn := range t.funcs {
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if n == nil {
				f.in = f.in[:len(f.in)-1]
				return true
			}
			f.visit(n)
			f.in = append(f.in, n)
			return true
		})
	}
	return f.list
}

func (f *finder) parent() ast.Node {
	if len(f.in) == 0 {
		return nil
	}
	return f.in[len(f.in)-1]
}

func (f *finder) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					f.condition(e)
				}
			}
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if b, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && isBool(b.Op) {
				f.condition(e)
			}
		}
	case *ast.BinaryExpr:
		f.comparison(n)
	case *ast.AssignStmt, *ast.ExprStmt, *ast.IncDecStmt:
		f.statement(n.(ast.Stmt))
	case *ast.Ident:
		f.identifier(n)
	}
	if e, ok := n.(ast.Expr); ok {
		f.number(e)
	}
}

func isBool(op token.Token) bool {
	switch op {
	case token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return true
	}
	return false
}

// condition makes a condition always true and always false, and leaves out each
// part of it.
func (f *finder) condition(e ast.Expr) {
	if f.held[e] {
		return
	}
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	switch {
	case ok && b.Op == token.LAND:
		f.force(e, false)
		f.parts(b, b.Op)
	case ok && b.Op == token.LOR:
		f.force(e, true)
		f.parts(b, b.Op)
	default:
		f.force(e, true)
		f.force(e, false)
	}
	f.held[e] = true
}

func (f *finder) parts(b *ast.BinaryExpr, op token.Token) {
	for _, e := range []ast.Expr{b.X, b.Y} {
		if inner, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && (inner.Op == token.LAND || inner.Op == token.LOR) {
			if inner.Op != op {
				f.force(e, op == token.LAND)
			}
			f.parts(inner, inner.Op)
			continue
		}
		f.force(e, op == token.LAND)
	}
}

func (f *finder) force(e ast.Expr, to bool) {
	f.add(e, fmt.Sprintf("%s is always %v", f.text(e), to), fmt.Sprintf("mutantForce(ID, %v, ", to), ")")
}

// comparison moves a bound by one.
func (f *finder) comparison(n *ast.BinaryExpr) {
	helper, becomes := "", ""
	switch n.Op {
	case token.LSS:
		helper, becomes = "mutantLess", "<="
	case token.LEQ:
		helper, becomes = "mutantLessEqual", "<"
	case token.GTR:
		helper, becomes = "mutantMore", ">="
	case token.GEQ:
		helper, becomes = "mutantMoreEqual", ">"
	default:
		return
	}
	if tv := f.t.pkg.TypesInfo.Types[n]; tv.Value != nil {
		return
	}
	s := f.add(n, fmt.Sprintf("%s with %s", f.text(n), becomes), helper+"(ID, ", ")")
	s.op = f.offset(n.OpPos)
	s.opEnd = s.op + len(n.Op.String())
}

// statement leaves a statement out.
func (f *finder) statement(s ast.Stmt) {
	switch f.parent().(type) {
	case *ast.BlockStmt, *ast.CaseClause:
	default:
		return // of a for, an if or a switch: its variables are needed
	}
	if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
		return
	}
	f.add(s, "without "+f.text(s), "if mutantKeep(ID) { ", " }")
}

// others are what may stand in the place of a word of the report.
var others = map[string]string{
	"Critical": "Warning", "Warning": "Info", "Info": "Warning", "Certain": "Likely", "Likely": "Certain", "Possible": "Certain",
	"Pass": "Inconclusive", "Warn": "Pass", "Inconclusive": "Pass", "Fail": "Warn", "Skip": "Pass", "Error": "Inconclusive",
}

// identifier changes severities, confidences, statuses, and true and false.
func (f *finder) identifier(n *ast.Ident) {
	c, ok := f.t.pkg.TypesInfo.Uses[n].(*types.Const)
	if !ok {
		return
	}
	if (n.Name == "true" || n.Name == "false") && c.Pkg() == nil {
		f.add(n, "not "+n.Name, "mutantNot(ID, ", ")")
		return
	}
	other, known := others[n.Name]
	if !known || c.Pkg() == nil || c.Pkg().Path() != module+"checks" {
		return
	}
	var whole ast.Expr = n
	qualifier := ""
	if sel, ok := f.parent().(*ast.SelectorExpr); ok && sel.Sel == n {
		whole, qualifier = sel, f.text(sel.X)+"."
	}
	f.add(whole, n.Name+" becomes "+other, "mutantPick(ID, "+qualifier+other+", ", ")")
}

// number multiplies the constants of the package, where they are used.
func (f *finder) number(e ast.Expr) {
	info := f.t.pkg.TypesInfo
	tv := info.Types[e]
	if tv.Value == nil || tv.Value.Kind() != constant.Int && tv.Value.Kind() != constant.Float || !f.namesConstant(e) {
		return
	}
	switch p := f.parent().(type) {
	case ast.Expr:
		if info.Types[p].Value != nil {
			return // a larger constant holds it
		}
		if _, ok := p.(*ast.ArrayType); ok {
			return
		}
		if _, ok := p.(*ast.SelectorExpr); ok {
			return
		}
	case *ast.CaseClause, *ast.ValueSpec:
		return
	}
	name := types.TypeString(tv.Type, func(p *types.Package) string {
		if p == f.t.pkg.Types {
			return ""
		}
		return p.Name()
	})
	if _, named := tv.Type.(*types.Named); named && name != "time.Duration" {
		return // one of several kinds, not a measure
	}
	if b, ok := tv.Type.Underlying().(*types.Basic); !ok || b.Info()&types.IsNumeric == 0 || b.Info()&types.IsUntyped != 0 {
		return
	}
	f.add(e, f.text(e)+" is ten times as much", "mutantTimes(ID, "+name+"(", "))")
}

// namesConstant reports whether a constant of the package is in e.
func (f *finder) namesConstant(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			c, ok := f.t.pkg.TypesInfo.Uses[id].(*types.Const)
			found = found || ok && c.Pkg() == f.t.pkg.Types
		}
		return !found
	})
	return found
}

// add notes a change that puts text around n; ID in it is the site's.
func (f *finder) add(n ast.Node, what, before, after string) *site {
	pos, id := f.t.pkg.Fset.Position(n.Pos()), len(f.list)+1
	s := &site{
		id: id, file: pos.Filename, line: pos.Line, what: what,
		from: pos.Offset, to: f.offset(n.End()), before: strings.Replace(before, "ID", strconv.Itoa(id), 1), after: after,
	}
	f.list = append(f.list, s)
	return s
}

func (f *finder) offset(p token.Pos) int { return f.t.pkg.Fset.Position(p).Offset }

// text is a piece of the source, in one short line.
func (f *finder) text(n ast.Node) string {
	name := f.t.pkg.Fset.Position(n.Pos()).Filename
	if f.src[name] == nil {
		f.src[name], _ = os.ReadFile(name) // was read a moment ago
	}
	s := strings.Join(strings.Fields(string(f.src[name][f.offset(n.Pos()):f.offset(n.End())])), " ")
	if len(s) > 70 {
		s = s[:67] + "…"
	}
	return s
}
