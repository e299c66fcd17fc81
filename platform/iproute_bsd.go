//go:build !linux && !windows

package platform

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
)

// nativeProgram returns what answers for a program of Linux, in its words; nil
// runs a program of this system. macOS may have an "ip" of somebody else.
func nativeProgram(program string, args []string) func() ([]byte, error) {
	switch line := commandLine(program, args); {
	case line == "hostname":
		return nativeHostname
	case line == "ip -j -d address":
		return nativeLinks
	case program == "ip":
		return func() ([]byte, error) { return nil, fmt.Errorf("running %s: %w", line, fs.ErrNotExist) }
	}
	return nil
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
