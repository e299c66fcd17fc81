// Command mutants asks whether the tests would notice a wrong judgement. It
// changes one thing at a time in what decides (the judges, the runner, the
// evaluator of packet filters), runs the tests of the package and lists the
// changes that no test noticed.
//
// All changes of a package are compiled into one test binary, each behind a
// number that an environment variable picks: so a change costs a run of the
// tests that reach it, not a build.
//
//	go -C tools run ./mutants -root .. [-sample 60] [-seed 1] [-all] [PACKAGE…]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

type options struct {
	root     string
	sample   int
	seed     uint64
	all      bool
	parallel int
	least    float64
	only     string
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the module's `DIR`")
	flag.IntVar(&o.sample, "sample", 60, "changes to try in each package, `N`")
	flag.Uint64Var(&o.seed, "seed", 1, "which ones, `NUMBER`")
	flag.BoolVar(&o.all, "all", false, "try every change")
	flag.IntVar(&o.parallel, "parallel", runtime.NumCPU(), "test runs at a time, `N`")
	flag.Float64Var(&o.least, "least", 0, "fail if less than `PERCENT` are noticed")
	flag.StringVar(&o.only, "only", "", "only changes in `FILE` (its name)")
	flag.Parse()
	if err := run(o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// tally is how a package did.
type tally struct {
	name         string
	sites, tried int
	killed       int
	unreached    int
	took         time.Duration
}

func run(o options, names []string) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	targets, err := load(root, names)
	if err != nil {
		return err
	}
	var all []tally
	for _, t := range targets {
		got, err := o.measure(root, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		all = append(all, got)
	}
	return report(all, o.least)
}

// measure tries a package's changes and prints those that no test noticed.
func (o options) measure(root string, t *target) (tally, error) {
	begin := time.Now()
	out := tally{name: t.name}
	sites := t.sites()
	out.sites = len(sites)
	bin, err := build(root, t, sites)
	if err != nil {
		return out, err
	}
	defer bin.remove()
	if err := bin.baseline(o.parallel); err != nil {
		return out, err
	}
	chosen := slices.DeleteFunc(slices.Clone(bin.sites), func(s *site) bool { return o.only != "" && filepath.Base(s.file) != o.only })
	if !o.all && len(chosen) > o.sample {
		r := rand.New(rand.NewPCG(o.seed, 0))
		r.Shuffle(len(chosen), func(i, k int) { chosen[i], chosen[k] = chosen[k], chosen[i] })
		chosen = chosen[:o.sample]
	}
	bin.try(chosen, o.parallel)
	slices.SortFunc(chosen, func(a, b *site) int { return cmp.Or(cmp.Compare(a.file, b.file), a.line-b.line, a.id-b.id) })
	for _, s := range chosen {
		out.tried++
		switch {
		case s.killed:
			out.killed++
			continue
		case !s.reached:
			out.unreached++
		}
		fmt.Printf("  %s\n", s.describe(root))
	}
	out.took = time.Since(begin)
	fmt.Printf("%s: %d of %d noticed (%.0f %%), %d sites, %s\n", t.name, out.killed, out.tried, percent(out.killed, out.tried), out.sites, out.took.Round(time.Second))
	return out, nil
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// report prints the table that docs/mutants.md holds.
func report(all []tally, least float64) error {
	fmt.Printf("\n| package | possible | tried | noticed | not reached | %% |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	sum := tally{name: "**all**"}
	row := func(t tally) {
		fmt.Printf("| %s | %d | %d | %d | %d | %.0f |\n", t.name, t.sites, t.tried, t.killed, t.unreached, percent(t.killed, t.tried))
	}
	for _, t := range all {
		row(t)
		sum.sites, sum.tried, sum.killed, sum.unreached = sum.sites+t.sites, sum.tried+t.tried, sum.killed+t.killed, sum.unreached+t.unreached
	}
	row(sum)
	if got := percent(sum.killed, sum.tried); got < least {
		return fmt.Errorf("%.1f %% were noticed, at least %.0f %% must be", got, least)
	}
	return nil
}

func (s *site) describe(root string) string {
	rel, err := filepath.Rel(root, s.file)
	if err != nil {
		rel = s.file
	}
	text := fmt.Sprintf("%s:%d: %s", rel, s.line, s.what)
	if !s.reached {
		text += " (no test comes here)"
	}
	return strings.Join(strings.Fields(text), " ")
}
