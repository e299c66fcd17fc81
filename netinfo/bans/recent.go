package bans

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

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
	Meaning string     `json:"meaning"`
}

// blockingTargets are the targets, besides DROP and REJECT, by which the
// firewalls that are known keep a source out: chains of FreePBX.
func blockingTarget(target string) bool {
	switch target {
	case "DROP", "REJECT", "TARPIT", "fpbxattacker", "fpbxshortblock":
		return true
	}
	return false
}

// FromRecent turns the recent lists into bans and near-bans. Limits are the
// loaded rules that ask them; without any, FreePBX's lists are judged by the
// limits it ships. Lists of other firewalls mean nothing without their rules.
func FromRecent(tables []*packetfilter.RecentTable, limits []RecentLimit, now time.Time, asked netip.Prefix) (Answer, []NearBan) {
	asked = Normal(asked)
	var a Answer
	var near []NearBan
	for _, t := range tables {
		rules := limitsOf(t.Name, limits)
		for _, e := range t.Entries {
			addr := e.Addr.Unmap()
			if !asked.Contains(addr) {
				continue
			}
			a.has(LayerRecent)
			if t.Name == "WHITELIST" || t.Name == "TEMPWHITELIST" {
				a.allow(asked, Allow{Layer: LayerRecent, Where: recentFile(t.Name), Object: e.Text, Prefix: netip.PrefixFrom(addr, addr.BitLen())})
				continue
			}
			for _, l := range rules {
				if b, ok := recentBan(t.Name, e, l, now); ok {
					a.ban(asked, b)
					break // the longest-lasting says it all
				}
			}
			near = append(near, nearBans(t.Name, e, rules)...)
		}
	}
	return a, near
}

func recentFile(list string) string { return "/proc/net/xt_recent/" + list }

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

// within counts the packets of the last so many seconds, and says how old the
// last one is that is needed to reach limit.
func within(e packetfilter.RecentEntry, l RecentLimit) (hits int, deciding time.Duration) {
	if e.Ages == nil { // the kernel's clock is not known: none can be ruled out
		return 0, 0
	}
	need := max(l.HitCount, 1)
	for i, age := range e.Ages {
		if l.Seconds == 0 || age <= time.Duration(l.Seconds)*time.Second {
			hits++
			if i == need-1 {
				deciding = age
			}
		}
	}
	return hits, deciding
}

func recentBan(list string, e packetfilter.RecentEntry, l RecentLimit, now time.Time) (Ban, bool) {
	hits, deciding := within(e, l)
	unclear := e.Ages == nil && e.Packets >= max(l.HitCount, 1)
	if hits < max(l.HitCount, 1) && !unclear {
		return Ban{}, false
	}
	addr := e.Addr.Unmap()
	b := Ban{
		Layer: LayerRecent, Where: recentFile(list), Object: e.Text, Name: list, Prefix: netip.PrefixFrom(addr, addr.BitLen()), Effect: Indirect,
		Reasons: []string{recentMeaning(list)},
		Unban:   []Change{recentRemove(addr, list)},
		Lasting: []Change{freePBXTrust(addr)},
	}
	if !isFreePBXList(list) {
		b.Lasting = nil
	}
	switch {
	case unclear:
		b.Note = fmt.Sprintf("%d packets are remembered; how old they are is not known without the kernel's clock", e.Packets)
	default:
		b.Since = now.Add(-deciding).Truncate(time.Second)
		if l.Seconds > 0 {
			b.Until = now.Add(time.Duration(l.Seconds)*time.Second - deciding).Truncate(time.Second)
		}
		b.Note = fmt.Sprintf("%d packets within %s, the limit is %d", hits, time.Duration(l.Seconds)*time.Second, max(l.HitCount, 1))
	}
	if list == "ATTACKER" {
		b.Note += "; every further packet starts the time anew: stop the phone first, or mend its password"
	}
	return b, true
}

func isFreePBXList(list string) bool { return recentMeaning(list) != "" }

// recentMeaning says what a list of FreePBX's responsive firewall is for.
func recentMeaning(list string) string {
	switch list {
	case "ATTACKER":
		return "FreePBX's responsive firewall takes it for an attacker and drops everything from it until 24 hours pass without a packet"
	case "REPEAT":
		return "FreePBX counts the packets of a source that has not registered"
	case "CLAMPED":
		return "FreePBX refuses it for a minute, because it sent too many requests without registering"
	case "SIGNALLING":
		return "FreePBX counts the SIP requests of a source that has not registered"
	case "DISCOVERED":
		return "FreePBX has seen it ask for a service of the responsive firewall"
	case "WHITELIST", "TEMPWHITELIST":
		return "FreePBX lets it in for 90 seconds, so that it can register"
	}
	return ""
}

// recentRemove forgets an address. Where FreePBX counts it in several lists,
// all that lead to a ban are cleared: one alone would ban it again at once.
func recentRemove(addr netip.Addr, list string) Change {
	lists := []string{list}
	if isFreePBXList(list) {
		lists = []string{"ATTACKER", "REPEAT", "CLAMPED", "SIGNALLING"}
	}
	c := Change{Title: "Forget " + addr.String() + " in the recent lists", Note: "the undo remembers one packet of now, not the old ones"}
	for _, l := range lists {
		file := platform.ShellWord(recentFile(l))
		c.Commands = append(c.Commands, "test ! -e "+file+" || echo -"+addr.String()+" > "+file)
	}
	c.Undo = []string{"echo +" + addr.String() + " > " + platform.ShellWord(recentFile(list))}
	return c
}

func freePBXTrust(addr netip.Addr) Change {
	return Change{
		Title: "Trust " + addr.String() + " in the FreePBX firewall", Persistent: true,
		Commands: []string{"fwconsole firewall trust " + addr.String()}, Undo: []string{"fwconsole firewall untrust " + addr.String()},
		Note: "a phone that registers is let through without this; trust only addresses that stay with the customer",
	}
}

// nearBans lists the limits that are at least half used up.
func nearBans(list string, e packetfilter.RecentEntry, limits []RecentLimit) (near []NearBan) {
	for _, l := range limits {
		hits, _ := within(e, l)
		if l.HitCount > 1 && hits < l.HitCount && 2*hits >= l.HitCount {
			near = append(near, NearBan{List: list, Addr: e.Addr.Unmap(), Hits: hits, Limit: l.HitCount, Seconds: l.Seconds, Meaning: recentMeaning(list)})
		}
	}
	return near
}

// KnownSet says what a set of the packet filter is by its name; empty for a
// name that says nothing.
func KnownSet(name string) string {
	n := strings.ToLower(name)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(n, p) })
	}
	switch {
	case has("crowdsec"):
		return "CrowdSec's firewall bouncer: cscli decisions list says why"
	case has("voipbl"):
		return "VoIPBL, a shared list of VoIP attackers, fetched by cron (/etc/cron.d/voipbl): an address taken out comes back with the next fetch; have its script leave yours out"
	case n == "attackers", has("sshguard"):
		return "sshguard: too many failed logins; it blocks every port"
	case strings.HasPrefix(n, "f2b-"), strings.HasPrefix(n, "fail2ban-"), strings.HasPrefix(n, "addr-set-"), strings.HasPrefix(n, "addr6-set-"):
		return "fail2ban: fail2ban-client says which jail"
	case has("geoip", "geoblock", "country", "xt_geo"), strings.HasPrefix(n, "cc_"):
		return "a list of countries: the address is taken to be in one that is shut out or, if the rule is negated, not in one that is let in"
	case strings.HasPrefix(n, "chain_"), strings.HasPrefix(n, "bl_"), strings.HasPrefix(n, "bl_6"):
		return "CSF: a blocklist of csf.blocklists, fetched again and again; csf.allow lets an address pass"
	case has("spamhaus", "firehol", "blocklist_de", "blocklist-de", "dshield", "bogon", "apiban", "emerging"):
		return "a blocklist from the Internet: an address taken out comes back with the next fetch"
	case has("lefilter"):
		return "FreePBX: ports kept open for Let's Encrypt"
	}
	return ""
}
