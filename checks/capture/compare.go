package capture

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Comparison is two captures of the same messages: Observed is the first, Other the
// second.
type Comparison struct {
	Other Observed `json:"other"`
	// Pairs are messages that both captures hold, Same those of them without a
	// difference.
	Pairs   int    `json:"pairs"`
	Same    int    `json:"same"`
	Changed []Pair `json:"changed"`
	// FirstOnly and OtherOnly are messages that one capture lacks, within the time
	// that both cover; the numbers may be higher than the lists are long.
	FirstOnly []Message `json:"first_only"`
	OtherOnly []Message `json:"other_only"`
	Missing   [2]int    `json:"missing"` // in the other, in the first
	// Delays are how much later, by the clocks of the captures, messages appear in
	// the other: the smallest of those that go each way.
	Toward *int64 `json:"toward_us,omitempty"` // messages that go from the first to the other
	Back   *int64 `json:"back_us,omitempty"`
	Full   bool   `json:"full,omitempty"` // there was no memory for all messages
}

// Pair is one message at both places.
type Pair struct {
	First    Message `json:"first"`
	Other    Message `json:"other"`
	FirstRaw []byte  `json:"first_raw"`
	OtherRaw []byte  `json:"other_raw"`
	Outward  bool    `json:"outward"` // it went from the first place to the other
}

const (
	// maxKept is how many bytes of messages are held to be compared.
	maxKept = 96 << 20
	// maxPairs, by kind of change, and maxOnly are how many are kept as examples.
	maxPairs = 5
	maxOnly  = 20
)

// keeper holds the messages of a capture by what no device on the way changes.
type keeper struct {
	byKey map[string][]*kept
	order []*kept
	bytes int
	full  bool
}

type kept struct {
	m    Message
	raw  []byte
	pair *kept
}

// key names a message: what a device that rewrites addresses leaves alone. second is
// for devices that replace the Call-ID as well.
func key(m *Message, id string) (first, second string) {
	rest := fmt.Sprintf("\x00%d\x00%s\x00%d", m.CSeq, m.Method, m.Status)
	return id + rest, "\x00" + m.From.Tag + rest
}

func (k *keeper) keep(m Message, id string, raw []byte) {
	if k.bytes += len(raw); k.bytes > maxKept {
		k.full = true
		return
	}
	h := &kept{m: m, raw: bytes.Clone(raw)}
	k.order = append(k.order, h)
	if k.byKey == nil {
		k.byKey = map[string][]*kept{}
	}
	first, second := key(&m, id)
	k.byKey[first] = append(k.byKey[first], h)
	if m.From.Tag != "" {
		k.byKey[second] = append(k.byKey[second], h)
	}
}

// compare reads the second captures and pairs their messages with those of the first.
func (r *reading) compare(ctx context.Context, env *checks.Env, files []checks.File) error {
	c := &Comparison{Changed: []Pair{}, FirstOnly: []Message{}, OtherOnly: []Message{}}
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

// pair finds for each message of the first capture the same in the other: by
// Call-ID, and where that was replaced by the tag. Copies pair up in their order.
func (c *Comparison) pair(first, other *reading) {
	for _, a := range first.keeper.order {
		byID, byTag := key(&a.m, a.m.callID)
		for _, k := range []string{byID, byTag} {
			for _, b := range other.keeper.byKey[k] {
				if b.pair == nil && a.pair == nil && (k == byID || b.m.callID != a.m.callID) {
					a.pair, b.pair = b, a
				}
			}
		}
	}
	c.changes(first, other)
	c.lost(first, other)
}

func (c *Comparison) changes(first, other *reading) {
	shift := other.begin - first.begin
	kinds := map[string]int{}
	for _, a := range first.keeper.order {
		if a.pair == nil {
			continue
		}
		b := a.pair
		c.Pairs++
		outward := outward(&a.m, &b.m)
		if later := b.m.At - a.m.At + shift/1000; outward {
			lower(&c.Toward, later)
		} else {
			lower(&c.Back, -later)
		}
		if bytes.Equal(a.raw, b.raw) {
			c.Same++
			continue
		}
		sent, arrived := a.raw, b.raw
		if !outward {
			sent, arrived = b.raw, a.raw
		}
		kind := fmt.Sprint(outward, a.m.Method, a.m.Status > 0)
		for _, ch := range sip.Compare(sent, arrived) {
			kind += " " + string(ch.Code)
		}
		if kinds[kind]++; kinds[kind] <= maxPairs {
			c.Changed = append(c.Changed, Pair{First: a.m, Other: b.m, FirstRaw: a.raw, OtherRaw: b.raw, Outward: outward})
		}
	}
}

// lower keeps the smallest.
func lower(best **int64, d int64) {
	if *best == nil || d < **best {
		*best = &d
	}
}

// outward tells whether a message went from the first place to the other: each
// router on the way takes one from the TTL; without a router the request goes
// away from whoever has the private address.
func outward(a, b *Message) bool {
	if a.TTL != b.TTL {
		return a.TTL > b.TTL
	}
	if a.Dst == b.Dst && a.Src != b.Src {
		return true // source NAT
	}
	if a.Src == b.Src && a.Dst != b.Dst {
		return false
	}
	return a.Status == 0
}

// lost lists what only one capture holds while both were running.
func (c *Comparison) lost(first, other *reading) {
	begin, end := max(first.begin, other.begin), min(first.last, other.last)
	within := func(r *reading, m *Message) bool {
		at := r.begin + m.At*1000
		return at >= begin && at <= end
	}
	for i, r := range []*reading{first, other} {
		list := &c.FirstOnly
		if i == 1 {
			list = &c.OtherOnly
		}
		for _, k := range r.keeper.order {
			if k.pair != nil || !within(r, &k.m) {
				continue
			}
			if c.Missing[i]++; len(*list) < maxOnly {
				*list = append(*list, k.m)
			}
		}
	}
	slices.SortStableFunc(c.Changed, func(a, b Pair) int { return cmp.Compare(a.First.Frame, b.First.Frame) })
}

// remember keeps a message where captures are compared.
func (r *reading) remember(m Message, id string, raw []byte) {
	if r.keeper != nil {
		m.callID = id
		r.keeper.keep(m, id, raw)
	}
}
