package routeros

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARowIsFoundByWhatItSays(t *testing.T) {
	c := fasttracked(t)
	k := c.Console()
	for _, line := range []string{
		"/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060",
		"/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5061",
		"/ip firewall filter add chain=forward action=drop protocol=gre",
		"/ip firewall filter add chain=forward action=drop protocol=gre",
		"/ip firewall filter add chain=output action=accept comment=\"a \\\"b\\\" \\$c\"",
	} {
		if _, err := k.Type(line); err != nil {
			t.Fatal(line, err)
		}
	}
	var got []string
	for r := range c.Rows("/ip/firewall/filter") {
		find, ok := c.Find(r)
		if !ok {
			find = "none"
		} else if out, err := k.Type("/ip firewall filter print count-only where " + find[len("[find where "):len(find)-1]); err != nil || out != "1\n" {
			t.Errorf("%s finds %s (%v)", find, out, err)
		}
		got = append(got, find)
	}
	want := []string{
		`[find where comment="special dummy rule to show fasttrack counters"]`,
		`[find where comment="defconf: accept established,related,untracked"]`,
		`[find where comment="defconf: drop invalid" and chain=input]`,
		`[find where comment="defconf: accept ICMP"]`,
		`[find where comment="defconf: accept to local loopback (for CAPsMAN)"]`,
		`[find where comment="defconf: drop all not coming from LAN"]`,
		`[find where comment="defconf: accept in ipsec policy"]`,
		`[find where comment="defconf: accept out ipsec policy"]`,
		`[find where comment="defconf: fasttrack"]`,
		`[find where comment="defconf: accept established,related, untracked"]`,
		`[find where comment="defconf: drop invalid" and chain=forward]`,
		`[find where comment="defconf: drop all from WAN not DSTNATed"]`,
		`[find where dst-port=5060]`,
		`[find where dst-port=5061]`,
		"none", "none",
		`[find where comment="a \"b\" \$c"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
