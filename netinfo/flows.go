package netinfo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Flow is a connection that the kernel tracks, as its first packet came.
type Flow struct {
	Protocol string         `json:"protocol"` // udp or tcp
	From     netip.AddrPort `json:"from"`
	To       netip.AddrPort `json:"to"`
	// Answered reports that a packet went back: from then on those of the flow
	// are established to the packet filter.
	Answered bool `json:"answered"`
}

// String is the flow as a person would say it.
func (f Flow) String() string {
	return fmt.Sprintf("%s from %s to port %d", strings.ToUpper(f.Protocol), f.From, f.To.Port())
}

// End is the command that makes the kernel forget all flows of the address.
func (f Flow) End() command.Command {
	return command.New("conntrack", "-D", "-s").Values(f.From.Addr().String()).Words("-p").Values(f.Protocol)
}

// maxFlows bounds the flows of one port. 10,000 phones at one PBX are more than
// one Asterisk serves.
const maxFlows = 20_000

// ReadFlows lists the flows to a port of this machine, of both families. The
// error says why they are not known: root alone may ask, with conntrack(8), or
// of a kernel that still has the file /proc/net/nf_conntrack.
func ReadFlows(ctx context.Context, sys platform.System, protocol string, port uint16) (list []Flow, err error) {
	list, err = listFlows(ctx, sys, protocol, port)
	if !errors.Is(err, fs.ErrNotExist) {
		return list, err
	}
	b, ferr := platform.ReadSystemFile(sys, "/proc/net/nf_conntrack", maxFlowFile)
	if ferr != nil {
		return nil, err
	}
	list = []Flow{}
	for _, f := range parseFlows(string(b)) {
		if f.Protocol == protocol && f.To.Port() == port && len(list) < maxFlows {
			list = append(list, f)
		}
	}
	return list, nil
}

// maxFlowFile bounds what is read of the kernel's own list: 250,000 entries.
const maxFlowFile = 64 << 20

// listFlows asks conntrack(8).
func listFlows(ctx context.Context, sys platform.System, protocol string, port uint16) (list []Flow, err error) {
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := sys.Run(ctx, "conntrack", "-L", "-f", family, "-p", protocol, "--orig-port-dst", strconv.Itoa(int(port)))
		if err != nil {
			if family == "ipv6" && list != nil { // the machine may have no IPv6
				break
			}
			return nil, fmt.Errorf("listing the flows to %s port %d: %w", protocol, port, err)
		}
		list = append(list, parseFlows(string(out))...)
		if list == nil {
			list = []Flow{}
		}
	}
	return list[:min(len(list), maxFlows)], nil
}

// parseFlows reads what "conntrack -L" prints, and the kernel's own list, which
// has a family and its number before it: the protocol, its number, seconds
// left, of TCP a state, and the addresses and ports of the first packet and of
// the answers.
func parseFlows(text string) (list []Flow) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 2 && (words[0] == "ipv4" || words[0] == "ipv6") {
			words = words[2:]
		}
		if len(words) < 8 || words[0] != "udp" && words[0] != "tcp" {
			continue
		}
		f := Flow{Protocol: words[0], Answered: !strings.Contains(line, "[UNREPLIED]")}
		value := map[string]string{}
		for _, w := range words[2:] {
			name, v, ok := strings.Cut(w, "=")
			if _, known := value[name]; ok && !known { // the first of two is the first packet's
				value[name] = v
			}
		}
		from, ok1 := flowEnd(value["src"], value["sport"])
		to, ok2 := flowEnd(value["dst"], value["dport"])
		if f.From, f.To = from, to; ok1 && ok2 {
			list = append(list, f)
		}
	}
	return list
}

func flowEnd(addr, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	n, perr := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), err == nil && perr == nil
}
