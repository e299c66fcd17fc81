package packetfilter

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// everyConstruct is a listing by nft 1.0.6 with one rule for each construct that
// it has.
func everyConstruct(t testing.TB) (listing, text string) {
	return readFile(t, "testdata/nft/everything.json"), readFile(t, "testdata/nft/everything.txt")
}

func eachNFTRule(p Parts, f func(c *Chain, r *Rule)) {
	for _, t := range p.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				f(c, r)
			}
		}
	}
}

func TestEveryRuleIsReadAndWordedAsNFTWordsIt(t *testing.T) {
	listing, text := everyConstruct(t)
	p := ReadNFT(listing)
	if len(p.Faults) > 0 {
		t.Errorf("faults: %v", p.Faults)
	}
	rules, words := map[string]bool{}, SavedWording(readNFTText(text))
	New(p)
	eachNFTRule(p, func(c *Chain, r *Rule) {
		rules[fmt.Sprint(c.Name, r.Handle)] = true
		worded := words.text(c, r)
		if len(r.Exprs) == 0 && worded != "counter" && !strings.HasPrefix(worded, "counter name") {
			t.Errorf("nothing was made of %q", worded)
		}
		if !strings.Contains(text, strings.TrimPrefix(worded, "ct state invalid,new counter ")) && worded != "counter" {
			t.Errorf("%q is not how nft words it", worded)
		}
	})
	if got, want := len(rules), strings.Count(listing, `{"rule":`); got != want {
		t.Errorf("%d rules, want %d", got, want)
	}
}

// What is not known of a packet class is a maybe with its name, and nothing
// else is.
func TestWhatIsNotKnownIsNamed(t *testing.T) {
	listing, _ := everyConstruct(t)
	var got []string
	eachNFTRule(ReadNFT(listing), func(_ *Chain, r *Rule) {
		for _, e := range r.Exprs {
			if u, ok := e.(*Unknown); ok {
				got = append(got, u.What)
			}
		}
	})
	want := strings.Split(strings.TrimSpace(readFile(t, "testdata/nft/unknown.txt")), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unknown matches (-want +got):\n%s", diff)
	}
}

// Without the text listing, the wording comes from the JSON. Marks look
// different there; the rest should not.
func TestWordingWithoutTheTextComesClose(t *testing.T) {
	listing, text := everyConstruct(t)
	words, same, all := SavedWording(readNFTText(text)), 0, 0
	p := ReadNFT(listing)
	New(p)
	eachNFTRule(p, func(c *Chain, r *Rule) {
		all++
		if words.text(c, r) == r.Text {
			same++
		}
	})
	if same*100 < all*70 {
		t.Errorf("%d of %d rules are worded alike", same, all)
	}
}

func TestElementsAreReadWithTheirTimeoutsAndComments(t *testing.T) {
	listing, _ := everyConstruct(t)
	p := ReadNFT(listing)
	set := p.Tables[0].Sets["tmo"]
	var got []string
	for _, e := range set.Elements {
		got = append(got, fmt.Sprint(e.Text, " ", e.Timeout.Round(time.Minute), " ", e.Comment))
	}
	want := []string{"1.1.1.1 5m0s ban", "2.2.2.2 1h0m0s "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	pairs := p.Tables[0].Sets["cc"]
	if got := pairs.Elements[0].Text; got != "1.2.3.0/24 . udp . 5060-5061" {
		t.Errorf("the delete command would say %q", got)
	}
}

func TestAListingThatBreaksOffKeepsWhatCameBefore(t *testing.T) {
	listing, _ := everyConstruct(t)
	at := strings.Index(listing, `"op": "vmap"`)
	if at < 0 {
		at = len(listing) / 2
	}
	p := ReadNFT(listing[:at])
	if len(p.Faults) != 1 || p.Faults[0].Line < 2 || !strings.Contains(string(p.Faults[0].Why), "byte") {
		t.Errorf("faults: %+v", p.Faults)
	}
	n := 0
	eachNFTRule(p, func(c *Chain, r *Rule) {
		n++
		if !c.Incomplete {
			t.Errorf("chain %s is taken for whole", c.Name)
		}
	})
	if n < 20 {
		t.Errorf("only %d rules are left", n)
	}
}

func TestListingsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ listing, want string }{
		"nft without JSON says so":        {"Error: JSON support not compiled-in\n", "not-json"},
		"nothing at all":                  {"", "empty"},
		"JSON of something else":          {`{"a": [1, 2]}`, "other-json"},
		"an array is missing":             {`{"nftables": 3}`, "other-json"},
		"broken in the middle":            {`{"nftables": [{"table": {"family": "ip", "name": "x"}}, {"chain" oops`, "byte"},
		"a rule in a chain nobody listed": {`{"nftables": [{"rule": {"family": "ip", "table": "x", "chain": "c", "handle": 4, "expr": []}}]}`, "rule-astray"},
		"a chain of another shape":        {`{"nftables": [{"chain": {"family": "ip", "table": "x", "name": 5}}]}`, "odd-object"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ReadNFT(c.listing)
			if len(p.Faults) != 1 || !strings.Contains(string(p.Faults[0].Why), c.want) {
				t.Errorf("faults: %+v, want one with %q", p.Faults, c.want)
			}
		})
	}
}

// listingOf makes a listing with one table, one chain and the given rules.
func listingOf(rules ...string) string {
	var b strings.Builder
	b.WriteString(`{"nftables": [{"table": {"family": "inet", "name": "t", "handle": 1}},` +
		`{"ct helper": {"family": "inet", "name": "sip-5060", "table": "t", "handle": 7, "type": "sip", "protocol": "udp"}},` +
		`{"chain": {"family": "inet", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}`)
	for i, r := range rules {
		fmt.Fprintf(&b, `,{"rule": {"family": "inet", "table": "t", "chain": "c", "handle": %d, "expr": %s}}`, i+2, r)
	}
	b.WriteString("]}")
	return b.String()
}

func verdictFor(t *testing.T, r *Ruleset, protocol uint8, from string, port Num) Outcome {
	t.Helper()
	a := netip.MustParseAddr(from)
	out := r.Evaluate(Class{Protocol: protocol, Src: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, SrcPorts: OneNum(40000), DstPorts: OneNum(port)}).Outcomes
	if len(out) != 1 {
		t.Fatalf("%d outcomes for one packet", len(out))
	}
	return out[0]
}

// What the kernel's referee cannot reach: listings of other versions of nft.
func TestOtherVersionsOfNFTAreUnderstood(t *testing.T) {
	const drop = `, {"drop": null}]`
	saddr := `[{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": `
	for name, c := range map[string]struct {
		rule string
		want Decision
	}{
		"states as a list with ==, as old versions write it": {`[{"match": {"op": "==", "left": {"ct": {"key": "state"}}, "right": ["new", "invalid"]}}` + drop, Dropped},
		"states that do not fit":                             {`[{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}` + drop, Accepted},
		"less than and more than, listed as one range":       {`[{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": {"range": [10000, 5000]}}}` + drop, Dropped},
		"and a port that is not between them":                {`[{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": {"range": [6000, 5070]}}}` + drop, Accepted},
		"an address with its length in one string":           {saddr + `"192.0.2.0/24"}}` + drop, Dropped},
		"a statement from the future":                        {`[{"teleport": {"to": "mars"}}` + drop, Maybe},
		"a match from the future":                            {`[{"match": {"op": "==", "left": {"aura": {"key": "colour"}}, "right": "red"}}` + drop, Maybe},
		"an operator from the future":                        {`[{"match": {"op": "~", "left": {"meta": {"key": "mark"}}, "right": 0}}` + drop, Maybe},
		"a set that is not listed":                           {saddr + `"@gone"}}` + drop, Maybe},
		"an address that is none":                            {saddr + `"nobody"}}` + drop, Maybe},
		"a queue":                                            {`[{"queue": {"num": 0, "flags": "bypass"}}]`, Maybe},
		"an extension of iptables":                           {`[{"xt": {"type": "match", "name": "recent"}}` + drop, Maybe},
		"a log of iptables and no more":                      {`[{"xt": {"type": "target", "name": "LOG"}}]`, Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			p := ReadNFT(listingOf(c.rule))
			if len(p.Faults) > 0 {
				t.Errorf("faults: %v", p.Faults)
			}
			if got := verdictFor(t, New(p), UDP, "192.0.2.7", 5060); got.Verdict != c.want {
				t.Errorf("%s (%v), want %s", got.Verdict, got.Reasons, c.want)
			}
		})
	}
}

func TestAHelperIsNamedByItsType(t *testing.T) {
	p := ReadNFT(listingOf(`[{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 5060}}, {"ct helper": "sip-5060"}]`))
	if got := verdictFor(t, New(p), UDP, "192.0.2.7", 5060); cmp.Diff([]string{"sip"}, got.Helpers) != "" {
		t.Errorf("helpers: %q", got.Helpers)
	}
}

// Names of numbers are nft's own: "ipip" is 94 as in /etc/protocols, and "ipencap"
// what many call so.
func TestNamesThatNFTWritesForNumbers(t *testing.T) {
	tooBig := `[{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": "packet-too-big"}}, {"drop": null}]`
	tunnel := `[{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "ipip"}}, {"drop": null}]`
	for name, c := range map[string]struct {
		rule  string
		class Class
		want  Decision
	}{
		"the message that a packet is too big":  {tooBig, Class{Protocol: ICMPv6, IPv6: true, ICMPType: 2}, Dropped},
		"a ping is not that message":            {tooBig, Class{Protocol: ICMPv6, IPv6: true}, Accepted},
		"protocol 94":                           {tunnel, Class{Protocol: 94}, Dropped},
		"protocol 4, which nft calls otherwise": {tunnel, Class{Protocol: 4}, Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			out := New(ReadNFT(listingOf(c.rule))).Evaluate(c.class).Outcomes
			if len(out) != 1 || out[0].Verdict != c.want {
				t.Errorf("%+v, want %s", out, c.want)
			}
		})
	}
}

// bigNFT is a listing with n banned networks in a set.
func bigNFT(n int) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(listingOf(
		`[{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@banned"}}, {"drop": null}]`), "]}"))
	b.WriteString(`,{"set": {"family": "inet", "name": "banned", "table": "t", "type": "ipv4_addr", "handle": 9, "flags": ["interval", "timeout"], "elem": [`)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		a := netip.AddrFrom4([4]byte{20, byte(i >> 14), byte(i >> 6), byte(i << 2)})
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "%q", a)
		case 1:
			fmt.Fprintf(&b, `{"prefix": {"addr": %q, "len": 31}}`, a)
		default:
			fmt.Fprintf(&b, `{"elem": {"val": %q, "timeout": 3600, "expires": 1234}}`, a)
		}
	}
	b.WriteString("]}}]}")
	return b.String()
}

func BenchmarkNFTSetOf100000(b *testing.B) {
	listing := bigNFT(100_000)
	b.ReportAllocs()
	for b.Loop() {
		r := New(ReadNFT(listing))
		out := r.Evaluate(Class{Protocol: UDP, Src: []netip.Prefix{netip.MustParsePrefix("20.0.0.0/32")}}).Outcomes
		if len(out) != 1 || out[0].Verdict != Dropped {
			b.Fatalf("%+v", out)
		}
	}
}

func FuzzReadNFT(f *testing.F) {
	listing, _ := everyConstruct(f)
	// One construct each: whole listings would only be mutated more slowly.
	var all struct{ Nftables []json.RawMessage }
	if err := json.Unmarshal([]byte(listing), &all); err != nil {
		f.Fatal(err)
	}
	head := `{"nftables": [{"table": {"family": "inet", "name": "t"}}, {"chain": {"family": "inet", "table": "t", "name": "in", "hook": "input", "type": "filter"}}, `
	for _, o := range all.Nftables {
		f.Add(head+string(o)+"]}", "")
	}
	f.Add(bigNFT(3), "table ip t {\n\tchain c {\n\t\taccept # handle 5\n\t}\n}\n")
	f.Fuzz(func(t *testing.T, listing, text string) {
		readNFTText(text)
		p := ReadNFT(listing)
		for _, x := range p.Faults {
			if x.Why == "" || x.Tool != ToolNFT {
				t.Errorf("fault without words: %+v", x)
			}
		}
		New(p).Evaluate(Class{Protocol: UDP, Src: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, DstPorts: NumSet{{5060, 5061}}})
	})
}
