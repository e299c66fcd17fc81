package packetfilter_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// printer is a machine that only has programs that print.
type printer struct {
	platform.System
	prints map[string]string
}

func (p printer) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	if out, ok := p.prints[strings.Join(append([]string{program}, args...), " ")]; ok {
		return []byte(out), nil
	}
	return nil, fs.ErrNotExist
}
func (printer) Open(string) (fs.File, error)  { return nil, fs.ErrNotExist }
func (printer) Glob(string) ([]string, error) { return nil, nil }
func (printer) Live() bool                    { return false }
func (printer) Now() time.Time                { return time.Time{} }

// iptables-nft shows a table that was made with nft as if it were empty, and
// says so in a comment. Its rules count all the same.
func TestATableThatIPTablesCannotListIsReadWithNFT(t *testing.T) {
	const chain = `{"nftables":[{"table":{"family":"ip","name":"filter","handle":1}},
		{"chain":{"family":"ip","table":"filter","name":"input","handle":1,"type":"filter","hook":"input","prio":0,"policy":"drop"}}]}`
	for _, complaint := range []string{"# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n"} {
		rules, unread := packetfilter.Load(t.Context(), printer{prints: map[string]string{
			"iptables-nft-save -c":           complaint + "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
			"nft -j list tables":             `{"nftables":[{"table":{"family":"ip","name":"filter","handle":1}}]}`,
			"nft -a -j list table ip filter": chain,
		}})
		if len(unread) > 0 || len(rules.Faults) > 0 {
			t.Fatal(errors.New("not read"), unread, rules.Faults)
		}
		for _, o := range rules.Evaluate(packetfilter.Class{Protocol: 17, Dst: []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")},
			Local: []netip.Addr{netip.MustParseAddr("203.0.113.10")}, DstPorts: packetfilter.OneNum(5060)}).Outcomes {
			if o.Verdict != packetfilter.Dropped {
				t.Errorf("%q: the packet is %s, and the table drops it", complaint, o.Verdict)
			}
		}
	}
}

// What nft leaves out of its JSON is asked for: the interfaces of ingress chains
// in its text, and what meters count in a listing of its own.
func TestWhatNFTLeavesOutIsAskedFor(t *testing.T) {
	const table = `{"nftables":[{"table":{"family":"netdev","name":"t","handle":1}},
		{"chain":{"family":"netdev","table":"t","name":"c","handle":1,"type":"filter","hook":"ingress","prio":0,"policy":"drop"}}]}`
	const meter = `{"nftables":[{"table":{"family":"ip","name":"t","handle":1}},
		{"chain":{"family":"ip","table":"t","name":"c","handle":1,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
		{"rule":{"family":"ip","table":"t","chain":"c","handle":2,"expr":[{"meter":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"stmt":{"limit":{"rate":5,"per":"second","inv":true}},"name":"m"}},{"drop":null}]}}]}`
	meters := func(elements string) string {
		return `{"nftables":[{"meter":{"family":"ip","table":"other","name":"m","type":"ipv4_addr"}},{"meter":{"family":"ip","table":"t","name":"m","type":"ipv4_addr","elem":[` + elements + `]}}]}`
	}
	for name, c := range map[string]struct {
		family, listing string
		prints          map[string]string
		want            packetfilter.Decision
	}{
		"the chain acts on the interface":   {"netdev", table, map[string]string{"nft -t list table netdev t": "table netdev t {\n\tchain c {\n\t\ttype filter hook ingress devices = { eth1, \"eth0\" } priority filter; policy drop;\n\t}\n}\n"}, packetfilter.Dropped},
		"it acts on another":                {"netdev", table, map[string]string{"nft -t list table netdev t": "table netdev t {\n\tchain c {\n\t\ttype filter hook ingress device \"eth1\" priority filter; policy drop;\n\t}\n}\n"}, packetfilter.Accepted},
		"as a bundle made by hand has it":   {"netdev", table, map[string]string{"nft list ruleset": "table inet x {\n}\ntable netdev t {\n\tchain c {\n\t\ttype filter hook ingress device \"eth1\" priority filter; policy drop;\n\t}\n}\n"}, packetfilter.Accepted},
		"nobody tells on which":             {"netdev", table, nil, packetfilter.Maybe},
		"a meter that has not seen it":      {"ip", meter, map[string]string{"nft -j list meters": meters("")}, packetfilter.Accepted},
		"a meter that has":                  {"ip", meter, map[string]string{"nft -j list meters": meters(`{"elem":{"val":"198.51.100.7","limit":{"rate":5,"per":"second"}}}`)}, packetfilter.Maybe},
		"a meter that could not be listed":  {"ip", meter, nil, packetfilter.Maybe},
		"only a meter of another table was": {"ip", meter, map[string]string{"nft -j list meters": `{"nftables":[{"meter":{"family":"ip","table":"other","name":"m","type":"ipv4_addr"}}]}`}, packetfilter.Maybe},
	} {
		t.Run(name, func(t *testing.T) {
			prints := map[string]string{
				"nft -j list tables":                      `{"nftables":[{"table":{"family":"` + c.family + `","name":"t","handle":1}}]}`,
				"nft -a -j list table " + c.family + " t": c.listing,
			}
			for k, v := range c.prints {
				prints[k] = v
			}
			rules, _ := packetfilter.Load(t.Context(), printer{prints: prints})
			got := rules.Evaluate(sipFrom("198.51.100.7/32")).Outcomes
			if len(got) != 1 || got[0].Verdict != c.want {
				t.Errorf("want %s: %+v", c.want, got)
			}
		})
	}
}

// alive is a printer whose answers are of this moment.
type alive struct{ printer }

func (alive) Live() bool { return true }

// A table that was deleted between two questions is gone; one that is still
// there and cannot be listed is unknown.
func TestATableThatVanishesWhileItIsRead(t *testing.T) {
	const names = `{"nftables":[{"table":{"family":"inet","name":"churn","handle":1,"flags":["dormant"]}}]}`
	for name, c := range map[string]struct {
		listing string
		unread  int
	}{
		"deleted meanwhile":      {`{"nftables":[{"metainfo":{"version":"1.0.6"}}]}`, 0},
		"others are left":        {`{"nftables":[{"table":{"family":"ip","name":"churn","handle":2}}]}`, 0},
		"the listing is no good": {`{"nftables":[`, 1},
	} {
		sys := alive{printer{prints: map[string]string{"nft -j list tables": names, "nft -a -j list ruleset": c.listing, "iptables-nft-save -c": "", "ip6tables-nft-save -c": ""}}}
		_, unread := packetfilter.Load(t.Context(), sys)
		n := 0
		for _, u := range unread {
			if strings.Contains(said(u.Reason()), "churn") {
				n++
			}
		}
		if n != c.unread {
			t.Errorf("%s: %v", name, unread)
		}
	}
}
