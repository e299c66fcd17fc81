//go:build !linux && !windows

package platform

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
)

// nativeAnswers are the programs of Linux that the system itself answers for. macOS
// may have an "ip" of somebody else.
func nativeAnswers() map[string]func() ([]byte, error) {
	return map[string]func() ([]byte, error){"hostname": nativeHostname, "ip -j -d address": nativeLinks}
}

// nativeLinks answers for "ip -j -d address": the interfaces as far as the
// standard library knows them; their kind follows from their name.
func nativeLinks() ([]byte, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("reading interfaces: %w", err)
	}
	rows := []Link{}
	for _, i := range list {
		row := Link{Name: i.Name, Index: i.Index, MTU: i.MTU, MAC: i.HardwareAddr.String(), Kind: linkKindByName(i.Name)}
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0 {
			row.Flags = []string{FlagUp, FlagLowerUp}
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("reading addresses of %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				row.Addrs = append(row.Addrs, Addr{p.Addr().WithZone("").String(), p.Bits()})
			}
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}
