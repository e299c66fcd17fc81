//go:build !linux && !windows

package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
)

func thisMachine() Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH,
		Hostname:   os.Hostname,
		Root:       func() bool { return os.Geteuid() == 0 },
		Tables:     bsdTables,
		Neighbours: bsdNeighbours,
	}
}

func bsdTables(ctx context.Context) (Tables, error) {
	interfaces, ierr := stdInterfaces()
	commands := [][]string{{"netstat", "-rn", "-f", "inet"}, {"netstat", "-rn", "-f", "inet6"}, {"arp", "-an"}}
	if runtime.GOOS == "darwin" {
		commands = append(commands, []string{"networksetup", "-listallhardwareports"})
	}
	texts, terr := runTexts(ctx, commands...)
	return Tables{Interfaces: interfaces, Texts: texts}, errors.Join(ierr, terr)
}

func bsdNeighbours(ctx context.Context) (Tables, error) {
	texts, err := runTexts(ctx, []string{"arp", "-an"})
	return Tables{Texts: texts}, err
}

// stdInterfaces lists the interfaces as far as the standard library knows
// them; their kind follows from their name.
func stdInterfaces() ([]Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("reading interfaces: %w", err)
	}
	var out []Interface
	for _, i := range list {
		o := Interface{
			Name: i.Name, Index: i.Index, MTU: i.MTU, MAC: i.HardwareAddr.String(),
			Kind: linkKindByName(i.Name),
			Up:   i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
		}
		addrs, err := i.Addrs()
		if err != nil {
			return out, fmt.Errorf("reading addresses of %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				o.Addrs = append(o.Addrs, netip.PrefixFrom(p.Addr().WithZone(""), p.Bits()))
			}
		}
		out = append(out, o)
	}
	return out, nil
}
