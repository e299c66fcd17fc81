package platform

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
// words: the kernel itself for interfaces, neighbours, routes and rules, which no
// container lacks, and for sets and chains where the program is not installed.
// Nil: run it.
func nativeProgram(program string, args []string) func() ([]byte, error) {
	switch line := commandLine(program, args); line {
	case "hostname":
		return nativeHostname
	case "ip -j -d address":
		return nativeLinks
	case "ip -j neigh":
		return nativeNeighbours
	case "ip -j route show table all":
		return nativeRoutes
	case "ip -j rule list":
		return func() ([]byte, error) { return nativeRules(netlink.FAMILY_V4) }
	case "ip -j -6 rule list":
		return func() ([]byte, error) { return nativeRules(netlink.FAMILY_V6) }
	case "nft -j list tables":
		// Also where nft is installed: it reads every rule before it lists the
		// tables, over a second and 200 MiB where there are 100,000.
		return nativeNFTables
	case "ipset save":
		if _, err := findProgram("ipset"); err != nil {
			return nativeSets
		}
	}
	if backend, ok := strings.CutSuffix(program, "-save"); ok && strings.Contains(backend, "tables") {
		if _, err := findProgram(program); err != nil {
			return func() ([]byte, error) { return nativeTables(backend) }
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
func nativeTables(backend string) ([]byte, error) {
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
	for _, table := range tablesOf(backend) {
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
func tablesOf(backend string) []string {
	if strings.HasSuffix(backend, "-nft") {
		return []string{"raw", "mangle", "nat", "filter", "security"}
	}
	file := "ip_tables_names"
	if strings.HasPrefix(backend, "ip6") {
		file = "ip6_tables_names"
	}
	names, err := os.ReadFile(threadNet + file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(names))
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
