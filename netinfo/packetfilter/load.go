package packetfilter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// maxAgain is how often a ruleset that changed while it was read is read again.
// fail2ban changes it a few times a minute at worst, and reading takes well
// under a second.
const maxAgain = 3

// Load reads every rule, set and list of s and puts them together. What could
// not be read is named; the rest is there.
func Load(ctx context.Context, s platform.System) (*Ruleset, []Unread) {
	for try := 1; ; try++ {
		before, known := platform.FilterGeneration(s)
		l := &loader{ctx: ctx, sys: s, foreign: map[string]bool{}}
		l.load()
		after, _ := platform.FilterGeneration(s)
		if !known || before == after || ctx.Err() != nil {
			return l.rules(), l.unread
		}
		if try == maxAgain {
			l.missed(Unread{What: "nft", Why: because("changed", "times", strconv.Itoa(try)), Aside: true})
			return l.rules(), l.unread
		}
	}
}

// rules are those of all parts.
func (l *loader) rules() *Ruleset {
	r := New(l.parts...)
	r.Listings, r.TooLong = l.listings, l.bytes > MaxListings
	return r
}

type loader struct {
	ctx    context.Context
	sys    platform.System
	parts  []Parts
	unread []Unread

	listings []Listing // nil when they are longer than MaxListings
	bytes    int       // of them

	asked, unasked []string // programs that answered, and those that a bundle leaves out
	// Programs, iptables and ip6tables: those that a listing says to have older
	// tables as well, and those that are over nftables.
	warned, nftBacked []string
	foreign           map[string]bool // tables that iptables-nft names and does not list, "ip nat"
}

func (l *loader) load() {
	l.iptables("iptables", ToolIPTablesNFT, ToolIPTablesLegacy)
	l.iptables("ip6tables", ToolIP6TablesNFT, ToolIP6TablesLegacy)
	l.nft()
	if out, ok := l.run("ipset", "save"); ok {
		l.parts = append(l.parts, l.read(Listing{Tool: ToolIPSet, Text: string(out)}))
	}
	l.recent()
	l.hashLimits()
	l.complete()
}

// iptables reads both back ends of one family. A system with a single iptables
// has neither name; its own listing says what it is.
func (l *loader) iptables(program, nft, legacy string) {
	found := false
	for _, tool := range []string{nft, legacy} {
		if out, ok := l.run(tool+"-save", "-c"); ok {
			found = true
			l.remarks(program, tool, string(out))
			maps.Copy(l.foreign, notListed(tool, string(out)))
			l.add(tool, l.read(Listing{Tool: tool, Text: string(out)}))
		}
	}
	if found {
		return
	}
	for _, args := range [][]string{{"-c"}, nil} {
		if out, ok := l.run(program+"-save", args...); ok {
			l.remarks(program, program, string(out))
			l.add(program, l.read(Listing{Tool: program, Text: string(out)}))
			return
		}
	}
}

// nft reads the tables of nftables that iptables has not listed already: those
// would only be listed again, at several times the size and with the matches
// left out that nft does not know.
func (l *loader) nft() {
	list, ok := l.run("nft", "-j", "list", "tables")
	if !ok {
		l.ruleset()
		return
	}
	tables := ReadNFT(string(list))
	if tables.Unread != "" {
		l.missed(Unread{What: "nft", Why: tables.Unread})
		return
	}
	var odd []*Table
	for _, t := range tables.Tables {
		switch {
		case l.listed(t):
		// nft reads its arguments as a script, and a table may be named like one.
		case !command.IsNFTName(t.Name):
			odd = append(odd, t)
		default:
			out, err := l.sys.Run(l.ctx, "nft", "-a", "-j", "list", "table", string(t.Family), t.Name)
			if err != nil { // some names are words of nft's language
				odd = append(odd, t)
				continue
			}
			l.nftListing(string(l.withMeters(out, t)))
		}
	}
	l.oddTables(odd)
}

// oddTables reads tables that nft cannot be asked for by name out of the
// listing of all of them.
func (l *loader) oddTables(tables []*Table) {
	if len(tables) == 0 {
		return
	}
	out, ok := l.run("nft", "-a", "-j", "list", "ruleset")
	if !ok && !l.sys.Live() {
		out, _ = l.run("nft", "-j", "list", "ruleset")
	}
	for _, t := range tables {
		part, ok := onlyTable(out, t)
		switch {
		case !ok && l.gone(out, t):
			continue
		case !ok:
			l.missed(Unread{What: "nft", Why: l.unlisted(t)})
			continue
		}
		l.nftListing(string(part))
	}
}

// gone reports whether a table was deleted after its name was read: a listing of
// all tables of this very machine no longer has it.
func (l *loader) gone(listing []byte, t *Table) bool {
	there := ReadNFT(string(listing))
	return there.Unread == "" && l.sys.Live() && !slices.ContainsFunc(there.Tables, func(x *Table) bool { return x.Family == t.Family && x.Name == t.Name })
}

// onlyTable leaves one table in a listing of nft; ok is false when it is not
// there.
func onlyTable(listing []byte, t *Table) (part []byte, ok bool) {
	var all nftObjects
	if json.Unmarshal(listing, &all) != nil {
		return nil, false
	}
	kept := all.Objects[:0]
	for _, object := range all.Objects {
		for kind, raw := range object {
			var x struct{ Family, Table, Name string }
			if json.Unmarshal(raw, &x) != nil {
				continue
			}
			if kind == "table" {
				x.Table = x.Name
			}
			if x.Family == string(t.Family) && x.Table == t.Name {
				kept, ok = append(kept, object), ok || kind == "table"
			}
		}
	}
	part, err := json.Marshal(nftObjects{kept})
	return part, ok && err == nil
}

// nftObjects is a listing of nft whose objects are not read yet.
type nftObjects struct {
	Objects []map[string]json.RawMessage `json:"nftables"`
}

// listed reports whether iptables-nft has listed the table.
func (l *loader) listed(t *Table) bool {
	if l.foreign[string(t.Family)+" "+t.Name] {
		return false
	}
	return slices.ContainsFunc(l.parts, func(p Parts) bool {
		return slices.ContainsFunc(p.Tables, func(o *Table) bool {
			return (strings.HasSuffix(o.Tool, "-nft") || l.overNFT(o.Tool)) && o.Family == t.Family && o.Name == t.Name
		})
	})
}

// readClock reads the kernel's clock out of /proc/timer_list: "now at N nsecs"
// since the start, and jiffies, which begin 300 seconds before the 32-bit
// counter turns over (INITIAL_JIFFIES, linux/jiffies.h). The rate that fits
// both is the kernel's.
func readClock(timers string) Clock {
	now, jiffies := numberAfter(timers, "now at "), numberAfter(timers, "jiffies: ")
	if now == 0 || jiffies == 0 {
		return Clock{}
	}
	for _, hz := range []int{100, 250, 300, 1000} {
		started := uint64(1)<<32 - 300*uint64(hz)
		// The two numbers are written within a few ticks of each other.
		if diff := int64(jiffies) - int64(started+now/uint64(1e9/hz)); diff > -int64(hz) && diff < int64(hz) {
			return Clock{Jiffies: jiffies, Hz: hz}
		}
	}
	return Clock{}
}

// numberAfter is the number after the first occurrence of a phrase; 0 when
// there is none.
func numberAfter(text, phrase string) (n uint64) {
	_, rest, _ := strings.Cut(text, phrase)
	_, _ = fmt.Sscan(rest, &n)
	return n
}

// maxRecent bounds one list of the recent match: xt_recent keeps 100 addresses
// by default, and its largest hash has a few 10,000.
const maxRecent = 32 << 20

func (l *loader) recent() {
	// The lists keep times by the kernel's own clock. Without it (it is root's
	// alone) only the numbers of packets are known.
	if names, _ := l.sys.Glob("/proc/net/xt_recent/*"); len(names) > 0 {
		timers, _ := platform.ReadSystemFile(l.sys, "/proc/timer_list", maxRecent)
		l.kernelLists(names, Listing{Tool: listRecent, Clock: readClock(string(timers))})
	}
}

// hashLimits reads what hashlimits count. One that is not read is unknown.
func (l *loader) hashLimits() {
	for dir, family := range map[string]TableFamily{"ipt_hashlimit": FamilyIP, "ip6t_hashlimit": FamilyIP6} {
		names, _ := l.sys.Glob("/proc/net/" + dir + "/*")
		l.kernelLists(names, Listing{Tool: listHashLimit, Family: family})
	}
}

// kernelLists reads files of the kernel; x says what they are.
func (l *loader) kernelLists(names []string, x Listing) {
	for _, name := range names {
		b, err := platform.ReadSystemFile(l.sys, name, maxRecent)
		if err != nil {
			l.failed(name, err, true)
			continue
		}
		x.Name, x.Text = path.Base(name), string(b)
		l.parts = append(l.parts, l.read(x))
	}
}

// withMeters puts the meters of a table into its listing, which leaves them out.
func (l *loader) withMeters(listing []byte, t *Table) []byte {
	if !bytes.Contains(listing, []byte(`"meter"`)) {
		return listing
	}
	out, ok := l.run("nft", "-j", "list", "meters")
	var all, meters nftObjects
	if !ok || json.Unmarshal(listing, &all) != nil || json.Unmarshal(out, &meters) != nil {
		return listing
	}
	for _, object := range meters.Objects {
		var x nftSet
		if raw, ok := object["meter"]; ok && json.Unmarshal(raw, &x) == nil && x.Family == t.Family && x.Table == t.Name {
			all.Objects = append(all.Objects, object)
		}
	}
	whole, err := json.Marshal(all)
	if err != nil {
		return listing
	}
	return whole
}
