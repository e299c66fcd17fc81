package logs

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
)

// sort puts an observation into an order that does not change from run to run.
func (o *Observed) sort() {
	slices.SortFunc(o.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.N, a.N), a.First.Compare(b.First), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Context, b.Context), a.Addr.Compare(b.Addr), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Program, b.Program))
	})
	slices.SortFunc(o.Sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.N, a.N), a.Addr.Compare(b.Addr), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Form, b.Form))
	})
	slices.SortStableFunc(o.Moves, func(a, b Move) int { return a.At.Compare(b.At) })
}

func sortLosses(list []*loss) {
	slices.SortFunc(list, func(a, b *loss) int {
		return cmp.Or(a.move.At.Compare(b.move.At), cmp.Compare(a.move.Phone, b.move.Phone))
	})
}

// Sort sorts files of logs by log, and the pieces of each from the oldest to the one
// that is written: full.2.gz, full.1, full; full-20261128, full-20261129, full.
// Standard input comes last.
func Sort(files []checks.File) {
	log := func(f checks.File) string {
		if f.Name == "-" {
			return "\xff"
		}
		return streamOf(f.Name)
	}
	slices.SortStableFunc(files, func(a, b checks.File) int {
		return cmp.Or(cmp.Compare(log(a), log(b)), cmp.Compare(ageOf(b.Name), ageOf(a.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// ageOf is the number that rotation gave a file: 0 for the log that is written, and
// for dated ones 1, as their names sort by age.
func ageOf(name string) int {
	m := rotation.FindStringSubmatch(filepath.Base(name))
	if m == nil || m[1] == "" {
		return 0
	}
	if n, err := strconv.Atoi(m[1][1:]); err == nil && len(m[1]) <= 4 {
		return n + 1
	}
	return 1
}
