package signalling

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// publicNTP is the server that is asked for the time when none is named.
const publicNTP = "pool.ntp.org"

// ntpPatience repeats the question twice; a pool asks clients not to be eager.
func ntpPatience() probe.Schedule {
	const ms = time.Millisecond
	return probe.Schedule{SendAt: []time.Duration{0, 800 * ms, 1800 * ms}, LastWait: 1000 * ms}
}

// askTime asks an NTP server for the time; nil if none may be asked.
func askTime(ctx context.Context, env *checks.Env) *Clock {
	name := env.Inputs.NTP
	if name == "" {
		if env.Inputs.NoPublic {
			return nil
		}
		name = publicNTP
	}
	c := &Clock{Server: name}
	if err := c.ask(ctx, env); err != nil {
		c.Error = platform.Words(err)
	}
	return c
}

func (c *Clock) ask(ctx context.Context, env *checks.Env) error {
	at, err := netinfo.ParseHostPort(c.Server)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Server, err)
	}
	addrs, err := env.Net.LookupAddrs(ctx, at.Host)
	if err != nil {
		return err
	}
	addr, ok := probe.SameFamily(addrs, env.Inputs.Bind)
	if !ok {
		return noFamily(env.Inputs.Bind)
	}
	c.Addr = addr
	conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(env.Inputs.Bind, addr), 0))
	if err != nil {
		return fmt.Errorf("opening a UDP socket: %w", err)
	}
	defer conn.Close()
	var reading ntpReading
	var sent time.Time
	var cookie uint64
	to := netip.AddrPortFrom(addr, uint16(at.PortOr(ntpPort)))
	a := &probe.Ask{
		Payload: func() []byte {
			var b []byte
			b, cookie = ntpRequest()
			sent = time.Now()
			return b
		},
		Match: func(b []byte, from netip.AddrPort) bool {
			r, err := readNTP(b, cookie)
			if from != to || err != nil {
				return false
			}
			reading = r
			return true
		},
	}
	_, err = probe.Exchange(ctx, conn, to, ntpPatience(), a)
	c.Tries = a.Tries
	if a.Reply == nil {
		if err == nil {
			err = errors.New("no answer")
		}
		return fmt.Errorf("asking %s for the time: %w", c.Server, err)
	}
	// RFC 5905, section 8: the middle of the round trip is when both clocks met.
	c.OffsetMillis = reading.middle.Sub(sent.Add(a.RTT / 2)).Milliseconds()
	c.RTTMillis, c.Stratum = float64(a.RTT.Microseconds())/1000, reading.stratum
	return nil
}

// ntpPort is NTP's (RFC 5905, section 7.2).
const ntpPort = 123

// ntpRequest is an SNTP question (RFC 4330, section 5). Its transmit timestamp
// is random: only the server can repeat it, and our own clock is not disclosed.
func ntpRequest() (b []byte, cookie uint64) {
	b = make([]byte, 48)
	b[0] = 4<<3 | 3 // version 4, client
	_, _ = rand.Read(b[40:48])
	return b, binary.BigEndian.Uint64(b[40:48])
}

type ntpReading struct {
	middle  time.Time // between the server's receiving and sending
	stratum int
}

// readNTP reads the answer to the question with that cookie.
func readNTP(b []byte, cookie uint64) (ntpReading, error) {
	switch {
	case len(b) < 48 || b[0]&7 != 4:
		return ntpReading{}, errors.New("not an answer of an NTP server")
	case binary.BigEndian.Uint64(b[24:32]) != cookie:
		return ntpReading{}, errors.New("an NTP answer to another question")
	case b[1] == 0 || b[1] > 15 || b[0]>>6 == 3:
		return ntpReading{}, errors.New("the NTP server's own clock is not set")
	}
	received, sent := ntpTime(b[32:40]), ntpTime(b[40:48])
	return ntpReading{middle: received.Add(sent.Sub(received) / 2), stratum: int(b[1])}, nil
}

// ntpTime reads an NTP timestamp: seconds since 1900, the era of 2036 when the
// top bit is clear (RFC 4330, section 3).
func ntpTime(b []byte) time.Time {
	seconds, fraction := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	const toUnix = 2208988800 // seconds from 1900 to 1970
	return time.Unix(seconds-toUnix, fraction*int64(time.Second)>>32).UTC()
}
