package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-iptables/iptables"
)

// linuxPacketFilter lists what may attach the SIP helper: the sysctl of kernels
// before 6.0, the raw tables of both iptables back ends in both families (the
// CT target exists nowhere else, iptables-extensions(8)), and the nftables
// ruleset, once as JSON for its meaning and once as text for its wording.
func linuxPacketFilter(ctx context.Context) ([]Text, error) {
	texts := helperSysctl()
	if os.Geteuid() != 0 {
		return texts, fmt.Errorf("reading the packet filter: %w", ErrPrivilege)
	}
	var errs []error
	backends, err := iptablesBackends(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	for _, b := range backends {
		t, err := rawTable(b)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		texts = append(texts, t)
	}
	if _, err := findProgram("nft"); err != nil {
		return texts, errors.Join(errs...)
	}
	rules, err := runTexts(ctx, []string{"nft", "-a", "-j", "list", "ruleset"}, []string{"nft", "-a", "list", "ruleset"})
	return append(texts, rules...), errors.Join(append(errs, err)...)
}

// helperSysctl reads the switch that, before Linux 6.0, attached every loaded
// helper to its usual port. A kernel without the file has no such switch, and
// without the SIP module it does nothing.
func helperSysctl() []Text {
	const name = "net.netfilter.nf_conntrack_helper"
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_helper")
	if err != nil {
		return nil
	}
	if _, err := os.Stat("/sys/module/nf_conntrack_sip"); err != nil {
		return nil
	}
	return []Text{{Program: "sysctl " + name, Output: fmt.Appendf(nil, "%s = %s\n", name, strings.TrimSpace(string(b)))}}
}

type iptablesBackend struct {
	program string
	proto   iptables.Protocol
}

// iptablesBackends names the programs whose raw table is worth listing. A
// host's rules may sit in either back end, whichever "iptables" is linked to.
// Listing with iptables-legacy creates the tables it lists, so it is asked only
// for a table that exists already. The root of a user namespace may not read
// which ones do; that is the error.
func iptablesBackends(ctx context.Context) (list []iptablesBackend, err error) {
	for _, f := range []struct {
		name, names string
		proto       iptables.Protocol
	}{
		{"iptables", "ip_tables_names", iptables.ProtocolIPv4},
		{"ip6tables", "ip6_tables_names", iptables.ProtocolIPv6},
	} {
		names, nerr := readNamespaceFile(f.names)
		if nerr != nil {
			err = fmt.Errorf("reading the rules of iptables-legacy: %w", nerr)
		}
		legacy := slices.Contains(strings.Fields(names), "raw")
		found := false
		for _, b := range []struct {
			program string
			ask     bool
		}{{f.name + "-legacy", legacy}, {f.name + "-nft", true}} {
			if _, err := findProgram(b.program); err != nil {
				continue
			}
			found = true
			if b.ask {
				list = append(list, iptablesBackend{b.program, f.proto})
			}
		}
		if found {
			continue
		}
		// Systems with a single iptables: it says which back end it is.
		if v, err := runText(ctx, f.name, "--version"); err == nil && (legacy || strings.Contains(string(v.Output), "nf_tables")) {
			list = append(list, iptablesBackend{f.name, f.proto})
		}
	}
	return list, err
}

// readNamespaceFile reads a file of /proc/net in the network namespace of the
// calling thread; a file that does not exist (a kernel without that module) is
// empty.
func readNamespaceFile(name string) (string, error) {
	b, err := os.ReadFile("/proc/thread-self/net/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// rawTable lists every chain of the raw table, as "iptables -t raw -S" would.
func rawTable(b iptablesBackend) (Text, error) {
	t := Text{Program: b.program + " -t raw -S"}
	path, err := findProgram(b.program)
	if err != nil {
		return t, fmt.Errorf("running %s: %w", t.Program, err)
	}
	// One second for the xtables lock: a firewall script that holds it longer
	// must not hold up the whole run.
	ipt, err := iptables.New(iptables.Path(path), iptables.IPFamily(b.proto), iptables.Timeout(1))
	if err != nil {
		return t, fmt.Errorf("running %s: %w", t.Program, err)
	}
	chains, err := ipt.ListChains("raw")
	if err != nil {
		return t, fmt.Errorf("running %s: %w", t.Program, err)
	}
	for _, chain := range chains {
		rules, err := ipt.List("raw", chain)
		if err != nil {
			return t, fmt.Errorf("running %s: %w", t.Program, err)
		}
		for _, r := range rules {
			t.Output = append(append(t.Output, r...), '\n')
		}
	}
	return t, nil
}
