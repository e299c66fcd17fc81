package platform

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeTypes are the names iproute2 gives to the route types that matter; the
// others are plain.
var routeTypes = map[int]string{
	unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast",
	unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
}

// dumpAgain repeats a netlink dump that the kernel reports as interrupted by a
// change; a table that changed three times in a row is taken as it is.
func dumpAgain[T any](dump func() ([]T, error)) ([]T, error) {
	rows, err := dump()
	for try := 0; try < 2 && errors.Is(err, netlink.ErrDumpInterrupted); try++ {
		rows, err = dump()
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	return rows, err
}

// nativeLinks answers for "ip -j -d address".
func nativeLinks() ([]byte, error) {
	links, names, err := listLinks()
	if err != nil {
		return nil, err
	}
	addrs, err := dumpAgain(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("reading addresses: %w", err)
	}
	rows := []Link{}
	for _, l := range links {
		row := linkRow(l, names)
		for _, a := range addrs {
			if a.LinkIndex == row.Index && a.IPNet != nil {
				length, _ := a.Mask.Size()
				row.Addrs = append(row.Addrs, Addr{a.IP.String(), length})
			}
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

// listLinks lists the interfaces, and their names by index.
func listLinks() (links []netlink.Link, names map[int]string, err error) {
	if links, err = dumpAgain(netlink.LinkList); err != nil {
		return nil, nil, fmt.Errorf("reading interfaces: %w", err)
	}
	names = map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return links, names, nil
}

func linkRow(l netlink.Link, names map[int]string) Link {
	a := l.Attrs()
	row := Link{
		Index: a.Index, Name: a.Name, MTU: a.MTU, MAC: a.HardwareAddr.String(), Type: a.EncapType,
		State:  strings.ToUpper(strings.ReplaceAll(a.OperState.String(), "-", "")),
		Master: names[a.MasterIndex], Lower: names[a.ParentIndex],
	}
	for _, f := range []struct {
		bit  uint32
		name string
	}{{unix.IFF_LOOPBACK, FlagLoopback}, {unix.IFF_UP, FlagUp}, {unix.IFF_LOWER_UP, FlagLowerUp}} {
		if a.RawFlags&f.bit != 0 {
			row.Flags = append(row.Flags, f.name)
		}
	}
	switch l := l.(type) {
	case *netlink.Device:
	case *netlink.Tuntap:
		row.Info = LinkInfo{"tun", json.RawMessage(`{"type":"tun"}`)}
		if l.Mode == netlink.TUNTAP_MODE_TAP {
			row.Info.Data = json.RawMessage(`{"type":"tap"}`)
		}
	case *netlink.Vrf:
		row.Info = LinkInfo{"vrf", fmt.Appendf(nil, `{"table":%d}`, l.Table)}
	default:
		row.Info.Kind = l.Type()
	}
	return row
}

// nativeNeighbours answers for "ip -j neigh".
func nativeNeighbours() ([]byte, error) {
	_, names, err := listLinks()
	if err != nil {
		return nil, err
	}
	list, err := dumpAgain(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("reading neighbours: %w", err)
	}
	rows := []NeighbourRow{}
	for _, n := range list {
		if n.Family != netlink.FAMILY_V4 && n.Family != netlink.FAMILY_V6 || n.State&netlink.NUD_NOARP != 0 {
			continue
		}
		row := NeighbourRow{Dst: n.IP.String(), Dev: names[n.LinkIndex], MAC: n.HardwareAddr.String()}
		for state, word := range map[int]string{netlink.NUD_FAILED: "FAILED", netlink.NUD_INCOMPLETE: "INCOMPLETE"} {
			if n.State&state != 0 {
				row.State = append(row.State, word)
			}
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

// nativeRoutes answers for "ip -j route show table all".
func nativeRoutes() ([]byte, error) {
	_, names, err := listLinks()
	if err != nil {
		return nil, err
	}
	all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	routes, err := dumpAgain(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_ALL, all, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	rows := []RouteRow{}
	for _, r := range routes {
		row := RouteRow{
			Type: routeTypes[r.Type], Dst: "default", Dev: names[r.LinkIndex], Table: tableName(r.Table), Metric: int64(r.Priority),
			Gateway: ipText(r.Gw), PrefSrc: ipText(r.Src),
		}
		if r.Dst != nil {
			if ones, bits := r.Dst.Mask.Size(); ones == bits {
				row.Dst = r.Dst.IP.String()
			} else if ones > 0 || r.Type == unix.RTN_LOCAL {
				row.Dst = r.Dst.String()
			}
		}
		if row.Dst == "default" && r.Family == netlink.FAMILY_V6 {
			row.Dst = "::/0" // iproute2 says "default" too; this tells the family
		}
		for _, hop := range r.MultiPath {
			row.NextHops = append(row.NextHops, NextHop{ipText(hop.Gw), names[hop.LinkIndex]})
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

// nativeRules lists the policy routing rules, as "ip -j rule list" does. RuleList
// of the library leaves out what a rule does (blackhole, unreachable, prohibit),
// so the messages are read here.
func nativeRules(family int) ([]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP|unix.NLM_F_REQUEST)
	req.AddData(nl.NewIfInfomsg(family))
	messages, err := dumpAgain(func() ([][]byte, error) { return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE) })
	if err != nil {
		return nil, fmt.Errorf("reading routing rules: %w", err)
	}
	rows := []map[string]any{}
	for _, m := range messages {
		row, err := ruleRow(m)
		if err != nil {
			return nil, fmt.Errorf("reading routing rules: %w", err)
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

// ruleRow words a rule with the names of iproute2. What no reader understands
// is named too: a rule that asks for more must not pass for one that asks for
// less.
func ruleRow(message []byte) (map[string]any, error) {
	msg := nl.DeserializeRtMsg(message)
	attrs, err := nl.ParseRouteAttr(message[msg.Len():])
	if err != nil {
		return nil, err
	}
	// The kernel leaves the priority out for 0.
	row := map[string]any{"src": "all", "priority": 0, "table": tableName(int(msg.Table))}
	if msg.Flags&netlink.FibRuleInvert > 0 {
		row["not"] = nil
	}
	if msg.Tos != 0 {
		row["tos"] = msg.Tos
	}
	for _, a := range attrs {
		ruleWord(row, int(a.Attr.Type), a.Value, msg)
	}
	switch int(msg.Type) { // FR_ACT_* (linux/fib_rules.h)
	case nl.FR_ACT_NOP:
		row["action"] = "nop"
		delete(row, "table")
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT: // the same numbers
		row["action"] = routeTypes[int(msg.Type)]
		delete(row, "table")
	}
	return row, nil
}

// ruleWord words one attribute of a rule.
func ruleWord(row map[string]any, attr int, value []byte, msg *nl.RtMsg) {
	number := func() uint32 { return binary.NativeEndian.Uint32(value) }
	name := func() string { return string(bytes.TrimRight(value, "\x00")) }
	switch attr {
	case nl.FRA_PRIORITY:
		row["priority"] = number()
	case unix.RTA_TABLE:
		row["table"] = tableName(int(number()))
	case nl.FRA_SRC:
		row["src"], row["srclen"] = net.IP(value).String(), msg.Src_len
	case nl.FRA_DST:
		row["dst"], row["dstlen"] = net.IP(value).String(), msg.Dst_len
	case nl.FRA_IIFNAME:
		row["iif"] = name()
	case nl.FRA_OIFNAME:
		row["oif"] = name()
	case nl.FRA_FWMARK:
		row["fwmark"] = fmt.Sprintf("%#x", number())
	case nl.FRA_FWMASK:
		if number() != 1<<32-1 {
			row["fwmask"] = fmt.Sprintf("%#x", number())
		}
	case nl.FRA_SUPPRESS_PREFIXLEN: // -1: it passes over nothing
		if n := int32(number()); n >= 0 {
			row["suppress_prefixlen"] = n
		}
	case nl.FRA_SUPPRESS_IFGROUP:
		if n := int32(number()); n >= 0 {
			row["suppress_ifgroup"] = n
		}
	case nl.FRA_L3MDEV:
		row["l3mdev"] = nil
	case nl.FRA_PROTOCOL, nl.FRA_FLOW, nl.FRA_PAD: // who made it, and accounting
	default:
		row["attribute "+strconv.Itoa(attr)] = value
	}
}

func tableName(id int) string {
	switch id {
	case 0:
		return ""
	case unix.RT_TABLE_MAIN:
		return "main"
	case unix.RT_TABLE_LOCAL:
		return "local"
	case unix.RT_TABLE_DEFAULT:
		return "default"
	}
	return strconv.Itoa(id)
}

func ipText(ip net.IP) string {
	if ip == nil {
		return ""
	}
	return ip.String()
}
