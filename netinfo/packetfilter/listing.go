package packetfilter

import (
	"slices"
	"strings"
)

// Listing is what was read of a packet filter in one piece: what a program
// printed, or a file of the kernel. Parse makes rules of listings again, without
// the machine.
type Listing struct {
	Tool   string      `json:"tool"`             // whose listing it is: ToolNFT …, or listRecent, listHashLimit
	Name   string      `json:"name,omitempty"`   // of a list of the kernel
	Family TableFamily `json:"family,omitempty"` // of a hashlimit
	Text   string      `json:"text"`
	Clock  Clock       `json:"clock,omitzero"` // of a list of the recent match
	// Devices are the interfaces of chains that an older nft leaves out of its
	// JSON, by family, table and chain.
	Devices map[string][]string `json:"devices,omitempty"`
}

// The tools of listings that are files of the kernel.
const (
	listRecent    = "xt_recent"
	listHashLimit = "xt_hashlimit"
)

// MaxListings bounds the bytes of the listings that are kept beside the rules:
// 10,000 rules, more than most servers have. Compressed they are some 100 KB,
// which a ticket system takes; those of 100,000 rules would be 20 times that.
const MaxListings = 1 << 20

// Parse puts listings together as Load does.
func Parse(list []Listing) *Ruleset {
	var parts []Parts
	for _, l := range list {
		parts = append(parts, l.parts())
	}
	r := New(parts...)
	r.Listings = list
	return r
}

// parts reads the listing. A tool that is not known has none: a report may be
// forged, and the tool is the program of a command.
func (l Listing) parts() Parts {
	switch l.Tool {
	case ToolNFT:
		p := ReadNFT(l.Text)
		for _, t := range p.Tables {
			t.setDevices(l.Devices)
		}
		return p
	case ToolIPSet:
		return ReadIPSetSave(l.Text)
	case listRecent:
		return ReadRecent(l.Name, l.Text, l.Clock)
	case listHashLimit:
		return ReadHashLimit(l.Family, l.Name, l.Text)
	case ToolIPTablesNFT, ToolIP6TablesNFT:
		foreign := notListed(l.Tool, l.Text)
		p := ReadIPTablesSave(l.Tool, l.Text)
		p.Tables = slices.DeleteFunc(p.Tables, func(t *Table) bool { return foreign[string(t.Family)+" "+t.Name] })
		return p
	case ToolIPTablesLegacy, ToolIP6TablesLegacy, "iptables", "ip6tables":
		return ReadIPTablesSave(l.Tool, l.Text)
	}
	return Parts{}
}

// notListed are the tables that iptables-nft has left out of its listing, though
// it names them: it knows only base chains that are called as its own (INPUT),
// and a table made with nft may have others (input).
func notListed(tool, listing string) map[string]bool {
	family := "ip"
	if strings.HasPrefix(tool, "ip6tables") {
		family = "ip6"
	}
	foreign := map[string]bool{}
	for line := range strings.Lines(listing) {
		rest, ok := strings.CutPrefix(line, "# Table `")
		name, why, found := strings.Cut(rest, "' ")
		if ok && found && strings.Contains(why, "incompatible") {
			foreign[family+" "+name] = true
		}
	}
	return foreign
}

// read reads a listing and keeps it, as long as all of them are not too long.
func (l *loader) read(x Listing) Parts {
	if l.bytes += len(x.Text); l.bytes > MaxListings {
		l.listings = nil
	} else {
		l.listings = append(l.listings, x)
	}
	return x.parts()
}
