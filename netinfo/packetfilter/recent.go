package packetfilter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// RecentTable is one list of the "recent" match, /proc/net/xt_recent/NAME.
type RecentTable struct {
	Name    string
	Entries []RecentEntry
	// Incomplete reports that some of its lines were not understood.
	Incomplete bool
}

// RecentEntry is one address that a recent list remembers. Addresses of both
// families may be in one list.
type RecentEntry struct {
	Addr netip.Addr
	// Ages of the remembered packets when the list was read, newest first; nil
	// when the kernel's clock at that moment was not known.
	Ages    []time.Duration
	Packets int // remembered packets
}

// RecentOp is what a recent match does.
type RecentOp uint8

// The operations of xt_recent.
const (
	RecentSet    RecentOp = iota + 1 // remember the packet; always matches
	RecentCheck                      // --rcheck
	RecentUpdate                     // --update: remembers a packet that matched
	RecentRemove                     // forget the address; matches if it was there
)

// RecentMatch is the "recent" match of iptables.
type RecentMatch struct {
	List     string
	Op       RecentOp
	Not      bool
	Seconds  int // 0: any age
	HitCount int // 0: one will do
	TTL      bool
	Dest     bool       // --rdest: the destination is what is remembered
	Mask     netip.Addr // of --mask; invalid means the whole address
}

// Clock is the kernel's clock at the moment the recent lists were read. The
// zero value means it is not known; ages of entries are then not known either.
type Clock struct {
	Jiffies uint64 // as in /proc/timer_list
	Hz      int    // jiffies in a second
}

// ReadRecent reads /proc/net/xt_recent/NAME. The file keeps times in jiffies.
func ReadRecent(name, text string, clock Clock) Parts {
	t := &RecentTable{Name: name}
	p := Parts{Recent: []*RecentTable{t}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		en, ok := recentEntry(line, clock)
		if !ok {
			p.fault("xt_recent "+name, n, notUnderstood(line))
			t.Incomplete = true
			continue
		}
		t.Entries = append(t.Entries, en)
	}
	return p
}

// recentEntry reads "src=192.0.2.1 ttl: 64 last_seen: 4295 oldest_pkt: 2 4290, 4295"
// (net/netfilter/xt_recent.c, recent_seq_show). The number after oldest_pkt is
// the place of the ring that is written next, and the times that follow are
// the ring from its start.
func recentEntry(line string, clock Clock) (en RecentEntry, ok bool) {
	words := strings.Fields(strings.ReplaceAll(line, ",", " "))
	if len(words) < 7 || words[1] != "ttl:" || words[3] != "last_seen:" || words[5] != "oldest_pkt:" {
		return en, false
	}
	addr, ok := strings.CutPrefix(words[0], "src=")
	a, err := netip.ParseAddr(addr)
	if !ok || err != nil || a.Zone() != "" {
		return en, false
	}
	en.Addr = a
	for _, word := range words[7:] {
		stamp, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return en, false
		}
		en.Packets++
		if clock.Hz > 0 && clock.Jiffies > 0 {
			en.Ages = append(en.Ages, clock.since(stamp))
		}
	}
	slices.Sort(en.Ages)
	_, err = strconv.ParseUint(words[4], 10, 64)
	return en, err == nil
}

// since is the time from a stamp to now. Jiffies begin five minutes before
// they wrap round, and on 32-bit kernels they do.
func (c Clock) since(stamp uint64) time.Duration {
	passed := c.Jiffies - stamp
	if stamp > c.Jiffies {
		if stamp > 1<<32 || c.Jiffies > 1<<32 {
			return 0 // read a moment after the clock was
		}
		passed = uint64(uint32(c.Jiffies) - uint32(stamp))
	}
	return platform.Seconds(passed/uint64(c.Hz)) + platform.Seconds(float64(passed%uint64(c.Hz))/float64(c.Hz))
}
