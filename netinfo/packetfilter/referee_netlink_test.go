//go:build linux

package packetfilter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/nftlist"
)

// Long tables are read from the kernel. Whatever rules are in one, it must be
// what nft lists, or be left to nft.
func TestTablesReadFromTheKernelAreWhatNftLists(t *testing.T) {
	seed, n := seedAndCount(t)
	if !alone(t) {
		return
	}
	g := newGround(t)
	here, left := 0, 0
	for i := range uint64(n / 2) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed+i, 9)), hook: "input"}
		s := script{nft: d.nft()}
		if i%4 > 0 { // most with few rules, so that there are chains without any odd one
			s.nft = slices.DeleteFunc(s.nft, func(l line) bool { return !l.frame && d.chance(80) })
		}
		if err := g.loadWhatFits(&s); err != nil {
			t.Fatalf("seed %d: %v", seed+i, err)
		}
		for _, l := range s.nft {
			if f := strings.Fields(l.text); f[0] == "table" {
				same, err := sameTable(t, f[1], f[2])
				switch {
				case errors.Is(err, errors.ErrUnsupported):
					left++
				case err != nil || !same:
					t.Fatalf("seed %d: %v\n%s", seed+i, err, describe(s, nil))
				default:
					here++
				}
			}
		}
	}
	t.Logf("%d tables read, %d left to nft", here, left)
	if here < n/4 {
		t.Errorf("only %d of %d tables were read", here, here+left)
	}
}

// sameTable compares a table read from the kernel with nft's listing.
func sameTable(t *testing.T, family, name string) (bool, error) {
	t.Helper()
	nft := func(_ context.Context, args ...string) ([]byte, error) {
		return run("", append([]string{"nft"}, args...)...)
	}
	got, err := nftlist.Table(t.Context(), family, name, 0, nft)
	if err != nil {
		return false, err
	}
	want, err := nft(t.Context(), "-a", "-j", "list", "table", family, name)
	if err != nil {
		return false, err
	}
	d := cmp.Diff(withoutVersion(t, want), withoutVersion(t, got))
	if d != "" {
		t.Logf("table %s %s (-nft +kernel):\n%s", family, name, d)
	}
	return d == "", nil
}

// withoutVersion is what a listing holds, sets and maps first. Between two
// listings, time goes by.
func withoutVersion(t *testing.T, listing []byte) (list []map[string]any) {
	t.Helper()
	var sets, rest []map[string]any
	var all struct {
		NFTables []map[string]any `json:"nftables"`
	}
	listing = regexp.MustCompile(`"expires": *[0-9]+`).ReplaceAll(listing, []byte(`"expires":0`))
	if err := json.Unmarshal(listing, &all); err != nil {
		t.Fatalf("%v in %s", err, listing)
	}
	for _, o := range all.NFTables {
		switch {
		case o["map"] != nil:
			list = append(list, o)
		case o["set"] != nil:
			sets = append(sets, o)
		case o["metainfo"] == nil:
			rest = append(rest, o)
		}
	}
	return slices.Concat(list, sets, rest)
}

// What a machine with long tables loads is the same, whether they were read from
// the kernel or listed by the programs.
func TestLongTablesLoadAsTheProgramsListThem(t *testing.T) {
	if !alone(t) {
		return
	}
	ban := func(i int) string { return fmt.Sprintf("100.64.%d.%d", i>>8, i&255) }
	ours := "table inet f2b {\nset bad { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.7 } }\nchain odd {\nct state vmap { invalid : drop }\nicmp type echo-request accept\n}\n" +
		"chain input {\ntype filter hook input priority -1; policy accept;\njump odd\nip saddr @bad drop\nudp dport { 5060, 5061 } counter accept\n"
	theirs := "*mangle\n-A PREROUTING -m mark --mark 0x1 -j ACCEPT\nCOMMIT\n*filter\n:f2b - [0:0]\n-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b\n"
	for i := range 1500 {
		ours += "ip saddr " + ban(i) + " udp dport 5060 counter drop comment \"ban " + ban(i) + "\"\n"
		theirs += "-A f2b -s " + ban(i) + "/32 -j REJECT --reject-with icmp-port-unreachable\n"
	}
	must(t, newGround(t).load(rulebook{nft: ours + "}\n}\n", nft4: theirs + "COMMIT\n"}))
	sys := platform.ThisSystem()
	for line, sign := range map[string]string{"iptables-nft-save -c": "in the stead of", "nft -a -j list table inet f2b": `{"nftables":[{"table"`} {
		out, err := sys.Run(t.Context(), strings.Fields(line)[0], strings.Fields(line)[1:]...)
		if err != nil || !strings.Contains(string(out[:min(len(out), 200)]), sign) {
			t.Errorf("%s was not read from the kernel: %v", line, err)
		}
	}
	got, unread := packetfilter.Load(t.Context(), sys)
	want, unreadToo := packetfilter.Load(t.Context(), listingSystem{sys})
	if len(unread)+len(unreadToo) > 0 || !reflect.DeepEqual(got.Tables, want.Tables) {
		t.Errorf("loaded differently: %v, %v; tables %v", unread, unreadToo, cmp.Diff(rulesIn(got), rulesIn(want)))
	}
}

// rulesIn words all rules, for people to see where two rulesets differ.
func rulesIn(r *packetfilter.Ruleset) (list []string) {
	for _, t := range r.Tables {
		for _, c := range t.Chains {
			for _, rule := range c.Rules {
				list = append(list, fmt.Sprint(t.Tool, " ", t.Family, " ", t.Name, " ", c.Name, " ", rule.Position, " ", rule.Handle, " ", rule.Text))
			}
		}
	}
	return list
}

// listingSystem runs the programs of the packet filter itself.
type listingSystem struct{ platform.System }

func (s listingSystem) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	if strings.HasSuffix(program, "-nft-save") || program == "nft" && args[len(args)-1] != "tables" {
		return run("", append([]string{program}, args...)...)
	}
	return s.System.Run(ctx, program, args...)
}

// A cure tells a rule of nft by its text. Where no text was listed for it,
// because its form is a plain one, the text is nft's all the same.
func TestPlainRulesAreWordedAsNftWordsThem(t *testing.T) {
	seed, n := seedAndCount(t)
	if !alone(t) {
		return
	}
	g := newGround(t)
	plain := 0
	for i := range uint64(n / 2) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed+i, 11)), hook: "input"}
		s := script{nft: d.nft()}
		s.nft = append(s.nft, line{"table inet plain {\nchain c {", true}, line{"ip saddr " + d.nftBan() + " drop", false},
			line{"ip6 saddr 2001:db8::/33 udp dport 5060-5070 counter drop comment \"by hand; # handle 7\"", false}, line{"}\n}", true})
		if err := g.loadWhatFits(&s); err != nil {
			t.Fatalf("seed %d: %v", seed+i, err)
		}
		listing, err1 := run("", "nft", "-a", "-j", "list", "ruleset")
		text, err2 := run("", "nft", "-s", "-a", "list", "ruleset")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		plain += plainRules(t, string(listing), string(text))
	}
	if t.Logf("%d plain rules", plain); plain < n {
		t.Errorf("only %d rules were plain", plain)
	}
}

func (d *dice) nftBan() string {
	return nftGen{dice: d}.op() + pick(d, "10.1.2.3", "10.1.0.0/16", "198.18.0.0/15", "10.1.2.4-10.1.3.4")
}

// plainRules counts the rules that are worded without asking nft, and compares
// their text.
func plainRules(t *testing.T, listing, text string) (n int) {
	t.Helper()
	for _, table := range packetfilter.New(packetfilter.ReadNFT(listing)).Tables {
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				sys := &askedSystem{System: platform.ThisSystem()}
				change := packetfilter.Step{Chain: c, Rule: r}.Delete(packetfilter.NewWording(t.Context(), sys))
				if len(change.Rules) != 1 || sys.asked {
					continue
				}
				n++
				if got := change.Rules[0].NFT.Text; !strings.Contains(text, fmt.Sprintf("\t%s # handle %d\n", got, r.Handle)) {
					t.Errorf("rule %d is worded %q, and not so by nft", r.Handle, got)
				}
			}
		}
	}
	return n
}

// askedSystem runs nothing, and remembers that it was to.
type askedSystem struct {
	platform.System
	asked bool
}

func (s *askedSystem) Run(context.Context, string, ...string) ([]byte, error) {
	s.asked = true
	return nil, errors.ErrUnsupported
}
