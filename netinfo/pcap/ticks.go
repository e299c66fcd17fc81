package pcap

import "math/bits"

// Units of time, nanoseconds.
const (
	microsecond = 1000
	second      = 1_000_000_000
)

// ticks is the unit of an interface's clock, and what is to be added to it.
type ticks struct {
	perSecond uint64
	offset    int64 // seconds
}

// microseconds is the unit where a file says none.
var microseconds = ticks{perSecond: 1_000_000}

// nanoseconds turns a count into nanoseconds since 1970.
func (t ticks) nanoseconds(count uint64) int64 {
	if t.perSecond == 0 {
		t.perSecond = microseconds.perSecond
	}
	whole, part := count/t.perSecond, count%t.perSecond
	high, low := bits.Mul64(part, second)
	fraction, _ := bits.Div64(high, low, t.perSecond)
	return (int64(whole)+t.offset)*second + int64(fraction)
}

// resolution reads the option if_tsresol: a negative power of ten, or of two
// where the highest bit is set.
func resolution(b byte) uint64 {
	base, power := uint64(10), int(b)
	if b&0x80 != 0 {
		base, power = 2, int(b&0x7f)
	}
	n := uint64(1)
	for range power {
		if n > 1<<59 {
			return 0 // finer than any clock; the default stands
		}
		n *= base
	}
	return n
}
