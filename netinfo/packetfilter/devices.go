package packetfilter

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// devices finds on which interfaces ingress and egress chains act where the
// JSON does not say: nft before 1.0.8 leaves it out there, and its text has it.
func (l *loader) devices(p *Parts) {
	for _, t := range p.Tables {
		if !slices.ContainsFunc(t.Chains, func(c *Chain) bool { return c.Base != nil && c.Base.AnyDevice }) {
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
		for _, c := range t.Chains {
			if list := known[nftName(t.Family, t.Name, c.Name)]; c.Base != nil && c.Base.AnyDevice && len(list) > 0 {
				c.Base.Devices, c.Base.AnyDevice = list, false
			}
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
