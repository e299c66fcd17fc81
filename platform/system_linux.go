package platform

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coreos/go-iptables/iptables"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nativeProgram returns what answers in a program's stead, in that program's
// words: the kernel itself for routes and rules, which no container lacks, and
// for sets and chains where the program is not installed. Nil: run it.
func nativeProgram(program string, args []string) func(context.Context) ([]byte, error) {
	switch line := strings.Join(append([]string{program}, args...), " "); line {
	case "ip -j route show table all":
		return func(context.Context) ([]byte, error) { return nativeRoutes() }
	case "ip -j rule list":
		return func(context.Context) ([]byte, error) { return nativeRules(netlink.FAMILY_V4) }
	case "ip -j -6 rule list":
		return func(context.Context) ([]byte, error) { return nativeRules(netlink.FAMILY_V6) }
	case "nft -j list tables":
		// Also where nft is installed: it reads every rule before it lists the
		// tables, over a second and 200 MiB where there are 100,000.
		return func(context.Context) ([]byte, error) { return nativeNFTables() }
	case "ipset save":
		if _, err := findProgram("ipset"); err != nil {
			return func(context.Context) ([]byte, error) { return nativeSets() }
		}
	}
	if backend, ok := strings.CutSuffix(program, "-save"); ok && strings.Contains(backend, "tables") {
		if _, err := findProgram(program); err != nil {
			return func(ctx context.Context) ([]byte, error) { return nativeTables(ctx, backend) }
		}
	}
	return nil
}

// placeOf is the path of an open file, without links; name is how it was
// opened.
func placeOf(f *os.File, name string) string {
	place, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if err != nil {
		place, _ = filepath.EvalSymlinks(name) // and nothing where even that fails
	}
	return place
}

// routeTypes are the names iproute2 gives to the route types that matter; the
// others are plain.
var routeTypes = map[int]string{
	unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast",
	unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
}

// ipRow is a row of "ip -j route" or "ip -j rule", as far as it is read.
type ipRow struct {
	Type     string `json:"type,omitempty"`
	Dst      string `json:"dst,omitempty"`
	Src      string `json:"src,omitempty"`
	SrcLen   int    `json:"srclen,omitempty"`
	DstLen   int    `json:"dstlen,omitempty"`
	Gateway  string `json:"gateway,omitempty"`
	Dev      string `json:"dev,omitempty"`
	Table    string `json:"table,omitempty"`
	Prefsrc  string `json:"prefsrc,omitempty"`
	Metric   int    `json:"metric,omitempty"`
	Priority *int   `json:"priority,omitempty"`
	IIf      string `json:"iif,omitempty"`
	FwMark   string `json:"fwmark,omitempty"`
	Action   string `json:"action,omitempty"`
	Not      bool   `json:"not,omitempty"`
}

func nativeRoutes() ([]byte, error) {
	links, err := dumpAgain(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("reading interfaces: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	routes, err := dumpAgain(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_ALL, all, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	rows := []ipRow{}
	for _, r := range routes {
		row := ipRow{Type: routeTypes[r.Type], Dst: "default", Dev: names[r.LinkIndex], Table: tableName(r.Table), Metric: r.Priority}
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
		row.Gateway, row.Prefsrc = ipText(r.Gw), ipText(r.Src)
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

// nativeRules lists the policy routing rules. RuleList of the library leaves
// out what a rule does (blackhole, unreachable, prohibit), so the messages are
// read here.
func nativeRules(family int) ([]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP|unix.NLM_F_REQUEST)
	req.AddData(nl.NewIfInfomsg(family))
	messages, err := dumpAgain(func() ([][]byte, error) { return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE) })
	if err != nil {
		return nil, fmt.Errorf("reading routing rules: %w", err)
	}
	rows := []ipRow{}
	for _, m := range messages {
		row, err := ruleRow(m)
		if err != nil {
			return nil, fmt.Errorf("reading routing rules: %w", err)
		}
		rows = append(rows, row)
	}
	return json.Marshal(rows)
}

func ruleRow(message []byte) (ipRow, error) {
	msg := nl.DeserializeRtMsg(message)
	attrs, err := nl.ParseRouteAttr(message[msg.Len():])
	if err != nil {
		return ipRow{}, err
	}
	priority := 0 // the kernel leaves the attribute out for 0
	row := ipRow{Src: "all", Priority: &priority, Table: tableName(int(msg.Table)), Not: msg.Flags&netlink.FibRuleInvert > 0}
	for _, a := range attrs {
		switch v := a.Value; a.Attr.Type {
		case nl.FRA_PRIORITY:
			priority = int(binary.NativeEndian.Uint32(v))
		case unix.RTA_TABLE:
			row.Table = tableName(int(binary.NativeEndian.Uint32(v)))
		case nl.FRA_SRC:
			row.Src, row.SrcLen = net.IP(v).String(), int(msg.Src_len)
		case nl.FRA_DST:
			row.Dst, row.DstLen = net.IP(v).String(), int(msg.Dst_len)
		case nl.FRA_IIFNAME:
			row.IIf = string(bytes.TrimRight(v, "\x00"))
		case nl.FRA_FWMARK:
			row.FwMark = fmt.Sprintf("%#x", binary.NativeEndian.Uint32(v))
		}
	}
	switch int(msg.Type) { // FR_ACT_*, the numbers of RTN_* (linux/fib_rules.h)
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
		row.Action, row.Table = routeTypes[int(msg.Type)], ""
	}
	return row, nil
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

// nativeSets words the kernel's ipsets as "ipset save" would.
func nativeSets() ([]byte, error) {
	sets, err := netlink.IpsetListAll()
	if err != nil {
		return nil, privilegeOf(fmt.Errorf("reading ipsets: %w", err))
	}
	var b bytes.Buffer
	for _, s := range sets {
		if s.TypeName == "list:set" {
			err = fmt.Errorf("reading ipset %s: the members of a list:set need the program ipset: %w", s.SetName, errors.ErrUnsupported)
		}
		family := ""
		if strings.HasPrefix(s.TypeName, "hash:") && s.TypeName != "hash:mac" {
			family = " family inet"
			if s.Family == unix.AF_INET6 {
				family = " family inet6"
			}
		}
		fmt.Fprintf(&b, "create %s %s%s", s.SetName, s.TypeName, family)
		if s.Timeout != nil {
			fmt.Fprintf(&b, " timeout %d", *s.Timeout)
		}
		b.WriteByte('\n')
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "add %s %s", s.SetName, setElement(s.TypeName, e))
			if e.Timeout != nil {
				fmt.Fprintf(&b, " timeout %d", *e.Timeout)
			}
			if e.Comment != "" {
				fmt.Fprintf(&b, " comment %q", e.Comment)
			}
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), err
}

// setElement words an element by the dimensions of its set's type.
func setElement(typeName string, e netlink.IPSetEntry) string {
	_, dims, _ := strings.Cut(typeName, ":")
	var parts []string
	for i, d := range strings.Split(dims, ",") {
		switch d {
		case "ip", "net":
			ip, cidr := e.IP, e.CIDR
			if i > 0 && e.IP2 != nil {
				ip, cidr = e.IP2, e.CIDR2
			}
			text := ip.String()
			if cidr != 0 && d == "net" {
				text += "/" + strconv.Itoa(int(cidr))
			}
			parts = append(parts, text)
		case "port":
			if e.Port != nil {
				port := strconv.Itoa(int(*e.Port))
				if e.Protocol != nil {
					port = map[uint8]string{6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6", 132: "sctp"}[*e.Protocol] + ":" + port
				}
				parts = append(parts, port)
			}
		case "mac":
			parts = append(parts, e.MAC.String())
		case "iface":
			parts = append(parts, e.IFace)
		case "mark":
			if e.Mark != nil {
				parts = append(parts, fmt.Sprintf("%#x", *e.Mark))
			}
		}
	}
	return strings.Join(parts, ",")
}

// nativeTables words every table of an iptables back end whose -save program
// is missing as that program would, chain by chain.
func nativeTables(ctx context.Context, backend string) ([]byte, error) {
	path, err := findProgram(backend)
	if err != nil {
		return nil, fmt.Errorf("running %s-save: %w", backend, fs.ErrNotExist)
	}
	proto := iptables.ProtocolIPv4
	if strings.HasPrefix(backend, "ip6") {
		proto = iptables.ProtocolIPv6
	}
	ipt, err := iptables.New(iptables.Path(path), iptables.IPFamily(proto), iptables.Timeout(1))
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", backend, err)
	}
	var b bytes.Buffer
	for _, table := range tablesOf(ctx, backend) {
		chains, err := ipt.ListChains(table)
		if err != nil {
			return b.Bytes(), privilegeOf(fmt.Errorf("listing table %s with %s: %w", table, backend, err))
		}
		fmt.Fprintf(&b, "*%s\n", table)
		for _, chain := range chains {
			rules, err := ipt.List(table, chain)
			if err != nil {
				return b.Bytes(), privilegeOf(fmt.Errorf("listing chain %s with %s: %w", chain, backend, err))
			}
			b.WriteString(strings.Join(rules, "\n") + "\n")
		}
		b.WriteString("COMMIT\n")
	}
	return b.Bytes(), nil
}

// tablesOf names the tables worth listing. The legacy programs create what
// they list, so only what exists already is asked for.
func tablesOf(_ context.Context, backend string) []string {
	if strings.HasSuffix(backend, "-nft") {
		return []string{"raw", "mangle", "nat", "filter", "security"}
	}
	file := "ip_tables_names"
	if strings.HasPrefix(backend, "ip6") {
		file = "ip6_tables_names"
	}
	names, err := readNamespaceFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(names)
}

// filterGeneration asks nftables for its generation (NFT_MSG_GETGEN).
func filterGeneration() (uint32, bool) {
	const genID = 1 // NFTA_GEN_ID (linux/netfilter/nf_tables.h)
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, unix.NLM_F_ACK)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	messages, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if len(m) < nl.SizeofNfgenmsg {
			continue
		}
		attrs, err := nl.ParseRouteAttr(m[nl.SizeofNfgenmsg:])
		if err != nil {
			continue
		}
		for _, a := range attrs {
			if a.Attr.Type == genID && len(a.Value) == 4 {
				return binary.BigEndian.Uint32(a.Value), true
			}
		}
	}
	return 0, false
}

// nftFamilies are the words of nft for the kernel's families.
var nftFamilies = map[nftables.TableFamily]string{
	nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
	nftables.TableFamilyARP: "arp", nftables.TableFamilyBridge: "bridge", nftables.TableFamilyNetdev: "netdev",
}

// nativeNFTables names the loaded tables of nftables, so that rules are not
// overlooked where the program that lists them is missing.
func nativeNFTables() ([]byte, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, privilegeOf(fmt.Errorf("listing the tables of nftables: %w", err))
	}
	tables, err := c.ListTables()
	if err != nil {
		return nil, privilegeOf(fmt.Errorf("listing the tables of nftables: %w", err))
	}
	type row struct {
		Family string `json:"family"`
		Name   string `json:"name"`
	}
	list := []map[string]row{}
	for _, t := range tables {
		list = append(list, map[string]row{"table": {nftFamilies[t.Family], t.Name}})
	}
	return json.Marshal(map[string]any{"nftables": list})
}
