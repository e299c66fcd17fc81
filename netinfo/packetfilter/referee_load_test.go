//go:build linux

package packetfilter_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// A rulebook is what is loaded into the machine: text for each program, in the
// order in which they run.
type rulebook struct {
	ipset   string // ipset restore
	legacy4 string // iptables-legacy-restore
	legacy6 string
	nft4    string // iptables-nft-restore
	nft6    string
	nft     string // nft -f
	flows   []flow // connections that exist already
}

// A flow is a UDP conversation that conntrack knows, both ways seen.
type flow struct {
	src, dst     netip.Addr
	sport, dport uint16
	mark         uint32
}

func run(stdin string, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", strings.Join(args, " "), err, errs.String(), blamed(stdin, errs.String()))
	}
	return out, nil
}

// blamed is the line that a program of iptables complains of by its number.
func blamed(stdin, complaint string) string {
	_, after, ok := strings.Cut(complaint, "line ")
	n, err := strconv.Atoi(strings.TrimRight(strings.Fields(after + " x")[0], ":"))
	if lines := strings.Split(stdin, "\n"); ok && err == nil && n > 0 && n <= len(lines) {
		return lines[n-1]
	}
	return ""
}

// emptyTables empties the tables of iptables-legacy, and sets their policies.
func emptyTables() string {
	var b strings.Builder
	for _, t := range []struct{ name, chains string }{
		{"raw", "PREROUTING OUTPUT"}, {"mangle", "PREROUTING INPUT FORWARD OUTPUT POSTROUTING"},
		{"nat", "PREROUTING INPUT OUTPUT POSTROUTING"}, {"filter", "INPUT FORWARD OUTPUT"},
	} {
		b.WriteString("*" + t.name + "\n")
		for c := range strings.SplitSeq(t.chains, " ") {
			b.WriteString(":" + c + " ACCEPT [0:0]\n")
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

// load replaces everything that is loaded. The tables of iptables-nft and of
// nft go with the flush; iptables-legacy replaces the four tables that it has.
func (g *ground) load(r rulebook) error {
	if _, err := run("flush ruleset\n", "nft", "-f", "-"); err != nil {
		return err
	}
	steps := []struct {
		text string
		args []string
	}{
		{r.legacy4, []string{"iptables-legacy-restore"}},
		{r.legacy6, []string{"ip6tables-legacy-restore"}},
		{r.nft4, []string{"iptables-nft-restore"}},
		{r.nft6, []string{"ip6tables-nft-restore"}},
		{r.nft, []string{"nft", "-f", "-"}},
	}
	if err := g.forgetLegacy(); err != nil {
		return err
	}
	if r.ipset != "" {
		// The sets stay when their elements go: rules of iptables-nft hold on to
		// them for a while after they were flushed.
		if _, err := run("flush\n"+r.ipset, "ipset", "-exist", "restore"); err != nil {
			return err
		}
	}
	g.hadLegacy4, g.hadLegacy6 = r.legacy4 != "", r.legacy6 != ""
	for _, s := range steps {
		if s.text == "" {
			continue
		}
		if _, err := run(s.text, s.args...); err != nil {
			return err
		}
	}
	if err := netlink.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("flushing conntrack: %w", err)
	}
	for _, f := range r.flows {
		if err := f.create(); err != nil {
			return err
		}
	}
	return nil
}

// forgetLegacy empties the tables of iptables-legacy that the last rulebook
// filled; they also hold on to sets.
func (g *ground) forgetLegacy() error {
	if g.hadLegacy4 {
		if _, err := run(emptyTables(), "iptables-legacy-restore"); err != nil {
			return err
		}
	}
	if g.hadLegacy6 {
		if _, err := run(emptyTables(), "ip6tables-legacy-restore"); err != nil {
			return err
		}
	}
	g.hadLegacy4, g.hadLegacy6 = false, false
	return nil
}

func (f flow) create() error {
	family := netlink.InetFamily(unix.AF_INET)
	if f.src.Is6() {
		family = unix.AF_INET6
	}
	tuple := func(src, dst netip.Addr, sport, dport uint16) netlink.IPTuple {
		return netlink.IPTuple{SrcIP: src.AsSlice(), DstIP: dst.AsSlice(), SrcPort: sport, DstPort: dport, Protocol: protoUDP}
	}
	err := netlink.ConntrackCreate(netlink.ConntrackTable, family, &netlink.ConntrackFlow{
		FamilyType: uint8(family), Forward: tuple(f.src, f.dst, f.sport, f.dport), Reverse: tuple(f.dst, f.src, f.dport, f.sport),
		Mark: f.mark, TimeOut: 600,
	})
	if err != nil {
		return fmt.Errorf("creating a flow: %w", err)
	}
	return nil
}

// read lists what is loaded as sipdoctor does, and hands it to the front ends.
func (g *ground) read(r rulebook) (*packetfilter.Ruleset, error) {
	g.listed = nil
	for _, p := range []struct {
		is   bool
		args []string
	}{
		{r.ipset != "", []string{"ipset", "save"}},
		{r.legacy4 != "", []string{"iptables-legacy-save"}},
		{r.legacy6 != "", []string{"ip6tables-legacy-save"}},
		{r.nft4 != "", []string{"iptables-nft-save"}},
		{r.nft6 != "", []string{"ip6tables-nft-save"}},
		{r.nft != "" || r.nft4 != "", []string{"nft", "-a", "-j", "list", "ruleset"}},
	} {
		if !p.is {
			continue
		}
		out, err := run("", p.args...)
		if err != nil && strings.HasSuffix(p.args[0], "-legacy-save") {
			out, err = saveEach(p.args[0])
		}
		if err != nil {
			return nil, err
		}
		g.listed = append(g.listed, listing{p.args[0], string(out)})
	}
	return rulesOf(g.listed), nil
}

// saveEach lists the tables one by one: the root of a user namespace may not
// read which there are.
func saveEach(program string) (all []byte, err error) {
	for _, table := range []string{"raw", "mangle", "nat", "filter"} {
		out, err := run("", program, "-t", table)
		if err != nil {
			return nil, err
		}
		all = append(all, out...)
	}
	return all, nil
}
