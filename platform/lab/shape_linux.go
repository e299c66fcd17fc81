package lab

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// shape puts shapers to work on a router whose interfaces are there.
func shape(list []Shaper) error {
	roots := map[string]bool{}
	for _, s := range list {
		link, err := netlink.LinkByName(s.Dev)
		if err != nil {
			return fmt.Errorf("finding %s: %w", s.Dev, err)
		}
		if !roots[s.Dev] {
			// The kernel gives the queue of a class as many packets.
			if err := netlink.LinkSetTxQLen(link, s.Queue); err != nil {
				return fmt.Errorf("shortening the queue of %s: %w", s.Dev, err)
			}
			root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
			direct := uint32(1000) // packets of no class, which wait for nobody
			root.DirectQlen = &direct
			if err := netlink.QdiscAdd(root); errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
				return errNoShapers
			} else if err != nil {
				return fmt.Errorf("adding a shaper to %s: %w", s.Dev, err)
			}
			roots[s.Dev] = true
		}
		// As RouterOS does, a class may send at once what it may send in a tenth of a second,
		// and always a packet of full size.
		const tenth, packet = 80, 1600
		class := netlink.NewHtbClass(
			netlink.ClassAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, s.Class), Parent: netlink.MakeHandle(1, 0)},
			netlink.HtbClassAttrs{Rate: s.Rate, Buffer: uint32(min(max(s.Rate/tenth, packet), 1<<30)), Cbuffer: packet})
		if err := netlink.ClassAdd(class); err != nil {
			return fmt.Errorf("adding a class to %s: %w", s.Dev, err)
		}
	}
	return nil
}

// Shapes reports whether sites have their shapers. It needs the rights that Enter gives.
func Shapes() bool {
	n, err := newNode("trial", nil)
	if err != nil {
		return false
	}
	defer n.shut()
	return n.Do(func() error { return shape([]Shaper{{Dev: "lo", Class: 1, Rate: 1e6, Queue: 10}}) }) == nil
}
