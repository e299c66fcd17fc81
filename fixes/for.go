package fixes

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// genericPlatform holds what helps whatever the router is.
const genericPlatform = "generic"

// maxGeneric is how many generic fixes follow a router's own: the reader
// should type, not choose.
const maxGeneric = 2

// For returns the fixes for a problem on this network, the best first: those
// of the recognised router, then those of this very machine, then at most two
// that help anywhere. host may be nil. vars fill the variables of commands,
// {{.Name}}; a fix that needs one that nobody knows is left out. What is offered only if it is proven (Fix.IfProven) comes on top of
// those two: the run decides about it. The result is never shared and may be
// changed.
func For(problem string, host *netinfo.Host, vars map[string]string) []Fix {
	var out []Fix
	if host != nil && host.Router != nil && host.Router.Platform != genericPlatform {
		out = collect(problem, host.Router.Platform, host, vars)
	}
	beyond := beyondFixes(problem, host, vars)
	if problem == SIPALG && host != nil {
		out = append(out, hostFixes(host)...)
	}
	known := len(out) > 0
	if len(beyond) > 0 {
		for i := range out {
			if out[i].Where == "router" {
				out[i].At = host.Uplink.Gateway.String()
			}
		}
		out = append(out, beyond...)
	}
	generic := collect(problem, genericPlatform, host, vars)
	if !known && problem == SIPALG {
		// For the owner of a router we could not recognise: where the commonest
		// boxes keep the switch, and under which name.
		generic = append(ByID(genericPlatform, "find-the-switch", nil), generic...)
	}
	rest := maxGeneric
	for _, f := range generic {
		if !f.IfProven {
			rest--
		}
		if f.IfProven || rest >= 0 {
			out = append(out, f)
		}
	}
	return out
}

// beyondFixes are those of the router after the office's, for what each router in a
// row may do: read SIP, block its port, forget a port. It sees the office's router
// where that one sees phones, so a fix that names the phone is left out.
func beyondFixes(problem string, host *netinfo.Host, vars map[string]string) []Fix {
	if host == nil || host.Beyond == nil || host.Beyond.Router.Platform == "" || !slices.Contains([]string{SIPALG, SIPPortBlocked, UDPTimeout}, problem) {
		return nil
	}
	without := maps.Clone(vars)
	delete(without, "Phone")
	list := collect(problem, host.Beyond.Router.Platform, &netinfo.Host{Router: &host.Beyond.Router}, without)
	for i := range list {
		list[i].At = host.Beyond.Addr.String()
	}
	return slices.DeleteFunc(list, func(f Fix) bool { return f.Where != "router" })
}

// On returns the fixes for a problem on one platform, such as a layer of the
// PBX's own firewall, the best first. The result is never shared and may be
// changed.
func On(problem, platform string, vars map[string]string) []Fix {
	return collect(problem, platform, nil, vars)
}

// ByID returns one fix of a platform, for a caller that knows which of several
// rows fits; nothing if it needs a variable nobody knows. The result is never
// shared and may be changed.
func ByID(platform, id string, vars map[string]string) []Fix {
	if r := findRow(catalogue(), platform+"/"+id); r != nil {
		if f, ok := r.build(platform, values(*r, nil, vars)); ok {
			return []Fix{f}
		}
	}
	return nil
}

// ThisHost returns the fixes for a problem of the very machine that checks, by
// its system. host may be nil. The result is never shared and may be changed.
func ThisHost(problem string, host *netinfo.Host) []Fix {
	if host == nil {
		return nil
	}
	platforms := map[string]string{"linux": "systemd", "windows": "windows", "darwin": "macos"}
	return On(problem, platforms[host.OS], nil)
}

// Join makes one fix out of several that are done together, and none out of
// none: the title is the first's, the commands run in order, the undo in reverse. A line that two have,
// such as "commit", comes once, after both. Every part keeps its verification and
// its note, and a choice in one makes it one of all.
func Join(list []Fix) []Fix {
	if len(list) == 0 {
		return nil
	}
	f := list[0]
	f.Parts = f.parts()
	for _, g := range list[1:] {
		f.Parts = slices.Concat(f.Parts, g.parts())
		f.UndoFor = undoFor(f, g)
		f.Commands = union(f.Commands, g.Commands)
		f.Undo = union(g.Undo, f.Undo)
		f.Verify = union(f.Verify, g.Verify)
		f.UnverifiedLines = union(f.UnverifiedLines, g.UnverifiedLines)
		f.Persistent = f.Persistent && g.Persistent
		f.Unverified = f.Unverified || g.Unverified
		f.Choice = f.Choice || g.Choice
	}
	f.Say(words.English)
	return []Fix{f}
}

// union puts b's lines after a's; one that both have comes last.
func union(a, b []string) []string {
	return slices.Concat(slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) }), b)
}

// undoFor is UndoFor of f and g together, as far as both are known and no line
// moves.
func undoFor(f, g Fix) []int {
	shared := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
	}
	if f.UndoFor == nil || g.UndoFor == nil || shared(f.Commands, g.Commands) || shared(f.Undo, g.Undo) {
		return nil
	}
	var out []int
	for _, n := range g.UndoFor {
		out = append(out, n+len(f.Commands))
	}
	return append(out, f.UndoFor...)
}

// parts are what f is made of.
func (f Fix) parts() []Part {
	if len(f.Parts) > 0 {
		return f.Parts
	}
	return []Part{{f.ID, f.Platform, f.Built, f.Args}}
}

// collect fills the rows of one platform that fit the router's version.
func collect(problem, platform string, host *netinfo.Host, vars map[string]string) []Fix {
	version := ""
	if host != nil && host.Router != nil {
		version = host.Router.Version
	}
	var out []Fix
	for _, r := range documentOf(catalogue(), platform).Fixes {
		if r.Problem != problem || r.More || !r.fits(version) {
			continue
		}
		if f, ok := r.build(platform, values(r, host, vars)); ok {
			out = append(out, f)
		}
	}
	return out
}

// Platforms returns every kind of box in the catalogue, by slug, with its words
// in l.
func Platforms(l words.Lang) []Platform {
	var out []Platform
	for _, d := range catalogue() {
		w := d.in(l)
		out = append(out, Platform{Slug: d.Platform, Name: w.Name, Kind: d.kind(), SIPALG: w.SIPALG})
	}
	slices.SortFunc(out, func(a, b Platform) int { return cmp.Compare(a.Slug, b.Slug) })
	return out
}

// fits reports whether the row is for this version; an unknown or unreadable
// version fits every row.
func (r row) fits(version string) bool {
	v := leadingNumbers(version)
	if v == nil {
		return true
	}
	if r.From != "" && slices.Compare(v, leadingNumbers(r.From)) < 0 {
		return false
	}
	return r.Below == "" || slices.Compare(v, leadingNumbers(r.Below)) < 0
}

// leadingNumbers reads "v7.15.3 (stable)" as 7, 15, 3; nil when there is no
// number in front. Trailing zeros do not count, so that 7 equals 7.0.
func leadingNumbers(version string) []int {
	version = strings.TrimLeft(strings.TrimSpace(version), "vV")
	end := strings.IndexFunc(version, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end >= 0 {
		version = version[:end]
	}
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	for len(out) > 1 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	return out
}

// A tableRow is how many connections a box holds as it is shipped. One that
// depends on the memory of the model has no row.
type tableRow struct {
	From   string `yaml:"from"`  // versions: from <= v < below
	Below  string `yaml:"below"` //
	Size   int    `yaml:"size"`
	Source string `yaml:"source"`
}

// ConnectionTable is how many connections the host's router holds, as far as
// its kind says that. ok is false for a router that is not recognised well
// enough, or whose size nobody knows: too large a guess does harm.
func ConnectionTable(host *netinfo.Host) (size int, ok bool) {
	if host == nil || host.Router == nil || host.Router.Confidence == "possible" {
		return 0, false
	}
	d := documentOf(catalogue(), host.Router.Platform)
	for _, t := range d.Connections {
		bounded := t.From != "" || t.Below != ""
		if r := (row{From: t.From, Below: t.Below}); r.fits(host.Router.Version) && (!bounded || leadingNumbers(host.Router.Version) != nil) {
			return t.Size, true
		}
	}
	return 0, false
}
