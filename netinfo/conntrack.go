package netinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ConntrackState is the state of Linux's connection tracking. Numbers are -1 where
// the kernel did not tell.
type ConntrackState struct {
	Loaded bool `json:"loaded"` // the machine tracks connections at all
	Count  int  `json:"count"`  // entries in this network namespace
	Max    int  `json:"max"`    // beyond it new flows are dropped
	// Seconds after which a UDP flow is forgotten: one that had packets in one
	// direction, and one that had them in both.
	UDPTimeout       int `json:"udp_timeout_s"`
	UDPStreamTimeout int `json:"udp_stream_timeout_s"`
	// AutoHelper reports that the kernel attaches helpers by port without any
	// rule (nf_conntrack_helper=1; the switch is gone since Linux 6.0).
	AutoHelper bool `json:"auto_helper"`
	// SIPHelper reports that the SIP helper's module is loaded or built in, and
	// SIPNAT that its rewriting half is. A rule or AutoHelper must attach it
	// before it touches anything.
	SIPHelper bool  `json:"sip_helper"`
	SIPNAT    bool  `json:"sip_nat"`
	SIPPorts  []int `json:"sip_ports,omitempty"` // of the module; empty: 5060
}

// Full is the share of the table that is taken, from 0 to 1; 0 when not known.
func (c ConntrackState) Full() float64 {
	if c.Count <= 0 || c.Max <= 0 {
		return 0
	}
	return float64(c.Count) / float64(c.Max)
}

// ReadConntrack reads connection tracking's figures and the SIP helper's state.
// The notes say what could not be read.
func ReadConntrack(sys platform.System) (c ConntrackState, notes []words.Cause) {
	read := func(name string) string {
		b, err := platform.ReadSystemFile(sys, name, 1<<20)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			notes = append(notes, platform.Words(fmt.Errorf("reading %s: %w", name, err)))
		}
		return strings.TrimSpace(string(b))
	}
	figure := func(name string) int {
		n, err := strconv.Atoi(read("/proc/sys/net/netfilter/" + name))
		if err != nil {
			return -1
		}
		return n
	}
	c.Count, c.Max = figure("nf_conntrack_count"), figure("nf_conntrack_max")
	c.Loaded = c.Max >= 0
	c.UDPTimeout, c.UDPStreamTimeout = figure("nf_conntrack_udp_timeout"), figure("nf_conntrack_udp_timeout_stream")
	c.AutoHelper = figure("nf_conntrack_helper") == 1
	modules := moduleNames(read("/proc/modules"))
	ports := read("/sys/module/nf_conntrack_sip/parameters/ports")
	c.SIPHelper = slices.Contains(modules, "nf_conntrack_sip") || ports != ""
	c.SIPNAT = slices.Contains(modules, "nf_nat_sip")
	c.SIPPorts = modulePorts(ports)
	return c, notes
}

func moduleNames(text string) (names []string) {
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, strings.TrimSpace(name))
	}
	return names
}

// modulePorts reads "5060,0,0,0,0,0,0,0": zeroes are places not used.
func modulePorts(text string) (ports []int) {
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err == nil && n > 0 && n <= 65535 {
			ports = append(ports, n)
		}
	}
	return ports
}
