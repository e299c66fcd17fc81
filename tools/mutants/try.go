package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// test is a test of the package as it does without any change.
type test struct {
	name string
	took time.Duration
}

// longest is how long a test may take: what is slower drives real daemons or
// waits for real clocks, and is no table.
const longest = 20 * time.Second

// quick tests are asked before the others: most changes end there.
const quick = time.Second

// baseline runs each test alone, unchanged, and notes where it comes by.
func (b *binary) baseline(parallel int) error {
	cmd := exec.Command(b.path, "-test.list", "^Test")
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing the tests: %w", err)
	}
	byID := map[int]*site{}
	for _, s := range b.sites {
		byID[s.id] = s
	}
	var mu sync.Mutex
	each(strings.Fields(string(out)), parallel, func(name string) {
		trace := filepath.Join(b.scratch, name+".trace")
		begin := time.Now()
		if !b.passes(0, trace, longest, name) {
			fmt.Printf("  without %s, which is slow here or fails without any change\n", name)
			return
		}
		raw, err := os.ReadFile(trace)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		b.tests = append(b.tests, test{name, time.Since(begin)})
		for _, id := range strings.Fields(string(raw)) {
			n, _ := strconv.Atoi(id)
			if s := byID[n]; s != nil {
				s.reached = true
				s.tests = append(s.tests, name)
			}
		}
	})
	if len(b.tests) == 0 {
		return errors.New("no test passes without any change")
	}
	return nil
}

// try runs the tests that come by each change, with the change.
func (b *binary) try(sites []*site, parallel int) {
	took := map[string]time.Duration{}
	for _, t := range b.tests {
		took[t.name] = t.took
	}
	each(sites, parallel, func(s *site) {
		if !s.reached {
			return
		}
		for _, fast := range []bool{true, false} {
			budget := 3 * time.Second
			var some []string
			for _, t := range s.tests {
				if (took[t] < quick) == fast {
					some = append(some, t)
					budget += 4 * took[t]
				}
			}
			if len(some) > 0 && !b.passes(s.id, "", budget, some...) {
				s.killed = true
				return
			}
		}
	})
}

// passes runs tests with a change (0: none). A run that does not end passes
// nothing.
func (b *binary) passes(id int, trace string, budget time.Duration, tests ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path, "-test.failfast", "-test.run", "^("+strings.Join(tests, "|")+")$")
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "SIPDOCTOR_MUTANT="+strconv.Itoa(id), "SIPDOCTOR_MUTANT_TRACE="+trace)
	return cmd.Run() == nil
}

// each calls f for every item, so many at a time.
func each[T any](list []T, parallel int, f func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, x := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(x)
		})
	}
	wg.Wait()
}
