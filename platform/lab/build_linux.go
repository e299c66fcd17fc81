package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// build makes everything of the plan and returns its nodes by name.
func (o *Office) build(ctx context.Context, p *plan) (map[string]*Node, error) {
	nodes := map[string]*Node{}
	o.names = p.names
	for _, np := range p.nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := o.addNode(np.name)
		if err != nil {
			return nil, err
		}
		nodes[np.name] = n
		if err := n.Do(func() error { return setUpNode(np) }); err != nil {
			return nil, unavailable(fmt.Errorf("setting up %q: %w", np.name, err))
		}
		if err := n.load(ctx, np); err != nil {
			return nil, fmt.Errorf("setting up %q: %w", np.name, err)
		}
	}
	for i, l := range p.links {
		if err := o.connect(l, nodes, p.delay, cableIndex(i)); err != nil {
			return nil, unavailable(fmt.Errorf("wiring %q to %q: %w", l.a.node, l.b.node, err))
		}
	}
	for _, r := range p.routes {
		if err := nodes[r.node].Do(r.add); err != nil {
			return nil, unavailable(fmt.Errorf("routing %s on %q: %w", r.dst, r.node, err))
		}
	}
	for _, n := range nodes {
		if err := n.Do(func() error { return waitIPv6(ctx) }); err != nil {
			return nil, fmt.Errorf("waiting for the addresses of %q: %w", n.Name, err)
		}
	}
	return nodes, nil
}

func (o *Office) addNode(name string) (*Node, error) {
	n, err := newNode(name, o.names)
	if err != nil {
		return nil, unavailable(err)
	}
	o.onClose(n.shut)
	return n, nil
}

// unavailable marks errors that say that this kernel or its policy has no
// place for a lab.
func unavailable(err error) error {
	for _, is := range []error{fs.ErrPermission, unix.EROFS, unix.EOPNOTSUPP, unix.ENOSYS, unix.ENOENT, unix.ENOSPC, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}

// setUpNode runs in the node: loopback, forwarding, packet filter.
func setUpNode(np nodePlan) error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	for _, s := range np.sysctls() {
		err := os.WriteFile("/proc/sys/net/"+s.key, []byte(s.value), 0)
		if err != nil && !(s.optional && errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("setting net/%s: %w", s.key, err)
		}
	}
	if np.firewall == nil {
		return nil
	}
	if err := installFirewall(*np.firewall); err != nil {
		return err
	}
	return setUDPTimeout(np.firewall.UDPTimeoutS)
}

// setUDPTimeout sets both timers of connection tracking, which exist once the
// packet filter has brought it into the namespace; 0 leaves them.
func setUDPTimeout(seconds int) error {
	if seconds == 0 {
		return nil
	}
	for _, key := range []string{"nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"} {
		if err := os.WriteFile("/proc/sys/net/netfilter/"+key, []byte(strconv.Itoa(seconds)), 0); err != nil {
			return fmt.Errorf("setting net/netfilter/%s: %w", key, err)
		}
	}
	return nil
}

type sysctl struct {
	key, value string
	optional   bool // this kernel may be built without it
}

// sysctls are the node's settings. Duplicate address detection would keep
// IPv6 addresses unusable for a second, and there is nobody to duplicate them.
func (np nodePlan) sysctls() []sysctl {
	s := []sysctl{
		{"ipv6/conf/default/accept_dad", "0", true},
		{"ipv6/conf/default/dad_transmits", "0", true},
		{"ipv6/conf/default/accept_ra", "0", true},
	}
	if np.forwards {
		s = append(s, sysctl{"ipv4/ip_forward", "1", false}, sysctl{"ipv6/conf/all/forwarding", "1", true})
	}
	return s
}

// connect lays the cable l, over a delaying box when the plan says so.
func (o *Office) connect(l linkPlan, nodes map[string]*Node, delay time.Duration, index int) error {
	a, b := nodes[l.a.node], nodes[l.b.node]
	if !l.delayed || delay == 0 {
		return cable(a, l.a, b, l.b, index, l.mtu)
	}
	wire, err := o.addNode("wire")
	if err != nil {
		return err
	}
	inside, outside := endPlan{dev: "inside"}, endPlan{dev: "outside"}
	if err := cable(a, l.a, wire, inside, index, l.mtu); err != nil {
		return err
	}
	if err := cable(wire, outside, b, l.b, index+1, l.mtu); err != nil {
		return err
	}
	d, err := startDelay(wire, inside.dev, outside.dev, delay)
	if err != nil {
		return fmt.Errorf("starting the delay: %w", err)
	}
	o.onClose(d.stop)
	return nil
}
