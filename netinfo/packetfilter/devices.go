package packetfilter

import (
	"maps"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// nftListing reads a listing of nft. On which interfaces ingress and egress
// chains act nft before 1.0.8 leaves out of its JSON, and its text has it.
func (l *loader) nftListing(text string) {
	p := l.read(Listing{Tool: ToolNFT, Text: text})
	for _, t := range p.Tables {
		if !slices.ContainsFunc(t.Chains, (*Chain).anyDevice) {
			continue
		}
		var out []byte
		if command.IsNFTName(t.Name) {
			out, _ = l.sys.Run(l.ctx, "nft", "-t", "list", "table", string(t.Family), t.Name)
		}
		if len(out) == 0 {
			out, _ = l.sys.Run(l.ctx, "nft", "list", "ruleset")
		}
		known := readNFTDevices(string(out))
		t.setDevices(known)
		if n := len(l.listings); n > 0 {
			l.listings[n-1].Devices = merged(l.listings[n-1].Devices, known)
		}
	}
	l.add(ToolNFT, p)
}

func merged(a, b map[string][]string) map[string][]string {
	if a == nil {
		return b
	}
	maps.Copy(a, b)
	return a
}

func (c *Chain) anyDevice() bool { return c.Base != nil && c.Base.AnyDevice }

// setDevices sets the interfaces of the chains whose listing left them out.
func (t *Table) setDevices(known map[string][]string) {
	for _, c := range t.Chains {
		if list := known[nftName(t.Family, t.Name, c.Name)]; c.anyDevice() && len(list) > 0 {
			c.Base.Devices, c.Base.AnyDevice = list, false
		}
	}
}

// readNFTDevices reads the interfaces of chains from the text of nft, by family,
// table and chain:
//
//	type filter hook ingress devices = { eth0, eth1 } priority filter; policy drop;
func readNFTDevices(text string) map[string][]string {
	found := map[string][]string{}
	var family, table, chain string
	for raw := range strings.Lines(text) {
		line := strings.TrimSpace(raw)
		words := strings.Fields(line[:min(len(line), 512)]) // of long sets, the beginning
		indent := len(raw) - len(strings.TrimLeft(raw, "\t"))
		switch {
		case indent == 0 && len(words) > 2 && words[0] == "table":
			family, table = words[1], words[2]
		case indent == 1 && len(words) > 1 && words[0] == "chain":
			chain = words[1]
		case indent == 2 && len(words) > 5 && words[0] == "type" && words[2] == "hook" && strings.HasPrefix(words[4], "device"):
			list, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(line[strings.Index(line, "device"):], "devices"), "device"), " priority ")
			for _, name := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" ={},\"", r) }) {
				found[nftName(family, table, chain)] = append(found[nftName(family, table, chain)], name)
			}
		}
	}
	return found
}
