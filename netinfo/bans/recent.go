package bans

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// RecentLimit is a loaded rule that asks a recent list: so many packets within
// so many seconds, and what happens then.
type RecentLimit struct {
	List     string
	Seconds  int // 0: however long ago
	HitCount int // 0 counts as 1
	Target   string
	Rule     string // as the tool lists it
}

// NearBan is an address that a recent list counts towards a ban.
type NearBan struct {
	List    string     `json:"list"`
	Addr    netip.Addr `json:"addr"`
	Hits    int        `json:"hits"` // within Seconds
	Limit   int        `json:"limit"`
	Seconds int        `json:"seconds"`
}

// blockingTarget reports whether a target keeps a source out, as the chains of
// FreePBX do.
func blockingTarget(target string) bool {
	return slices.Contains([]string{"DROP", "REJECT", "TARPIT", "fpbxattacker", "fpbxshortblock"}, target)
}

// NearRecent lists the limits of recent lists that an address has used at least
// half of. Limits are the loaded rules that ask the lists; without any, FreePBX's
// lists are judged by the limits it ships.
func NearRecent(tables []*packetfilter.RecentTable, limits []RecentLimit, asked netip.Prefix) (near []NearBan) {
	asked = nets.Normal(asked)
	for _, t := range tables {
		rules := limitsOf(t.Name, limits)
		for _, e := range t.Entries {
			if asked.Contains(e.Addr.Unmap()) {
				near = append(near, nearBans(t.Name, e, rules)...)
			}
		}
	}
	return near
}

// limitsOf picks the blocking rules of a list, the longest-lasting first.
func limitsOf(list string, limits []RecentLimit) (mine []RecentLimit) {
	for _, l := range limits {
		if l.List == list && blockingTarget(l.Target) {
			mine = append(mine, l)
		}
	}
	if len(limits) == 0 {
		mine = freePBXLimits(list)
	}
	slices.SortStableFunc(mine, func(a, b RecentLimit) int { return b.Seconds - a.Seconds })
	return mine
}

// freePBXLimits are the limits of the responsive firewall as FreePBX ships
// them (firewall module, drivers/Iptables.class.php, getDefaultRules).
func freePBXLimits(list string) []RecentLimit {
	switch list {
	case "ATTACKER":
		return []RecentLimit{{List: list, Seconds: 86400, HitCount: 1, Target: "fpbxattacker"}}
	case "REPEAT":
		return []RecentLimit{{List: list, Seconds: 86400, HitCount: 100, Target: "fpbxattacker"}, {List: list, Seconds: 10, HitCount: 50, Target: "fpbxattacker"}}
	case "SIGNALLING":
		return []RecentLimit{{List: list, Seconds: 60, HitCount: 10, Target: "fpbxshortblock"}}
	}
	return nil
}

// within counts the packets of the last so many seconds; 0 when the kernel's
// clock is not known.
func within(e packetfilter.RecentEntry, l RecentLimit) (hits int) {
	for _, age := range e.Ages {
		if l.Seconds == 0 || age <= platform.Seconds(l.Seconds) {
			hits++
		}
	}
	return hits
}

// nearBans lists the limits that are at least half used up.
func nearBans(list string, e packetfilter.RecentEntry, limits []RecentLimit) (near []NearBan) {
	for _, l := range limits {
		hits := within(e, l)
		if l.HitCount > 1 && hits < l.HitCount && 2*hits >= l.HitCount {
			near = append(near, NearBan{List: list, Addr: e.Addr.Unmap(), Hits: hits, Limit: l.HitCount, Seconds: l.Seconds})
		}
	}
	return near
}
