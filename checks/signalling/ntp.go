package signalling

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// publicNTP is the server that is asked for the time when none is named.
const publicNTP = "pool.ntp.org"

// ntpPatience repeats the question twice; a pool asks clients not to be eager.
func ntpPatience() probe.Schedule { return probe.At(1000, 0, 800, 1800) }

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
	to, err := probe.Lookup(ctx, env.Net, c.Server, ntpPort, env.Inputs.Bind)
	if err != nil {
		return err
	}
	c.Addr = to.Addr()
	f, err := probe.OpenUDP(ctx, env.Net, env.Inputs.Bind, to)
	if err != nil {
		return err
	}
	defer f.Close()
	var reading ntpReading
	var sent time.Time
	var cookie uint64
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
	err = f.Ask(ctx, ntpPatience(), a)
	c.Tries = a.Tries
	if a.Reply == nil {
		return fmt.Errorf("asking %s for the time: %w", c.Server, cmp.Or(err, errors.New("no answer")))
	}
	// RFC 5905, section 8: the middle of the round trip is when both clocks met.
	c.OffsetMillis = reading.middle.Sub(sent.Add(a.RTT / 2)).Milliseconds()
	c.RTTMillis, c.Stratum = probe.Millis(a.RTT), reading.stratum
	return nil
}

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
