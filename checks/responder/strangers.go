package responder

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// An address that has not shown that it receives what we send may have been
// put into the packet by somebody else. To such an address the responder sends,
// for each packet, one that is no longer; and all of them together get no more
// than these ceilings, so that a flood of such packets is not worth sending.

// A strangerKind is a reason to answer somebody unproven. Each has a budget of
// its own, so that a flood of one kind does not silence the others.
type strangerKind int

const (
	strangerSIP    strangerKind = iota // an OPTIONS without a token
	strangerSTUN                       // a Binding request
	strangerCookie                     // a control frame without a cookie
	strangerProbe                      // a message with a session's token, from an address that is not the session's
	strangerKinds
)

// strangerBytes is what an answer of each kind may cost on average, bytes with
// its headers, for the ceiling in bytes: 200 answers of 512 bytes are 0.8
// Mbit/s.
const strangerBytes = 512

// strangers are the budgets and the addresses that are not strangers.
type strangers struct {
	packets, bytes [strangerKinds]*rate.Limiter

	mu     sync.Mutex
	proven map[netip.Addr]time.Time // until when
}

func newStrangers(answers rate.Limit) *strangers {
	s := &strangers{proven: map[netip.Addr]time.Time{}}
	for k := range s.packets {
		s.packets[k] = rate.NewLimiter(answers, int(min(answers, 1<<20))+1)
		s.bytes[k] = rate.NewLimiter(answers*strangerBytes, int(min(answers, 1<<20)+1)*strangerBytes)
	}
	return s
}

// may reports whether an answer to somebody unproven may be sent, and takes it
// from the budget. asked and answer are the lengths of both UDP payloads: IP and
// UDP headers are the same on either, and what is no longer is not sent in
// more fragments either.
func (s *strangers) may(k strangerKind, asked, answer int, now time.Time) bool {
	const headers = 40 + 8 // of IPv6, the longer
	if answer > asked || !s.packets[k].AllowN(now, 1) {
		return false
	}
	return s.bytes[k].AllowN(now, answer+headers)
}

// prove notes for a while that somebody who talks to us receives at a: a TCP
// handshake or a cookie has shown it.
func (s *strangers) prove(a netip.Addr, now time.Time, long time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.proven[a]; known || len(s.proven) < maxSources {
		s.proven[a] = now.Add(long)
	}
}

func (s *strangers) isProven(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.proven[a])
}

func (s *strangers) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.proven, func(_ netip.Addr, until time.Time) bool { return !now.Before(until) })
}

// cookieEpoch is how long a cookie is given out; it is accepted for one epoch
// more. Who can collect cookies of addresses that are not his gains little
// from so short a time.
const cookieEpoch = 2 * time.Minute

// A cookieJar makes cookies that prove that the sender of a datagram receives
// at its source address and port, without keeping anything about it.
type cookieJar struct{ key [32]byte }

func (j *cookieJar) make(from netip.AddrPort, now time.Time) []byte {
	return j.at(from, now.Unix()/int64(cookieEpoch/time.Second))
}

func (j *cookieJar) valid(cookie []byte, from netip.AddrPort, now time.Time) bool {
	epoch := now.Unix() / int64(cookieEpoch/time.Second)
	return hmac.Equal(cookie, j.at(from, epoch)) || hmac.Equal(cookie, j.at(from, epoch-1))
}

func (j *cookieJar) at(from netip.AddrPort, epoch int64) []byte {
	m := hmac.New(sha256.New, j.key[:])
	a := from.Addr().As16()
	m.Write(a[:])
	m.Write(binary.BigEndian.AppendUint16(nil, from.Port()))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
	return m.Sum(nil)[:session.CookieLen]
}
