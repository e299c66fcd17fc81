package packetfilter

import (
	"context"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
)

// ReadHost reads what the kernel asks besides the rules. Sockets are for the
// caller to add. The error says why the routes are missing; what else is
// missing is unknown.
func ReadHost(ctx context.Context, s platform.System) (*Host, error) {
	h := &Host{Switches: map[string]int{}, Under: map[string][]string{}}
	var err error
	h.Tables, err = routes.Read(ctx, s)
	list, _ := routes.Interfaces(ctx, s)
	h.VRFs = routes.VRFs(list)
	for _, i := range list {
		if i.Master != "" {
			h.Under[i.Master] = append(h.Under[i.Master], i.Name)
		}
		if i.Under != "" {
			h.Under[i.Name] = append(h.Under[i.Name], i.Under)
		}
	}
	for _, pattern := range []string{
		"ipv4/ip_forward", "ipv4/conf/*/forwarding", "ipv4/conf/*/rp_filter", "ipv4/conf/*/route_localnet", "ipv6/conf/*/forwarding", "netfilter/nf_conntrack_count",
	} {
		h.readSwitches(s, pattern)
	}
	if out, err := s.Run(ctx, "ip", "xfrm", "policy"); err == nil {
		h.IPsec = routes.AnswerOf(strings.TrimSpace(string(out)) != "")
	}
	return h, err
}

// maxSwitches bounds the interfaces whose switches are read: a machine with
// many containers has some hundred.
const maxSwitches = 1000

func (h *Host) readSwitches(s platform.System, pattern string) {
	const dir = "/proc/sys/net/"
	names, _ := s.Glob(dir + pattern)
	for _, name := range names[:min(len(names), maxSwitches)] {
		b, err := platform.ReadSystemFile(s, name, 16)
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			h.Switches[strings.TrimPrefix(name, dir)] = n
		}
	}
}
