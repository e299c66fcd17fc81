package checks

import (
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Table is what a check lists beside its findings, a row an item: the calls of a
// capture. The judge fills it, so that a renderer has nothing to compute.
type Table struct {
	ID      string   `json:"id"`    // names its words: the heading is ID.title
	Title   string   `json:"title"` // see Fill
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
	Left    int      `json:"left,omitempty"` // items beyond the limit of the judge
}

// Column is one column of a table.
type Column struct {
	ID    string `json:"id"`
	Title string `json:"title"`           // the message ID of the table, dot, ID of the column; see Fill
	Right bool   `json:"right,omitempty"` // figures: set flush right
	Name  bool   `json:"name,omitempty"`  // a name, which may be cut on a narrow page
	// Label says that a cell alone would not tell what it is: where a page is too
	// narrow for columns, the title stands before it.
	Label bool `json:"label,omitempty"`
}

// Row is one item. Cells may hold what strangers wrote: renderers quote it.
type Row struct {
	Cells []string   `json:"cells"`          // one a column
	Says  words.Args `json:"says,omitempty"` // the cells that are messages, by the column's ID; see Fill
	// Finding is the finding that the item belongs to, from 1, as the result lists
	// them; 0: none.
	Finding int `json:"finding,omitempty"`
}

// table writes the sentences of a table. What cannot be filled keeps the text that
// it was saved with.
func (f filling) table(t *Table) {
	f.sentence(&t.Title, words.Say(t.ID+".title", nil))
	columns := make([]Column, len(t.Columns)) // the judge may keep its list
	copy(columns, t.Columns)
	t.Columns = columns
	rows := make([]Row, len(t.Rows))
	copy(rows, t.Rows)
	t.Rows = rows
	for i := range columns {
		f.sentence(&columns[i].Title, words.Say(t.ID+"."+columns[i].ID, nil))
	}
	for i := range rows {
		cells := make([]string, len(columns)) // a report of strangers may lack some
		copy(cells, rows[i].Cells)
		rows[i].Cells = cells
		for k, c := range columns {
			if v, ok := rows[i].Says[c.ID]; ok {
				if s, err := f.book.Show(f.lang, v); err == nil {
					cells[k] = s
				}
			}
		}
	}
}
