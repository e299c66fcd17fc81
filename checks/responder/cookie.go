package responder

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

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
