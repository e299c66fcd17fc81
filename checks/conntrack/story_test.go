package conntrack

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func TestWhatTheKernelDoesWithSIP(t *testing.T) {
	calm := netinfo.ConntrackState{Loaded: true, Count: 12, Max: 1000, UDPTimeout: 30, UDPStreamTimeout: 120}
	with := func(change func(*Observed)) Observed {
		o := Observed{State: calm}
		change(&o)
		return o
	}
	trunk := Trunk{Name: "megafon", Addr: netip.MustParseAddr("198.51.100.9"), EveryS: 3600, New: "drop", Answer: "accept", Allow: []packetfilter.RuleEdit{{IPTables: &command.IPTablesRule{Program: "iptables", Table: "filter", Chain: "INPUT"}, Accept: []string{"-s", "198.51.100.9", "-j", "ACCEPT"}}}}
	for _, tt := range []struct {
		name     string
		o        Observed
		findings []string
		worst    checks.Severity
	}{
		{"all is well", with(func(*Observed) {}), nil, ""},
		{"nothing is tracked", Observed{}, nil, ""},
		{"a rule hands SIP to the helper", with(func(o *Observed) {
			o.Helpers = []Helper{{Rule: "-j CT --helper sip", Edits: []packetfilter.RuleEdit{{Position: 1, IPTables: &command.IPTablesRule{Program: "iptables", Table: "raw", Chain: "PREROUTING", Position: 1, Words: []string{"-j", "CT", "--helper", "sip"}}}}}}
		}), []string{"conntrack.sip-helper"}, checks.Critical},
		{"an old kernel attaches it by itself", with(func(o *Observed) { o.State.AutoHelper, o.State.SIPHelper = true, true }), []string{"conntrack.sip-helper"}, checks.Critical},
		{"the table fills up", with(func(o *Observed) { o.State.Count = 850 }), []string{"conntrack.table-full"}, checks.Warning},
		{"the table is full", with(func(o *Observed) { o.State.Count = 990 }), []string{"conntrack.table-full"}, checks.Critical},
		{"a trunk registers too rarely for the firewall", with(func(o *Observed) { o.Trunks = []Trunk{trunk} }), []string{"conntrack.trunk-forgotten"}, checks.Warning},
		{"a trunk is let in by a rule", with(func(o *Observed) { x := trunk; x.New = "accept"; o.Trunks = []Trunk{x} }), nil, ""},
		{"a trunk is asked every minute", with(func(o *Observed) { x := trunk; x.EveryS = 60; o.Trunks = []Trunk{x} }), nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(tt.o, nil)
			var ids []string
			for _, f := range j.Findings {
				ids = append(ids, f.ID)
			}
			if !slices.Equal(ids, tt.findings) || len(ids) > 0 && j.Findings[0].Severity != tt.worst {
				t.Errorf("findings %v, want %v %s: %+v", ids, tt.findings, tt.worst, j.Summary)
			}
			if (!j.Skip.IsZero()) != !tt.o.State.Loaded {
				t.Errorf("skipped: %+v", j.Skip)
			}
		})
	}
}

// A rule that hands SIP to the helper may be among those that were not read.
func TestRulesThatWereNotReadMayUseTheHelper(t *testing.T) {
	calm := netinfo.ConntrackState{Loaded: true, Count: 12, Max: 1000, UDPTimeout: 30, UDPStreamTimeout: 120}
	if j := judge(Observed{State: calm, Missing: words.Quote("nft: its listing is damaged")}, nil); j.Inconclusive.ID != "conntrack.reason.partly-read" {
		t.Errorf("%+v, %+v", j.Summary, j.Inconclusive)
	}
	found := Observed{State: calm, Missing: words.Quote("nft: its listing is damaged"), Helpers: []Helper{{Rule: "-j CT --helper sip"}}}
	if j := judge(found, nil); !j.Inconclusive.IsZero() || len(j.Findings) != 1 || j.Findings[0].Severity != checks.Critical {
		t.Errorf("what was found counts all the same: %+v, %+v", j.Inconclusive, j.Findings)
	}
}
