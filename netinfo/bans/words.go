package bans

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// short writes a network as people do: without the length if it is one address.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// only is a list of one command.
func only(c command.Command) []command.Command { return []command.Command{c} }
