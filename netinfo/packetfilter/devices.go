package packetfilter

import (
	"maps"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// nftListing reads a listing of nft. On which interfaces ingress and egress
// chains act nft before 1.0.8 leaves out of its JSON, and its text has it.
func (l *loader) nftListing(text string) {
	p := l.read(Listing{Tool: ToolNFT, Text: text})
	known := map[string][]string{}
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
		maps.Copy(known, readNFTDevices(string(out)))
		t.setDevices(known)
	}
	if n := len(l.listings); n > 0 && len(known) > 0 {
		l.listings[n-1].Devices = known
	}
	l.add(ToolNFT, p)
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
