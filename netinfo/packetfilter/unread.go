package packetfilter

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Unread is a part of the packet filter that could not be read. An evaluation
// without it may take a packet for accepted that a rule there drops.
type Unread struct {
	What string // "iptables-legacy-save"
	Why  words.Reason
	// Err is what the system answered, or ErrNotInBundle; nil where what it
	// answered was not understood.
	Err       error
	Privilege bool // root could have read it
	// Family is whose packets it is about: FamilyIP, FamilyIP6, or empty for
	// those of both.
	Family TableFamily
	// Aside reports that nothing hints at rules in it, or that the matches which
	// need it are evaluated as not known: an answer without it holds, and says
	// what it is without.
	Aside bool
}

// ErrNotInBundle is why a program's listing was not read from a bundle.
var ErrNotInBundle = errors.New("what it printed is not in the bundle")

// Matters reports whether a packet that the rest accepts may be dropped here.
func (u Unread) Matters(ipv6 bool) bool {
	return !u.Aside && (u.Family == "" || (u.Family == FamilyIP6) == ipv6)
}

// Reason names what was not read and why.
func (u Unread) Reason() words.Reason { return u.Why.In("packetfilter.unread", "why", "what", u.What) }

// FirstUnread is about the first part that matters to packets of a family; zero
// when all was read.
func FirstUnread(list []Unread, ipv6 bool) words.Reason {
	for _, u := range list {
		if u.Matters(ipv6) {
			return u.Reason()
		}
	}
	return ""
}

// failed notes what the system did not let us read.
func (l *loader) failed(what string, err error, aside bool) {
	l.missed(Unread{What: what, Why: platform.Words(err).Reason(), Err: err, Privilege: errors.Is(err, platform.ErrPrivilege), Aside: aside})
}

// missed notes what could not be read.
func (l *loader) missed(u Unread) {
	switch what := u.What; {
	case strings.HasPrefix(what, "ip6tables"):
		u.Family = FamilyIP6
	case strings.HasPrefix(what, "iptables"):
		u.Family = FamilyIP
	}
	l.unread = append(l.unread, u)
}

// run runs a program that may not be there, which is not an error.
func (l *loader) run(program string, args ...string) (out []byte, there bool) {
	out, err := l.sys.Run(l.ctx, program, args...)
	switch {
	case errors.Is(err, platform.ErrNotCollected):
		l.unasked = append(l.unasked, program)
		return nil, false
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		l.failed(program, err, l.optional(program, err))
		return out, len(out) > 0
	}
	l.asked = append(l.asked, program)
	return out, true
}

// optional reports whether an answer stands without what a program prints. A
// match of a set that was not read is not known anyhow, and the older back end
// prints nothing where it has no tables, as on most machines that have another.
func (l *loader) optional(program string, err error) bool {
	return program == "ipset" || errors.Is(err, platform.ErrEmptyOutput) && strings.HasSuffix(program, "-legacy-save") &&
		slices.Contains(l.asked, strings.Replace(program, "-legacy-", "-nft-", 1))
}

// add takes over what a front end read.
func (l *loader) add(tool string, p Parts) {
	l.parts = append(l.parts, p)
	if p.Unread != "" {
		l.missed(Unread{What: tool, Why: p.Unread})
	}
}

// ruleset reads all tables of nftables at once, as a bundle made by hand holds
// them.
func (l *loader) ruleset() bool {
	for _, args := range [][]string{{"-a", "-j", "list", "ruleset"}, {"-j", "list", "ruleset"}} {
		if out, ok := l.run("nft", args...); ok {
			l.nftListing(string(out))
			return true
		}
	}
	return false
}

// unlisted is about a table of nftables whose rules nothing listed.
func (l *loader) unlisted(t *Table) words.Reason {
	if !l.sys.Live() {
		return because("table-not-in-bundle", "family", string(t.Family), "table", t.Name)
	}
	return because("table-unlisted", "family", string(t.Family), "table", t.Name)
}

// complete asks whether what was read is all there is. On a machine, a program
// that is not there has no rules that it could list; in a bundle, what nobody
// collected may hold any.
func (l *loader) complete() {
	for _, x := range []struct {
		program string
		family  TableFamily
	}{{"iptables", FamilyIP}, {"ip6tables", FamilyIP6}} {
		save := x.program + "-save"
		listed := slices.ContainsFunc(l.asked, func(p string) bool {
			return p == save || p == x.program+"-nft-save" || p == x.program+"-legacy-save"
		})
		l.legacy(x.program)
		known := slices.ContainsFunc(l.unread, func(u Unread) bool { return u.Family == x.family })
		switch {
		case listed || known || !slices.Contains(l.unasked, save):
		case l.hasTable(x.family):
			l.missed(Unread{What: save, Why: because("not-in-bundle-beside-nft"), Err: ErrNotInBundle, Aside: true})
		default:
			l.missed(Unread{What: save, Why: because("not-in-bundle", "program", save), Err: ErrNotInBundle})
		}
	}
	if slices.Contains(l.unasked, "nft") && !slices.Contains(l.asked, "nft") {
		l.missed(Unread{What: "nft", Why: because("not-in-bundle-beside-iptables"), Err: ErrNotInBundle, Aside: true})
	}
}

// legacy asks whether tables of the older back end are loaded that nothing
// listed: rules do not go away with the program that made them.
func (l *loader) legacy(program string) {
	if slices.Contains(l.asked, program+"-legacy-save") || slices.Contains(l.asked, program+"-save") && !l.overNFT(program) {
		return
	}
	names, err := platform.ReadSystemFile(l.sys, "/proc/net/"+strings.Replace(program, "tables", "_tables_names", 1), 1<<16)
	tables := strings.Join(strings.Fields(string(names)), ", ")
	switch {
	case err == nil && tables != "":
		l.missed(Unread{What: program, Why: because("tables-loaded", "tables", tables, "program", program+"-save")})
	case slices.Contains(l.warned, program):
		l.missed(Unread{What: program + "-legacy-save", Why: because("legacy-loaded")})
	}
}

// overNFT reports whether the listing of the program without a back end in its
// name was one of nftables.
func (l *loader) overNFT(program string) bool { return slices.Contains(l.nftBacked, program) }

// remarks takes from the comments of a listing what they say of its back end.
func (l *loader) remarks(program, tool, listing string) {
	for _, p := range []string{"iptables", "ip6tables"} {
		if strings.Contains(listing, "\n# Warning: "+p+"-legacy tables present") || strings.HasPrefix(listing, "# Warning: "+p+"-legacy tables present") {
			l.warned = append(l.warned, p)
		}
	}
	first, _, _ := strings.Cut(listing, "\n")
	if tool == program && strings.Contains(first, "(nf_tables)") {
		l.nftBacked = append(l.nftBacked, program)
	}
}

// hasTable reports whether a table was read that packets of a family meet.
func (l *loader) hasTable(f TableFamily) bool {
	return slices.ContainsFunc(l.parts, func(p Parts) bool {
		return slices.ContainsFunc(p.Tables, func(t *Table) bool { return t.Family == f || t.Family == FamilyInet })
	})
}
