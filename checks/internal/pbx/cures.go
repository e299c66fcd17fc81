package pbx

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// EditFilter is the cure of that ID that edits the packet filter's rules; none
// where there is nothing to edit.
func EditFilter(id string, args words.Args, edits []packetfilter.RuleEdit) []fixes.Fix {
	if len(edits) == 0 {
		return nil
	}
	return fixes.Build(id, fixes.FilterPlatform(edits[0]), args, packetfilter.Plan(edits)...)
}

// AddStep adds a step that is not in the list: several rules or connections may
// be ended by one and the same command.
func AddStep(list []command.Step, s command.Step) []command.Step {
	same := func(o command.Step) bool { return slices.EqualFunc(o.Do, s.Do, command.Command.Equal) }
	if len(s.Do) == 0 || slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, s)
}

// AddressVars are what the catalogue's commands may name of an address.
func AddressVars(p netip.Prefix) map[string]string {
	family := "ipv4"
	if p.Addr().Is6() {
		family = "ipv6"
	}
	address := AddressText(p)
	return map[string]string{
		"Address": address, "Network": p.Masked().String(), "Family": family,
		"AddressName": strings.NewReplacer("/", "_", ":", "-").Replace(address),
	}
}

// ExemptFromJails is the cure that has jails of fail2ban spare an address; none
// without a jail.
func ExemptFromJails(p netip.Prefix, jails []string) []fixes.Fix {
	var parts []fixes.Fix
	for _, jail := range jails {
		v := AddressVars(p)
		v["Jail"] = jail
		parts = append(parts, fixes.On(fixes.ExemptAddress, "fail2ban", v)...)
	}
	return fixes.Join(parts)
}
