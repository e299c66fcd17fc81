package capture

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// Comparison is two captures of the same messages: Observed is the first, Other the
// second.
type Comparison struct {
	Passage
	Other Observed `json:"other"`
	// FirstOnly and OtherOnly are messages that one capture lacks, within the time
	// that both cover; the numbers may be higher than the lists are long.
	FirstOnly []Message `json:"first_only"`
	OtherOnly []Message `json:"other_only"`
	Missing   [2]int    `json:"missing"` // in the other, in the first
	// Silent are streams of the first capture that the other lacks wholly, and the
	// other way round.
	Silent [2][]Stream `json:"silent"`
	Full   bool        `json:"full,omitempty"` // there was no memory for all messages
}

const (
	// maxKept is how many bytes of messages are held to be compared.
	maxKept = 96 << 20
	// maxOnly is how many messages that one capture lacks are kept as examples.
	maxOnly = 20
	// leastSession is how long a tag, or the number of a session description, must be
	// to be that of one call: some systems count from 1.
	leastSession = 6
)

// keeper holds the messages of a capture by what no device on the way changes.
type keeper struct {
	byKey map[string][]*kept
	order []*kept
	bytes int
	full  bool
}

type kept struct {
	m       Message
	raw     []byte
	nextHop string
	sum     uint64 // of its key, in a relay
	pair    *kept
}

// keys name a message by what devices on the way leave alone, the surest first: the
// Call-ID; the tag, where the Call-ID was replaced; the session of the body, where the
// tag was as well.
func keys(m *Message, id string) []string {
	rest := fmt.Sprintf("\x00%d\x00%s\x00%d", m.CSeq, m.Method, m.Status)
	out := []string{id + rest}
	if len(m.From.Tag) >= leastSession {
		out = append(out, "\x00tag "+m.From.Tag+rest)
	}
	if m.SDP != nil && len(m.SDP.Session) >= leastSession {
		out = append(out, "\x00sdp "+m.SDP.Session+fmt.Sprintf("\x00%s\x00%d", m.Method, m.Status))
	}
	return out
}

func (k *keeper) keep(m Message, id string, raw, ether []byte) {
	if k.bytes += len(raw); k.bytes > maxKept {
		k.full = true
		return
	}
	h := &kept{m: m, raw: bytes.Clone(raw), nextHop: nextHop(ether)}
	k.order = append(k.order, h)
	if k.byKey == nil {
		k.byKey = map[string][]*kept{}
	}
	for _, name := range keys(&m, id) {
		k.byKey[name] = append(k.byKey[name], h)
	}
}

// compare reads the second captures and pairs their messages with those of the first.
func (r *reading) compare(ctx context.Context, env *checks.Env, files []checks.File) error {
	c := &Comparison{Passage: Passage{Changed: []Pair{}}, FirstOnly: []Message{}, OtherOnly: []Message{}}
	r.o.Compared = c
	other := newReading(&c.Other)
	other.keeper = &keeper{}
	var err error
	for _, f := range files {
		if err = other.open(ctx, env, f); err != nil {
			break
		}
	}
	other.finish()
	c.Full = r.keeper.full || other.keeper.full
	c.pair(r, other)
	return err
}

// pair finds for each message of the first capture the same in the other. Copies pair
// up in their order.
func (c *Comparison) pair(first, other *reading) {
	for _, a := range first.keeper.order {
		for _, name := range keys(&a.m, a.m.callID) {
			for _, b := range other.keeper.byKey[name] {
				if b.pair == nil && a.pair == nil {
					a.pair, b.pair = b, a
				}
			}
		}
	}
	c.changes(first, other)
	slices.SortStableFunc(c.Changed, func(a, b Pair) int { return cmp.Compare(a.First.Frame, b.First.Frame) })
	c.lost(first, other)
}

// changes compares the messages of each pair.
func (c *Comparison) changes(first, other *reading) {
	shift := (other.begin - first.begin) / 1000
	for _, a := range first.keeper.order {
		if a.pair != nil {
			c.took(a, a.pair, a.pair.m.At-a.m.At+shift)
		}
	}
}

// ahead is how much the other place's clock is ahead of the first's, microseconds: as
// far as messages that went both ways tell.
func (c *Comparison) ahead() int64 {
	switch {
	case c.Toward != nil && c.Back != nil:
		return (*c.Toward - *c.Back) / 2
	case c.Toward != nil:
		return *c.Toward
	case c.Back != nil:
		return -*c.Back
	}
	return 0
}

// lost lists what only one capture holds while both were running.
func (c *Comparison) lost(first, other *reading) {
	readings, late := [2]*reading{first, other}, [2]int64{0, c.ahead() * 1000}
	begin, end := max(first.begin, other.begin-late[1]), min(first.last, other.last-late[1])
	within := func(i int, at int64) bool {
		at = readings[i].begin + at*1000 - late[i]
		return at >= begin && at <= end
	}
	var media [2]map[netip.AddrPort]bool // of calls that both places saw
	lists := [2]*[]Message{&c.FirstOnly, &c.OtherOnly}
	for i, r := range readings {
		media[i] = map[netip.AddrPort]bool{}
		for _, k := range r.keeper.order {
			switch {
			case c.viaProxy && k.m.Status == 100, c.renamed && k.pair == nil:
				// A proxy sends its own (RFC 3261, 16.2), and what a PBX or session border controller
				// makes of a message without a body cannot be known again.
			case k.pair != nil && k.m.SDP != nil:
				for j := range k.m.SDP.Media {
					if at, ok := k.m.SDP.Media[j].at(); ok {
						media[i][at] = true
					}
				}
			case k.pair == nil && within(i, k.m.At):
				if c.Missing[i]++; len(*lists[i]) < maxOnly {
					*lists[i] = append(*lists[i], k.m)
				}
			}
		}
	}
	var back Passage
	alone := [2][]*Stream{
		c.pairStreams(first.o.Streams, other.o.Streams, apart),
		back.pairStreams(other.o.Streams, first.o.Streams, apart),
	}
	for i, list := range alone {
		c.Silent[i] = []Stream{}
		for _, s := range list {
			if within(i, s.Begin) && within(i, s.End) && (media[i][s.Src] || media[i][s.Dst]) && len(c.Silent[i]) < maxOnly {
				c.Silent[i] = append(c.Silent[i], *s)
			}
		}
	}
}

// remember keeps a message where captures are compared, and looks for it among those
// that this capture holds already.
func (r *reading) remember(d *pcap.Datagram, m Message, id string, raw []byte) {
	r.relay.take(&r.o.Passed, &m, id, raw)
	if r.keeper != nil {
		m.callID = id
		r.keeper.keep(m, id, raw, d.Ether)
	}
}
