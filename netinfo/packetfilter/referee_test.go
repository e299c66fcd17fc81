//go:build linux

package packetfilter_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

var (
	refereeSeed     = flag.Uint64("seed", 0, "seed of the referee's first ruleset; 0 takes the usual one")
	refereeRulesets = flag.Int("rulesets", 0, "rulesets for the referee to try; 0 takes the usual number")
)

// usualRulesets is what one run of the tests tries, in halves. Each ruleset
// meets some 40 packets, so this is some 8,000 cases in 10 to 20 s.
const usualRulesets = 100

// usualSeed is where those begin. It stays, so that a build is red for what was
// changed in it and not for what chance found that night; whoever changes the
// evaluator tries others: SIPDOCTOR_TEST_SEED=$RANDOM.
const usualSeed = 20261122

// The kernel is the referee: rulesets made by chance are loaded into a machine
// in a namespace and packets are sent at it. What the rules said would become
// of each packet must be what became of it.
func TestTheKernelAgrees(t *testing.T) {
	for _, half := range []string{"one half", "other half"} {
		t.Run(strings.ReplaceAll(half, " ", "_"), func(t *testing.T) {
			t.Parallel()
			seed, n := seedAndCount(t)
			if !alone(t, fmt.Sprintf("%s=%d", seedEnv, seed), fmt.Sprintf("%s=%d", countEnv, n)) {
				return
			}
			if half != "one half" {
				seed += 1 << 32
			}
			refereeMany(t, seed, n)
		})
	}
}

const seedEnv, countEnv = "SIPDOCTOR_TEST_SEED", "SIPDOCTOR_TEST_RULESETS"

// seedAndCount reads the flags. They travel to the process in the namespace by
// the environment, and can come in by it.
func seedAndCount(t *testing.T) (seed uint64, n int) {
	t.Helper()
	seed, n = *refereeSeed, *refereeRulesets
	if s, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64); err == nil {
		seed = s
	}
	if s, err := strconv.Atoi(os.Getenv(countEnv)); err == nil {
		n = s
	}
	if seed == 0 {
		seed = usualSeed
	}
	if n == 0 {
		n = usualRulesets
	}
	return seed, n
}

func refereeMany(t *testing.T, seed uint64, n int) {
	g := newGround(t)
	cases, rulesets, failed := 0, 0, 0
	start := time.Now()
	for i := range uint64(n) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed+i, 7))}
		s := d.script()
		shots := d.shots(40, s.flows)
		var bad []disagreement
		err := g.loadWhatFits(&s)
		if err == nil {
			bad, err = g.judgeLoaded(t, s, shots)
		}
		if err != nil {
			t.Errorf("seed %d: %v\n%s", seed+i, err, describe(s, nil))
			failed++
		}
		if len(bad) > 0 {
			failed++
			s, bad = g.minimise(t, s, bad)
			t.Errorf("seed %d (repeat with -seed %d -rulesets 1):\n%s", seed+i, seed+i, describe(s, bad))
		}
		cases += len(shots)
		rulesets++
		if failed >= 5 {
			break
		}
	}
	t.Logf("seed %d: %d rulesets, %d cases in %v (%v to evaluate)", seed, rulesets, cases, time.Since(start).Round(time.Millisecond), g.evaluating.Round(time.Millisecond))
}

// A disagreement is a packet of which the rules and the kernel say different
// things.
type disagreement struct {
	shot   shot
	kernel outcome
	said   packetfilter.Outcome
	how    string // which evaluation said so
}

// judge loads a script, fires the shots and compares.
func (g *ground) judge(t *testing.T, s script, shots []shot) ([]disagreement, error) {
	t.Helper()
	if err := g.load(s.book()); err != nil {
		return nil, err
	}
	return g.judgeLoaded(t, s, shots)
}

// loadWhatFits loads a generated script, without the rules that nft refuses:
// some contradict themselves, and older versions know less.
func (g *ground) loadWhatFits(s *script) error {
	for {
		err := g.load(s.book())
		if err == nil {
			return nil
		}
		refused := map[int]bool{}
		for _, m := range regexp.MustCompile(`/dev/stdin:(\d+):`).FindAllStringSubmatch(err.Error(), -1) {
			n, _ := strconv.Atoi(m[1])
			refused[n-1] = n <= len(s.nft) && !s.nft[n-1].frame
		}
		var kept []line
		for i, l := range s.nft {
			if !refused[i] {
				kept = append(kept, l)
			}
		}
		if len(kept) == len(s.nft) {
			return err
		}
		s.nft = kept
	}
}

func (g *ground) judgeLoaded(t *testing.T, s script, shots []shot) ([]disagreement, error) {
	t.Helper()
	rules, err := g.read(s.book())
	if err != nil {
		return nil, err
	}
	if len(rules.Faults) > 0 {
		return nil, fmt.Errorf("reading the rules: %v", rules.Faults)
	}
	got := g.fire(t, slices.Clone(shots))
	start := time.Now()
	defer func() { g.evaluating += time.Since(start) }()
	bad := compare(rules, g.host, shots, got, s.layered())
	if len(bad) == 0 {
		g.record(t, shots)
	}
	return bad, nil
}

// localAddrs are the machine's addresses, as read from the system in life.
func localAddrs() []netip.Addr {
	var out []netip.Addr
	for _, s := range []string{"192.0.2.1", "198.51.100.1", "10.99.0.1", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:9::1"} {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// class is the class of packets that has only this shot in it.
func (s shot) class() packetfilter.Class {
	c := packetfilter.Class{
		Protocol: s.proto, Hook: packetfilter.HookName(s.hook), In: s.in, Out: s.out, Local: localAddrs(), State: packetfilter.StateNew,
		Src: []netip.Prefix{netip.PrefixFrom(s.src, s.src.BitLen())}, Dst: []netip.Prefix{netip.PrefixFrom(s.dst, s.dst.BitLen())},
	}
	if s.proto == protoUDP || s.proto == protoTCP {
		c.SrcPorts, c.DstPorts = packetfilter.OneNum(packetfilter.Num(s.sport)), packetfilter.OneNum(packetfilter.Num(s.dport))
	}
	if s.established {
		c.State = packetfilter.StateEstablished
		c.CtMark, c.CtMarkKnown = s.ctmark, true
	}
	if s.hook == "forward" {
		c.Out = "eth1"
	}
	if s.hook == "output" {
		c.Out = "eth0"
		if strings.HasPrefix(s.dst.String(), "203.0.113.") || strings.HasPrefix(s.dst.String(), "2001:db8:113:") {
			c.Out = "eth1"
		}
	}
	return c
}

// compare asks of each shot alone, and of the wide class that it is in: there
// its region has to be found.
//
// Of layered rules, two may stop a packet at the same priority, one with a
// refusal: which comes first is then the order in which they were loaded.
func compare(rules *packetfilter.Ruleset, host *packetfilter.Host, shots []shot, got []outcome, layered bool) []disagreement {
	agrees := func(s shot, said packetfilter.Outcome, kernel outcome) bool {
		stopped := kernel.verdict != "accept" && (said.Verdict == packetfilter.Dropped || said.Verdict == packetfilter.Rejected)
		return agrees(s, said, kernel) || layered && stopped
	}
	var bad []disagreement
	wide := map[string]packetfilter.Result{}
	for i, s := range shots {
		c := s.class()
		c.Host = host
		for _, o := range rules.Evaluate(c).Outcomes {
			if !agrees(s, o, got[i]) {
				bad = append(bad, disagreement{s, got[i], o, "alone"})
			}
		}
		c.Src = []netip.Prefix{netip.PrefixFrom(s.src, 0).Masked()}
		c.SrcPorts, c.DstPorts = nil, nil
		key := fmt.Sprint(c)
		res, ok := wide[key]
		if !ok {
			res = rules.Evaluate(c)
			wide[key] = res
		}
		found := 0
		for _, o := range res.Outcomes {
			if holds(o.Region, s) {
				found++
				if !agrees(s, o, got[i]) {
					bad = append(bad, disagreement{s, got[i], o, "in the class of all sources and ports"})
				}
			}
		}
		if found != 1 {
			bad = append(bad, disagreement{shot: s, kernel: got[i], how: fmt.Sprintf("%d regions hold it", found)})
		}
	}
	return bad
}

func holds(r packetfilter.Region, s shot) bool {
	sport, dport := packetfilter.Num(s.sport), packetfilter.Num(s.dport)
	if s.proto != protoUDP && s.proto != protoTCP {
		sport, dport = 0, 0
	}
	return r.Src.Contains(s.src) && r.Dst.Contains(s.dst) && r.SrcPort.Contains(sport) && r.DstPort.Contains(dport)
}

func agrees(s shot, said packetfilter.Outcome, kernel outcome) bool {
	if string(said.Verdict) != kernel.verdict {
		// A refusal of a packet that the machine itself sends comes back as an
		// error of the send or to itself.
		return s.hook == "output" && said.Verdict == packetfilter.Rejected && kernel.verdict == "drop"
	}
	if said.Verdict == packetfilter.Rejected && (said.With == "tcp-reset") != (kernel.with == "reset") {
		return false
	}
	if said.Verdict == packetfilter.Accepted && len(said.ToPorts) > 0 && kernel.dport != 0 {
		return said.ToPorts.Contains(packetfilter.Num(kernel.dport))
	}
	return true
}

// minimise takes lines away while the kernel and the rules still disagree.
func (g *ground) minimise(t *testing.T, s script, bad []disagreement) (script, []disagreement) {
	t.Helper()
	shots := []shot{bad[0].shot}
	for again := true; again; {
		again = false
		for p := range s.parts() {
			for i := 0; i < len(*s.parts()[p]); i++ {
				list := *s.parts()[p]
				if list[i].frame {
					continue
				}
				smaller := s
				*smaller.parts()[p] = slices.Delete(slices.Clone(list), i, i+1)
				if b, err := g.judge(t, smaller, shots); err == nil && len(b) > 0 {
					s, bad, again = smaller, b, true
					i--
				}
			}
		}
	}
	for p := range s.parts() {
		if !slices.ContainsFunc(*s.parts()[p], func(l line) bool { return !l.frame }) {
			smaller := s
			*smaller.parts()[p] = nil
			if b, err := g.judge(t, smaller, shots); err == nil && len(b) > 0 {
				s, bad = smaller, b
			}
		}
	}
	return s, bad
}

// describe prints a disagreement as a fixture: what to load, what was sent.
func describe(s script, bad []disagreement) string {
	var b strings.Builder
	r := s.book()
	for _, x := range []struct{ program, text string }{
		{"ipset restore", r.ipset}, {"iptables-legacy-restore", r.legacy4}, {"ip6tables-legacy-restore", r.legacy6},
		{"iptables-nft-restore", r.nft4}, {"ip6tables-nft-restore", r.nft6}, {"nft -f -", r.nft},
	} {
		if x.text != "" {
			fmt.Fprintf(&b, "--- %s\n%s", x.program, x.text)
		}
	}
	for _, f := range r.flows {
		fmt.Fprintf(&b, "--- flow %+v\n", f)
	}
	for _, d := range bad[:min(len(bad), 3)] {
		fmt.Fprintf(&b, "=== %v established=%v\n    kernel: %+v\n    rules (%s): %s %s %v\n", d.shot, d.shot.established, d.kernel, d.how, d.said.Verdict, d.said.With, d.said.Reasons)
		for _, step := range append(slices.Clone(d.said.Trace), d.said.Decider) {
			if step.Chain == nil {
				continue
			}
			text := "policy"
			if step.Rule != nil {
				text = step.Rule.Text
			}
			fmt.Fprintf(&b, "      %s %s: %s (assumed %v): %s\n", step.Chain.Name, step.What, text, step.Assumed, d.how)
		}
	}
	return b.String()
}
