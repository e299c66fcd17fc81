package sqlite

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// Table is an ordinary table.
type Table struct {
	Columns []string
	file    *File
	root    uint32
	indexes map[string]uint32 // on one column alone, by its name
}

// oneColumn is what SQLite keeps of an index that has one column, and all rows.
var oneColumn = regexp.MustCompile(`(?i)^CREATE INDEX [^(]+\(\s*(\w+)\s*\)$`)

// Table finds a table. A view is none.
func (f *File) Table(ctx context.Context, name string) (*Table, error) {
	t := &Table{file: f, indexes: map[string]uint32{}}
	const kind, table, root, statement = 0, 2, 3, 4 // columns of the table of tables
	err := f.walk(ctx).rows(1, nil, func(_ int64, r *Row) error {
		if of, _ := r.Text(table); of != name {
			return nil
		}
		what, _ := r.Text(kind)
		sql, _ := r.Text(statement)
		page, _ := r.Number(root)
		if page < 0 || page > int64(f.pages) {
			return ErrDamaged
		}
		if column := oneColumn.FindStringSubmatch(sql); what == "index" && column != nil {
			t.indexes[column[1]] = uint32(page)
		}
		if what != "table" {
			return nil
		}
		t.root = uint32(page)
		var err error
		t.Columns, err = columns(sql)
		return err
	})
	if err == nil && t.root == 0 {
		err = ErrNoTable
	}
	return t, err
}

// columns are the names of the columns of a CREATE TABLE as fail2ban writes
// them: without quotes and comments.
func columns(sql string) (list []string, err error) {
	_, sql, found := strings.Cut(sql, "(")
	if !found || strings.ContainsAny(sql, "\"'`[") || strings.Contains(sql, "--") || strings.Contains(sql, "/*") {
		return nil, ErrForeign
	}
	depth, begin := 0, 0
	for i, c := range sql {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 || depth == 0 && c == ',' {
			if words := strings.Fields(sql[begin:i]); len(words) > 0 && !isConstraint(words[0]) {
				list = append(list, strings.ToLower(words[0]))
			}
			begin = i + 1
		}
		if depth < 0 {
			return list, nil
		}
	}
	return nil, ErrForeign
}

// isConstraint tells a rule of the whole table by its first word.
func isConstraint(word string) bool {
	word, _, _ = strings.Cut(strings.ToUpper(word), "(")
	return slices.Contains([]string{"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}, word)
}

// Column is where a column stands; -1 if there is none.
func (t *Table) Column(name string) int { return slices.Index(t.Columns, name) }

// Rows gives the rows with these numbers, which rise, in their order; each must
// be there. With nil it gives all. A row is valid until yield returns.
func (t *Table) Rows(ctx context.Context, numbers []int64, yield func(number int64, r *Row) error) error {
	if numbers != nil && len(numbers) == 0 {
		return nil
	}
	return t.file.walk(ctx).rows(t.root, numbers, yield)
}

// Texts gives every text of a column with the number of its row: from the
// column's index, where there is one, without a look at the rows.
func (t *Table) Texts(ctx context.Context, column string, yield func(text string, number int64) error) error {
	if root, ok := t.indexes[column]; ok {
		return t.file.walk(ctx).entries(root, yield)
	}
	at := t.Column(column)
	return t.Rows(ctx, nil, func(number int64, r *Row) error {
		if text, known := r.Text(at); known {
			return yield(text, number)
		}
		return nil
	})
}
