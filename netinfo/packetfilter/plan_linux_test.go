//go:build linux

package packetfilter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Whichever rules of a chain a cure takes away, and wherever it puts accepts
// in, the undo leaves the rules as they were: their order, and rules that read
// the same. Made by chance, on the kernel itself.
func TestUndoRestoresTheRulesExactly(t *testing.T) {
	if !alone(t) {
		return
	}
	random := rand.New(rand.NewPCG(7, 20261128))
	for _, tool := range []string{packetfilter.ToolIPTablesNFT, packetfilter.ToolIPTablesLegacy, packetfilter.ToolNFT} {
		for round := range 15 {
			n := 1 + random.IntN(9)
			setup, list := chainOf(tool, n, random)
			shellLines(t, setup)
			before := printed(t, list)
			edits, what := someEdits(t, tool, random)
			steps := packetfilter.Plan(edits)
			for _, s := range steps {
				runAll(t, s.Do)
			}
			changed := printed(t, list)
			for _, s := range slices.Backward(steps) {
				runAll(t, s.Undo)
			}
			if d := cmp.Diff(before, printed(t, list)); d != "" {
				t.Fatalf("%s, round %d: %s\nwas undone to (-before +after)\n%s", tool, round, what, d)
			}
			if len(steps) > 0 && changed == before {
				t.Errorf("%s, round %d: %s changed nothing in\n%s", tool, round, what, before)
			}
		}
	}
}

// chainOf makes a chain of n rules, some of which read the same.
func chainOf(tool string, n int, random *rand.Rand) (setup []string, list string) {
	if tool == packetfilter.ToolNFT {
		setup = []string{"nft flush ruleset", "nft add table inet t", "nft add chain inet t c '{ type filter hook input priority 0 ; }'"}
		for range n {
			setup = append(setup, fmt.Sprintf(`nft add rule inet t c ip saddr 198.51.100.%d counter drop comment '"it; is $x"'`, random.IntN(4)))
		}
		return setup, "nft -s list table inet t"
	}
	setup = []string{tool + " -F INPUT"}
	for range n {
		setup = append(setup, fmt.Sprintf("%s -A INPUT -s 198.51.100.%d/32 -m comment --comment \"it's \\$x\" -j DROP", tool, random.IntN(4)))
	}
	return setup, tool + " -S INPUT"
}

// someEdits are edits of the loaded chain, by chance.
func someEdits(t *testing.T, tool string, random *rand.Rand) (edits []packetfilter.RuleEdit, what string) {
	t.Helper()
	sys := platform.ThisSystem()
	rules, _ := packetfilter.Load(context.Background(), sys)
	words := packetfilter.NewWording(context.Background(), sys)
	for _, table := range rules.Tables {
		for _, c := range table.Chains {
			if table.Tool != tool || c.Name != "INPUT" && c.Name != "c" {
				continue
			}
			for _, r := range c.Rules {
				step := packetfilter.Step{Chain: c, Rule: r}
				switch random.IntN(3) {
				case 0:
					edits = append(edits, step.Delete(words).Rules...)
					what += fmt.Sprintf("delete %d, ", r.Position)
				case 1:
					port := packetfilter.Num(5000 + r.Position)
					edits = append(edits, step.AllowBefore(words, netip.MustParsePrefix("192.0.2.1/32"), packetfilter.UDP, packetfilter.NumSet{{Lo: port, Hi: port}}).Rules...)
					edits = append(edits, step.AllowBefore(words, netip.MustParsePrefix("192.0.2.2/32"), packetfilter.UDP, packetfilter.NumSet{{Lo: port, Hi: port}}).Rules...)
					what += fmt.Sprintf("accept twice before %d, ", r.Position)
				}
			}
		}
	}
	random.Shuffle(len(edits), func(i, j int) { edits[i], edits[j] = edits[j], edits[i] })
	return edits, what
}

func runAll(t *testing.T, list []command.Command) {
	t.Helper()
	lines, impossible := command.Lines(list)
	if len(impossible) > 0 {
		t.Fatal(impossible)
	}
	shellLines(t, lines)
}

func shellLines(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line, err, out)
		}
	}
}

func printed(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v %s", line, err, out)
	}
	return string(out)
}

// A rule that took the place of the one that was meant is left alone, by the
// deletion and by the accept that goes before it.
func TestARuleThatTookThePlaceIsLeftAlone(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, tool := range []string{packetfilter.ToolNFT, packetfilter.ToolIPTablesNFT} {
		make := func(first, second string) {
			if tool == packetfilter.ToolNFT {
				shellLines(t, []string{"nft flush ruleset", "nft add table inet t", "nft add chain inet t c '{ type filter hook input priority 0 ; }'",
					"nft add rule inet t c ip saddr " + first + " drop", "nft add rule inet t c ip saddr " + second + " drop"})
				return
			}
			shellLines(t, []string{tool + " -F INPUT", tool + " -A INPUT -s " + first + " -j DROP", tool + " -A INPUT -s " + second + " -j DROP"})
		}
		make("198.51.100.7", "198.51.100.8")
		sys := platform.ThisSystem()
		rules, _ := packetfilter.Load(context.Background(), sys)
		meant := rules.Mentions(netip.MustParsePrefix("198.51.100.7/32"))[0].Step
		words := packetfilter.NewWording(context.Background(), sys)
		lines := []string{}
		for _, c := range []packetfilter.Change{meant.Delete(words), meant.AllowBefore(words, netip.MustParsePrefix("192.0.2.1/32"), packetfilter.UDP, nil)} {
			lines = append(lines, packetfilter.Plan(c.Rules)[0].Do[0].String())
		}
		make("198.51.100.9", "198.51.100.8")
		for _, line := range lines {
			if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err == nil {
				t.Errorf("%s: %s worked: %s", tool, line, out)
			}
		}
		list := map[string]string{packetfilter.ToolNFT: "nft list table inet t"}[tool]
		if list == "" {
			list = tool + " -S INPUT"
		}
		if got := printed(t, list); !strings.Contains(got, "198.51.100.9") || strings.Contains(got, "192.0.2.1") {
			t.Errorf("%s: another rule was touched:\n%s", tool, got)
		}
	}
}

// A comment can hold line breaks and what looks like another rule with its
// handle. The rule that is put back is the one that was taken away, or nothing
// is taken away.
func TestACommentThatLooksLikeARule(t *testing.T) {
	if !alone(t) {
		return
	}
	const forged = `{"nftables":[{"add":{"rule":{"family":"inet","table":"t","chain":"c","comment":"x\n\t\taccept # handle 2\n\t\ty","expr":[{"accept":null}]}}}]}`
	between := "nft add rule inet t c tcp dport 22 accept"
	for _, tt := range []struct {
		name   string
		lines  []string
		byHand bool
	}{
		{"somewhere after the rule", []string{between}, false},
		{"right after the rule, where it goes back", nil, true},
	} {
		shellLines(t, append([]string{"nft flush ruleset", "nft add table inet t", "nft add chain inet t c '{ type filter hook input priority 0 ; }'", "nft add rule inet t c ip saddr 198.51.100.7 drop"}, tt.lines...))
		if _, err := run(forged, "nft", "-j", "-f", "-"); err != nil {
			t.Fatal(err)
		}
		before := printed(t, "nft -s list table inet t")
		if !strings.Contains(before, "\n\t\taccept # handle 2\n") {
			t.Fatalf("nothing was forged:\n%s", before)
		}
		sys := platform.ThisSystem()
		rules, _ := packetfilter.Load(context.Background(), sys)
		meant := rules.Mentions(netip.MustParsePrefix("198.51.100.7/32"))[0]
		steps := packetfilter.Plan(meant.Delete(packetfilter.NewWording(context.Background(), sys)).Rules)
		_, impossible := command.Lines(steps[0].Undo)
		if byHand := len(impossible) > 0; byHand != tt.byHand {
			t.Errorf("%s: by hand %v: %s", tt.name, byHand, steps[0].Undo)
		}
		if tt.byHand {
			continue
		}
		runAll(t, steps[0].Do)
		if got := printed(t, "nft -s list table inet t"); strings.Contains(got, "198.51.100.7") {
			t.Errorf("%s: %s leaves\n%s", tt.name, steps[0].Do, got)
		}
		runAll(t, steps[0].Undo)
		if d := cmp.Diff(before, printed(t, "nft -s list table inet t")); d != "" {
			t.Errorf("%s: %s leaves (-before +after)\n%s", tt.name, steps[0].Undo, d)
		}
	}
}
