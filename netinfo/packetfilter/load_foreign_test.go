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
