// Package checktest is a network in memory: hosts, routers, NATs, packet
// filters, loss, delay and SIP ALGs, behind platform.Network. It keeps time
// with the time package alone, so that inside testing/synctest minutes of NAT
// ageing take no time, and outside of it the same office runs at real speed,
// which is what "sipdoctor lab" falls back to where namespaces are forbidden.
//
// Its ALGs and servers share no code with the checks they are used to test.
package checktest

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A World is one network in memory. Its parts may be used concurrently. It
// runs no goroutine of its own: packets move in the goroutine that sends them,
// or in a timer's where a router delays them.
type World struct {
	// mu guards everything in the world, all the way down to the sockets'
	// queues. One lock keeps the order of packets that of the sends.
	mu     sync.Mutex
	rng    *rand.Rand
	ready  []func() // what happens next, in order
	later  []event  // what happens after a delay, the earliest first
	timer  *time.Timer
	closed bool
	hosts  []*Host
	names  map[string][]netip.Addr
	srv    map[string][]platform.SRV
	txt    map[string][]string
}

// New returns an empty world. Loss, jitter and random ports follow the seed.
// The caller closes the world.
func New(seed uint64) *World {
	return &World{
		rng:   rand.New(rand.NewPCG(seed, 0x5157)),
		names: map[string][]netip.Addr{},
		srv:   map[string][]platform.SRV{},
		txt:   map[string][]string{},
	}
}

// Close closes every socket in the world and drops the packets under way.
func (w *World) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.ready, w.later = nil, nil
	if w.timer != nil {
		w.timer.Stop()
	}
	for _, h := range w.hosts {
		h.closeAll()
	}
}

// AddName makes name resolve to the addresses, for every host. A malformed
// address panics, as everywhere in this package: a world is code.
func (w *World) AddName(name string, addrs ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[dnsName(name)] = parseAddrs(addrs)
}

// AddSRV makes _service._proto.domain resolve to the records.
func (w *World) AddSRV(service, proto, domain string, records ...platform.SRV) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.srv[srvName(service, proto, domain)] = records
}

// AddTXT makes name have these text records.
func (w *World) AddTXT(name string, records ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.txt[dnsName(name)] = records
}

func dnsName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

func srvName(service, proto, domain string) string {
	return dnsName("_" + service + "._" + proto + "." + domain)
}

// do runs f and everything that follows from it without delay.
func (w *World) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.drain()
}

// drain must only be called by the outermost holder of the lock: what runs in
// it queues more work and never drains.
func (w *World) drain() {
	for len(w.ready) > 0 {
		f := w.ready[0]
		w.ready = w.ready[1:]
		f()
	}
	w.ready = nil
}

// schedule queues f, which runs with the lock held.
func (w *World) schedule(d time.Duration, f func()) {
	switch {
	case w.closed:
	case d <= 0:
		w.ready = append(w.ready, f)
	default:
		at := time.Now().Add(d)
		// After those of the same time: packets with equal delay never overtake.
		i, _ := slices.BinarySearchFunc(w.later, at, func(e event, at time.Time) int { return cmp.Or(e.at.Compare(at), -1) })
		if w.later = slices.Insert(w.later, i, event{at, f}); i == 0 {
			w.arm()
		}
	}
}

func (w *World) arm() {
	if len(w.later) == 0 {
		return
	}
	d := time.Until(w.later[0].at)
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.tick)
		return
	}
	w.timer.Reset(d)
}

func (w *World) tick() {
	w.do(func() {
		now := time.Now()
		for len(w.later) > 0 && !w.later[0].at.After(now) {
			w.ready = append(w.ready, w.later[0].f)
			w.later = w.later[1:]
		}
		w.arm()
	})
}

type event struct {
	at time.Time
	f  func()
}

func parseAddrs(ss []string) (out []netip.Addr) {
	for _, s := range ss {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}
